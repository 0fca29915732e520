//! Keys of servers that this user has trusted before: one line for each, in a file of the state
//! directory. Owns the file; what a key is worth is decided elsewhere.
//!
//! A line is `HOST:PORT tls SHA256:…`: whose key it is, its kind, and its fingerprint. Empty lines,
//! lines that begin with `#` and lines of other kinds stay and mean nothing. A server may have
//! several lines, such as before its key changes.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::address::ServerAddress;
use chatshelf_common::fingerprint::Fingerprint;

use crate::lang::tr;
use crate::state_dir;

/// The file's name in the state directory.
const FILE_NAME: &str = "known_hosts";
/// Locked while the file is changed, so that no other run's line is lost.
const LOCK_NAME: &str = "known_hosts.lock";
/// The kind of a line whose fingerprint is that of a key for TLS.
const KIND: &str = "tls";
/// Largest file that is read, in bytes: about ten thousand servers.
pub const KNOWN_HOSTS_BYTES_MAX: u64 = 1024 * 1024;

/// The file, wherever it is; on a system without a place for it, nothing is known or remembered.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    directory: Option<PathBuf>,
}

/// A key that is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Where it is known from, for people: `FILE:LINE`.
    pub place: String,
}

impl KnownHosts {
    /// In the user's state directory.
    #[must_use]
    pub fn of_user() -> Self {
        Self { directory: state_dir::path() }
    }

    /// In this directory, or nowhere.
    #[must_use]
    pub fn within(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// The path of the file, if there is a place for it.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.join(FILE_NAME))
    }

    /// What is known of a server.
    ///
    /// # Errors
    /// When that cannot be told for sure: the file cannot be read, or a line of this server makes
    /// no sense.
    pub fn find(&self, server: &ServerAddress) -> io::Result<Vec<KnownKey>> {
        let Some(path) = self.path() else { return Ok(Vec::new()) };
        let text = read(&path)?;
        let key = |(line, fingerprint): (usize, Option<Fingerprint>)| {
            let place = format!("{}:{line}", path.display());
            match fingerprint {
                Some(fingerprint) => Ok(KnownKey { fingerprint, place }),
                None => Err(io::Error::other(tr!("{place} has no fingerprint", place))),
            }
        };
        keys(&text, server).map(key).collect()
    }

    /// Adds a key, unless it is there. False if there is no place for it.
    ///
    /// # Errors
    /// When the file cannot be written; it is then as it was.
    pub fn remember(&self, server: &ServerAddress, key: Fingerprint) -> io::Result<bool> {
        let Some(directory) = &self.directory else { return Ok(false) };
        state_dir::create(directory)?;
        change(directory, |text| {
            if keys(&text, server).any(|(_, known)| known == Some(key)) {
                return None;
            }
            let mut text = text;
            if text.last().is_some_and(|last| *last != b'\n') {
                text.push(b'\n');
            }
            text.extend(format!("{server} {KIND} {key}\n").bytes());
            Some(text)
        })?;
        Ok(true)
    }

    /// Removes all lines of a server; answers how many there were.
    ///
    /// # Errors
    /// When the file cannot be read or written; it is then as it was.
    pub fn forget(&self, server: &ServerAddress) -> io::Result<usize> {
        let Some(directory) = self.directory.as_ref().filter(|directory| directory.exists()) else {
            return Ok(0);
        };
        let mut removed = 0;
        change(directory, |text| {
            let is_other = |line: &&[u8]| entry(line).is_none_or(|(name, _)| name != *server);
            let lines = text.split_inclusive(|byte| *byte == b'\n');
            removed = lines.clone().count();
            let kept: Vec<&[u8]> = lines.filter(is_other).collect();
            removed -= kept.len();
            (removed > 0).then(|| kept.concat())
        })?;
        Ok(removed)
    }
}

/// Finds a server's lines in the text of a known hosts file: their numbers, from 1, and the
/// fingerprints that they have.
pub fn keys(
    text: &[u8],
    server: &ServerAddress,
) -> impl Iterator<Item = (usize, Option<Fingerprint>)> {
    let numbered = (1..).zip(text.split(|byte| *byte == b'\n'));
    numbered.filter_map(move |(number, line)| {
        let (name, fingerprint) = entry(line)?;
        (name == *server).then_some((number, fingerprint))
    })
}

/// Whose key a line has, and its fingerprint if that makes sense; `None` for any other line.
fn entry(line: &[u8]) -> Option<(ServerAddress, Option<Fingerprint>)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| !name.starts_with('#'))?;
    if words.next() != Some(KIND) {
        return None;
    }
    Some((name.parse().ok()?, words.next().and_then(|word| word.parse().ok())))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| {
        let why = crate::plain_error::plain_error(&error);
        io::Error::new(error.kind(), format!("{}: {why}", path.display()))
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(named(error)),
        // Anything else, such as a pipe, could block.
        Ok(metadata) if !metadata.is_file() => {
            return Err(named(io::Error::other(tr!("it is not a regular file"))));
        }
        Ok(_) => {}
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(named)?;
    file.take(KNOWN_HOSTS_BYTES_MAX + 1).read_to_end(&mut text).map_err(named)?;
    if text.len() as u64 > KNOWN_HOSTS_BYTES_MAX {
        return Err(named(io::Error::other(tr!("it is larger than 1 MiB"))));
    }
    Ok(text)
}

