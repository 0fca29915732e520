//! Keys of servers that this user has trusted before: one line for each, in a file of the state
//! directory. Owns the file; what a key is worth is decided elsewhere.
//!
//! A line is `HOST:PORT tls SHA256:…`: whose key it is, its kind, and its fingerprint. A word
//! `unconfirmed` behind it says that nobody has confirmed the key yet; versions that do not know
//! the word skip it, as they skip any other. Empty lines and lines that begin with `#` mean
//! nothing. A server may have several lines, such as before its key changes.
//!
//! A damaged line never makes a known server an unknown one: if it still names its server, nothing
//! is known for sure of that server; if it names none, of no server that has no other line.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::address::ServerAddress;
use chatshelf_common::fingerprint::{Fingerprint, PREFIX};

use crate::lang::tr;
use crate::state_dir;

/// The file's name in the state directory.
const FILE_NAME: &str = "known_hosts";
/// Locked while the file is changed, so that no other run's line is lost.
const LOCK_NAME: &str = "known_hosts.lock";
/// The kind of a line whose fingerprint is that of a key for TLS.
const KIND: &str = "tls";
/// Follows the fingerprint of a key that nobody has confirmed.
const UNCONFIRMED: &str = "unconfirmed";
/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Symbolic links that are followed, one after the other, as on Linux.
const LINKS_MAX: usize = 40;
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
    /// The key.
    pub entry: Entry,
    /// Where it is known from, for people: `FILE:LINE`.
    pub place: String,
}

/// What a line says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// False for a key that was accepted without a question.
    pub is_confirmed: bool,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// Nothing: it is empty, or a comment.
    Nothing,
    /// Something of this server: its key, if that makes sense.
    Of(ServerAddress, Option<Entry>),
    /// Nothing that can be understood: it may be of any server.
    Unreadable,
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
    /// When that cannot be told for sure: the file cannot be read, a line of this server makes no
    /// sense, or no line is this server's for sure and some line may be.
    pub fn find(&self, server: &ServerAddress) -> io::Result<Vec<KnownKey>> {
        let Some(path) = self.path() else { return Ok(Vec::new()) };
        let text = read(&path)?;
        let place = |number: usize| format!("{}:{number}", path.display());
        let (mut known, mut unreadable) = (Vec::new(), None);
        for (number, line) in lines(&text) {
            match line {
                Line::Of(name, Some(entry)) if name == *server => {
                    known.push(KnownKey { entry, place: place(number) });
                }
                Line::Of(name, None) if name == *server => {
                    return Err(io::Error::other(tr!(
                        "{place} has no fingerprint; correct that line, or type: chatshelf forget \
                         {server}",
                        place = place(number),
                        server,
                    )));
                }
                Line::Unreadable => unreadable = unreadable.or(Some(number)),
                Line::Of(..) | Line::Nothing => {}
            }
        }
        match unreadable.filter(|_| known.is_empty()) {
            Some(number) => Err(io::Error::other(tr!(
                "{place} makes no sense, and may be about this server; correct or remove that line",
                place = place(number),
            ))),
            None => Ok(known),
        }
    }

    /// Adds a key, unless it is there; one that is there and is confirmed now is no longer marked
    /// as unconfirmed. False if there is no place for it.
    ///
    /// # Errors
    /// When the file cannot be written; it is then as it was.
    pub fn remember(&self, server: &ServerAddress, entry: Entry) -> io::Result<bool> {
        let Some(directory) = &self.directory else { return Ok(false) };
        state_dir::create(directory)?;
        change(directory, |text| {
            let mut is_there = false;
            let mut edited = Vec::with_capacity(text.len());
            for raw in text.split_inclusive(|byte| *byte == b'\n') {
                match line(raw) {
                    Line::Of(name, Some(there))
                        if name == *server && there.fingerprint == entry.fingerprint =>
                    {
                        is_there = true;
                        let confirms = entry.is_confirmed && !there.is_confirmed;
                        edited.extend(if confirms { unmarked(raw) } else { raw.to_vec() });
                    }
                    _ => edited.extend(raw),
                }
            }
            if !is_there {
                if edited.last().is_some_and(|last| *last != b'\n') {
                    edited.push(b'\n');
                }
                edited.extend(format!("{server} {KIND} {}", entry.fingerprint).bytes());
                if !entry.is_confirmed {
                    edited.extend(format!(" {UNCONFIRMED}").bytes());
                }
                edited.push(b'\n');
            }
            (edited != text).then_some(edited)
        })?;
        Ok(true)
    }

    /// Removes all lines of a server; answers how many there were.
    ///
    /// # Errors
    /// When the file cannot be read or written; it is then as it was.
    pub fn forget(&self, server: &ServerAddress) -> io::Result<usize> {
        let Some(directory) = self.directory.as_ref().filter(|directory| directory.is_dir()) else {
            return Ok(0);
        };
        let mut removed = 0;
        change(directory, |text| {
            let is_other = |raw: &&[u8]| !matches!(line(raw), Line::Of(name, _) if name == *server);
            let lines = text.split_inclusive(|byte| *byte == b'\n');
            removed = lines.clone().count();
            let kept: Vec<&[u8]> = lines.filter(is_other).collect();
            removed -= kept.len();
            (removed > 0).then(|| kept.concat())
        })?;
        Ok(removed)
    }
}

