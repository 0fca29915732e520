//! Known hosts: what is written, what a line says, and what damage does to it.

use super::*;

fn server(text: &str) -> ServerAddress {
    text.parse().unwrap()
}

fn key(number: u8) -> Fingerprint {
    Fingerprint::of(&[number])
}

fn fingerprints(hosts: &KnownHosts, name: &str) -> Vec<Fingerprint> {
    let known = hosts.find(&server(name)).unwrap();
    known.into_iter().map(|known| known.entry.fingerprint).collect()
}

fn confirmed(number: u8) -> Entry {
    Entry { fingerprint: key(number), is_confirmed: true }
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
        assert!(hosts.remember(&server("lab"), confirmed(1)).unwrap());
    }
    assert!(hosts.remember(&server("lab:9001"), confirmed(2)).unwrap());
    assert!(hosts.remember(&server("[::1]:9000"), confirmed(3)).unwrap());
    let path = hosts.path().unwrap();
    let text =
        format!("lab:9000 tls {}\nlab:9001 tls {}\n[::1]:9000 tls {}\n", key(1), key(2), key(3));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fingerprints(&hosts, "LAB:9000"), [key(1)]);
    let place = format!("{}:2", path.display());
    let known = KnownKey { entry: confirmed(2), place };
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
    hosts.remember(&server("lab"), confirmed(1)).unwrap();
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    hosts.remember(&server("lab"), confirmed(2)).unwrap();
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
    hosts.remember(&server("lab"), confirmed(1)).unwrap();
    assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&elsewhere).unwrap().contains("lab:9000"));
    // Where nothing is yet.
    std::fs::remove_file(&elsewhere).unwrap();
    hosts.remember(&server("hut"), confirmed(1)).unwrap();
    assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&elsewhere).unwrap().contains("hut:9000"));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(hosts.remember(&server("lab"), confirmed(1)).is_err());
    assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
}