/// Replaces the file by what `edit` makes of its text, if anything: as a whole, or not at all.
fn change(directory: &Path, edit: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> io::Result<()> {
    let lock = directory.join(LOCK_NAME);
    let lock = File::options().create(true).truncate(false).write(true).open(lock)?;
    lock.lock()?;
    let path = directory.join(FILE_NAME);
    let Some(text) = edit(read(&path)?) else { return Ok(()) };
    // Readable for its owner alone, as tempfile makes it; what a link leads to is replaced.
    let path = path.canonicalize().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(directory))?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    fn key(number: u8) -> Fingerprint {
        Fingerprint::of(&[number])
    }

    fn fingerprints(hosts: &KnownHosts, name: &str) -> Vec<Fingerprint> {
        hosts.find(&server(name)).unwrap().into_iter().map(|known| known.fingerprint).collect()
    }

    fn hosts() -> (tempfile::TempDir, KnownHosts) {
        let dir = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::within(Some(dir.path().join("state")));
        (dir, hosts)
    }

    #[test]
    fn a_key_is_known_until_it_is_forgotten() {
        let (_dir, hosts) = hosts();
        assert_eq!(fingerprints(&hosts, "lab"), []);
        assert_eq!(hosts.forget(&server("lab")).unwrap(), 0);
        for _ in 0..2 {
            assert!(hosts.remember(&server("lab"), key(1)).unwrap());
        }
        assert!(hosts.remember(&server("lab:9001"), key(2)).unwrap());
        assert!(hosts.remember(&server("[::1]:9000"), key(3)).unwrap());
        let path = hosts.path().unwrap();
        let text = format!(
            "lab:9000 tls {}\nlab:9001 tls {}\n[::1]:9000 tls {}\n",
            key(1),
            key(2),
            key(3)
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fingerprints(&hosts, "LAB:9000"), [key(1)]);
        let place = format!("{}:2", path.display());
        let known = KnownKey { fingerprint: key(2), place };
        assert_eq!(hosts.find(&server("lab:9001")).unwrap(), [known]);
        assert_eq!(hosts.forget(&server("chatshelf://lab")).unwrap(), 1);
        assert_eq!(fingerprints(&hosts, "lab"), []);
        assert_eq!(fingerprints(&hosts, "::1"), [key(3)]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_file_even_if_they_could_before() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, hosts) = hosts();
        let path = hosts.path().unwrap();
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        hosts.remember(&server("lab"), key(1)).unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        hosts.remember(&server("lab"), key(2)).unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(fingerprints(&hosts, "lab"), [key(1), key(2)], "a server may have two");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_changed_and_the_link_stays() {
        let (dir, hosts) = hosts();
        let (path, elsewhere) = (hosts.path().unwrap(), dir.path().join("elsewhere"));
        std::fs::write(&elsewhere, "").unwrap();
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        hosts.remember(&server("lab"), key(1)).unwrap();
        assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
        assert!(std::fs::read_to_string(&elsewhere).unwrap().contains("lab:9000"));
    }

    #[test]
    fn what_makes_no_sense_stays_and_counts_only_for_the_server_that_it_names() {
        let (_dir, hosts) = hosts();
        let path = hosts.path().unwrap();
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let good = key(1);
        let strange = [
            b"# lab:9000 tls SHA256:x\r\n\n  \n".to_vec(),
            b"lab:9000\nlab:9000 ssh SHA256:x\nla/b tls SHA256:x\n".to_vec(),
            b"lab\xff:9000 tls SHA256:x\n\0\0\n".to_vec(),
            format!("\tLab tls {good} by hand\r\nhut:1 tls nonsense\nhut:2 tls").into_bytes(),
        ]
        .concat();
        std::fs::write(&path, &strange).unwrap();
        assert_eq!(fingerprints(&hosts, "lab"), [good]);
        for (name, line) in [("hut:1", 10), ("hut:2", 11)] {
            let why = hosts.find(&server(name)).unwrap_err().to_string();
            assert_eq!(why, format!("{}:{line} has no fingerprint", path.display()));
        }
        hosts.remember(&server("new"), key(2)).unwrap();
        let line = format!("\nnew:9000 tls {}\n", key(2)).into_bytes();
        assert_eq!(std::fs::read(&path).unwrap(), [&strange[..], &line].concat());
        assert_eq!(hosts.forget(&server("hut:2")).unwrap(), 1, "that is the way out");
        assert!(hosts.find(&server("hut:2")).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_empty_file() {
        let (dir, hosts) = hosts();
        let path = hosts.path().unwrap();
        std::fs::create_dir_all(&path).unwrap();
        let why = hosts.find(&server("lab")).unwrap_err().to_string();
        assert_eq!(why, format!("{}: it is not a regular file", path.display()));
        assert!(hosts.remember(&server("lab"), key(1)).is_err());
        assert!(hosts.forget(&server("lab")).is_err());
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, vec![b'\n'; KNOWN_HOSTS_BYTES_MAX as usize]).unwrap();
        assert_eq!(fingerprints(&hosts, "lab"), []);
        std::fs::write(&path, vec![b'\n'; KNOWN_HOSTS_BYTES_MAX as usize + 1]).unwrap();
        assert!(hosts.find(&server("lab")).unwrap_err().to_string().contains("larger"));
        let below_a_file = KnownHosts::within(Some(path.join("state")));
        assert!(below_a_file.remember(&server("lab"), key(1)).is_err());
        assert!(!KnownHosts::within(None).remember(&server("lab"), key(1)).unwrap());
        drop(dir);
    }

    #[test]
    fn runs_at_the_same_time_lose_no_line() {
        let (_dir, hosts) = hosts();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let hosts = &hosts;
                scope.spawn(move || {
                    hosts.remember(&server(&format!("lab:{}", number + 1)), key(number)).unwrap();
                });
            }
        });
        for number in 0..8 {
            assert_eq!(fingerprints(&hosts, &format!("lab:{}", number + 1)), [key(number)]);
        }
    }
}