/// Finds a server's lines in the text of a known hosts file: their numbers, from 1, and the keys
/// that they have, if those make sense.
pub fn keys(text: &[u8], server: &ServerAddress) -> impl Iterator<Item = (usize, Option<Entry>)> {
    lines(text).filter_map(move |(number, line)| match line {
        Line::Of(name, entry) if name == *server => Some((number, entry)),
        _ => None,
    })
}

/// All lines, with their numbers.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Line)> {
    (1..).zip(text.split(|byte| *byte == b'\n').map(line))
}

fn line(raw: &[u8]) -> Line {
    // What is not UTF-8 becomes a character that no host has.
    let text = String::from_utf8_lossy(raw);
    let mut words = text.trim_start_matches(BYTE_ORDER_MARK).split_whitespace();
    let Some(name) = words.next().filter(|name| !name.starts_with('#')) else {
        return Line::Nothing;
    };
    let Ok(name) = name.parse() else { return Line::Unreadable };
    let (kind, key) = (words.next(), words.next());
    let fingerprint = key.filter(|_| kind == Some(KIND)).and_then(|word| word.parse().ok());
    let is_confirmed = words.clone().next() != Some(UNCONFIRMED);
    // The end of a line was lost: whose is the other key?
    if words.any(|word| word.starts_with(PREFIX)) {
        return Line::Unreadable;
    }
    Line::Of(name, fingerprint.map(|fingerprint| Entry { fingerprint, is_confirmed }))
}

/// The line without the mark behind its fingerprint.
fn unmarked(raw: &[u8]) -> Vec<u8> {
    let find = |text: &[u8], word: &str| {
        text.windows(word.len()).position(|window| window == word.as_bytes())
    };
    let key = find(raw, PREFIX).unwrap_or_default();
    let Some(mark) = find(&raw[key..], UNCONFIRMED) else { return raw.to_vec() };
    let (before, behind) = raw.split_at(key + mark);
    [before.trim_ascii_end(), &behind[UNCONFIRMED.len()..]].concat()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| {
        let why = crate::plain_error::plain_error(&error);
        io::Error::new(error.kind(), format!("{}: {why}", path.display()))
    };
    match std::fs::metadata(path) {
        // Below something that is no directory, there is no file either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
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
    let path = target(path)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(directory))?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Where links at this path lead, whether anything is there or not.
fn target(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..LINKS_MAX {
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {}
            _ => return Ok(path),
        }
        let next = std::fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other(tr!("too many symbolic links")))
}

#[cfg(test)]
mod tests;
