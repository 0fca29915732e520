//! Lines of known hosts: whatever else is in the file, a line that the client adds is found, at its
//! number, and nothing that was found before is lost.

use chatshelf_client::trust::known_hosts::{Entry, keys};
use chatshelf_common::address::ServerAddress;
use chatshelf_common::fingerprint::Fingerprint;

/// The server that is looked for, a line feed, the file.
pub(crate) fn run(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (name, text) = (&bytes[..end], &bytes[end + 1..]);
    let Ok(server) = std::str::from_utf8(name).unwrap_or_default().parse::<ServerAddress>() else {
        return;
    };
    if server.host().is_empty() {
        return;
    }
    let before: Vec<_> = keys(text, &server).collect();
    let mut more = text.to_vec();
    if text.last().is_some_and(|last| *last != b'\n') {
        more.push(b'\n');
    }
    let line = 1 + more.iter().filter(|byte| **byte == b'\n').count();
    assert!(before.iter().all(|(number, _)| (1..=line).contains(number)));
    assert!(before.is_sorted_by(|one, next| one.0 < next.0));
    let key = Fingerprint::of(b"a key");
    more.extend(format!("{server} tls {key}\n").bytes());
    let after: Vec<_> = keys(&more, &server).collect();
    let entry = Entry { fingerprint: key, is_confirmed: true };
    assert_eq!(after.split_last(), Some((&(line, Some(entry)), &before[..])));
}