/// The file of these hosts, which has this text now.
fn written(hosts: &KnownHosts, text: &[u8]) -> PathBuf {
    let path = hosts.path().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// Why nothing can be said of a server.
fn refusal(hosts: &KnownHosts, name: &str) -> String {
    hosts.find(&server(name)).unwrap_err().to_string()
}

#[test]
fn a_line_that_names_its_server_and_makes_no_sense_counts_for_this_one_alone() {
    let (_dir, hosts) = hosts();
    let good = key(1);
    let strange = [
        b"# lab:9000 tls SHA256:x\r\n\n  \n# \xff\0\n".to_vec(),
        format!("\tLab tls {good} by hand\r\n").into_bytes(),
        b"hut:1 tls nonsense\nhut:2 tls\nhut:3\nhut:4 t\nhut:5 ssh SHA256:x\n".to_vec(),
        format!("hut:6 tls {good}\0\nhut:7 tls \u{fffd}{good}").into_bytes(),
    ]
    .concat();
    let path = written(&hosts, &strange);
    assert_eq!(fingerprints(&hosts, "lab"), [good]);
    for port in 1..=7 {
        let (name, line) = (format!("hut:{port}"), port + 5);
        let expected = format!(
            "{}:{line} has no fingerprint; correct that line, or type: chatshelf forget {name}",
            path.display()
        );
        assert_eq!(refusal(&hosts, &name), expected);
    }
    hosts.remember(&server("new"), confirmed(2)).unwrap();
    let line = format!("\nnew:9000 tls {}\n", key(2)).into_bytes();
    assert_eq!(std::fs::read(&path).unwrap(), [&strange[..], &line].concat());
    assert_eq!(hosts.forget(&server("hut:2")).unwrap(), 1, "that is the way out");
    assert!(hosts.find(&server("hut:2")).unwrap().is_empty());
}

#[test]
fn a_line_that_may_be_of_any_server_lets_no_first_contact_pass() {
    let (_dir, hosts) = hosts();
    let good = key(1);
    for damaged in [
        b"l\xffb:9000 tls SHA256:x".to_vec(),
        b"\0\0\0".to_vec(),
        b"la/b tls SHA256:x".to_vec(),
        b"hut: tls SHA256:x".to_vec(),
        format!("\u{200b}hut:1 tls {good}").into_bytes(),
        // Its line feed is lost.
        format!("hut:1 tls {good} hut:2 tls {good}").into_bytes(),
        // UTF-16.
        b"\xff\xfeh\0u\0t\0".to_vec(),
    ] {
        let text = [format!("lab tls {good}\n").as_bytes(), &damaged[..], b"\n"].concat();
        let path = written(&hosts, &text);
        assert_eq!(fingerprints(&hosts, "lab"), [good], "that one is known");
        let expected = format!(
            "{}:2 makes no sense, and may be about this server; correct or remove that line",
            path.display()
        );
        for name in ["hut:1", "hut:2", "new"] {
            assert_eq!(refusal(&hosts, name), expected, "{damaged:?}");
        }
    }
}

#[test]
fn what_an_editor_writes_before_the_first_line_hides_no_key() {
    let (_dir, hosts) = hosts();
    written(&hosts, format!("\u{feff}lab tls {}\n\u{feff}# mine\n", key(1)).as_bytes());
    assert_eq!(fingerprints(&hosts, "lab"), [key(1)]);
    assert!(hosts.find(&server("hut")).unwrap().is_empty());
    assert_eq!(hosts.forget(&server("lab")).unwrap(), 1);
}

#[test]
fn an_address_has_one_key_however_it_is_written() {
    let (_dir, hosts) = hosts();
    let old = format!("[fd77:0:0:0::1]:9000 tls {0}\n[::ffff:192.0.2.7]:1 tls {0}\n", key(1));
    written(&hosts, old.as_bytes());
    for name in ["fd77::1", "[FD77:0::1]:9000", "fd77:0:0:0::1", "192.0.2.7:1"] {
        assert_eq!(fingerprints(&hosts, name), [key(1)], "{name}");
    }
    assert_eq!(hosts.forget(&server("fd77::1")).unwrap(), 1);
}

#[test]
fn a_key_is_marked_as_unconfirmed_until_it_is_confirmed() {
    let (_dir, hosts) = hosts();
    let unconfirmed = Entry { fingerprint: key(1), is_confirmed: false };
    let known = |name: &str| hosts.find(&server(name)).unwrap()[0].entry;
    for _ in 0..2 {
        hosts.remember(&server("unconfirmed"), unconfirmed).unwrap();
        assert_eq!(known("unconfirmed"), unconfirmed);
    }
    let path = hosts.path().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("unconfirmed:9000 tls {} unconfirmed\n", key(1)));
    std::fs::write(&path, text.replace(" unconfirmed\n", "\tunconfirmed by me\r\nhut tls"))
        .unwrap();
    hosts.remember(&server("unconfirmed"), confirmed(1)).unwrap();
    hosts.remember(&server("unconfirmed"), unconfirmed).unwrap();
    assert_eq!(known("unconfirmed"), confirmed(1));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("unconfirmed:9000 tls {} by me\r\nhut tls", key(1)));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_no_empty_file() {
    let (dir, hosts) = hosts();
    let path = hosts.path().unwrap();
    std::fs::create_dir_all(&path).unwrap();
    let why = hosts.find(&server("lab")).unwrap_err().to_string();
    assert_eq!(why, format!("{}: it is not a regular file", path.display()));
    assert!(hosts.remember(&server("lab"), confirmed(1)).is_err());
    assert!(hosts.forget(&server("lab")).is_err());
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, vec![b'\n'; KNOWN_HOSTS_BYTES_MAX as usize]).unwrap();
    assert_eq!(fingerprints(&hosts, "lab"), []);
    std::fs::write(&path, vec![b'\n'; KNOWN_HOSTS_BYTES_MAX as usize + 1]).unwrap();
    assert!(hosts.find(&server("lab")).unwrap_err().to_string().contains("larger"));
    let below_a_file = KnownHosts::within(Some(path.join("state")));
    assert!(below_a_file.remember(&server("lab"), confirmed(1)).is_err());
    assert!(below_a_file.find(&server("lab")).unwrap().is_empty(), "there can be none");
    assert_eq!(below_a_file.forget(&server("lab")).unwrap(), 0);
    assert!(!KnownHosts::within(None).remember(&server("lab"), confirmed(1)).unwrap());
    drop(dir);
}

#[test]
fn runs_at_the_same_time_lose_no_line() {
    let (_dir, hosts) = hosts();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let hosts = &hosts;
            scope.spawn(move || {
                hosts.remember(&server(&format!("lab:{}", number + 1)), confirmed(number)).unwrap();
            });
        }
    });
    for number in 0..8 {
        assert_eq!(fingerprints(&hosts, &format!("lab:{}", number + 1)), [key(number)]);
    }
}
