//! Heads of HTTP requests: what follows a whole head changes nothing, and neither does waiting for
//! the rest of one that is refused. All lines of a whole one end in CRLF.

use chatshelf_server::net::http::{HEAD_BYTES_MAX, refusal_of, request};

/// The beginning of a connection.
pub(crate) fn run(bytes: &[u8]) {
    let (most, longer) = (bytes.len().min(HEAD_BYTES_MAX), [bytes, b"more"].concat());
    match request(bytes) {
        Ok(Some(whole)) => {
            assert!(whole.path.starts_with('/'), "{whole:?}");
            let lines = bytes[..whole.head_bytes].split_inclusive(|byte| *byte == b'\n');
            assert!(lines.into_iter().all(|line| line.ends_with(b"\r\n")), "{whole:?}");
            assert_eq!(request(&longer), Ok(Some(whole)));
        }
        Ok(None) => assert!(bytes.len() < HEAD_BYTES_MAX, "a head that is too long ends"),
        Err(why) => {
            assert!(request(&longer).is_err(), "{why:?}");
            assert!(refusal_of(bytes, why).starts_with(b"HTTP/1.1 "));
        }
    }
    // A head that was refused in part is not accepted as a whole.
    if request(&bytes[..most / 2]).is_err() {
        assert!(request(bytes).is_err());
    }
}
