//! Errors of the system: in the words that people read, and told apart alike on every system.
//! Never decides what an error means for what was going on.

use std::io::{self, ErrorKind};

use crate::lang;

/// The error's own words, without the number, which tells people nothing. On Windows the system's
/// words are in the language of its user and address programmers; there the same errors have the
/// words that they have elsewhere.
pub(crate) fn plain_error(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(end) = text.find(" (os error ") else { return text };
    match common_words(error.kind()) {
        Some(words) if cfg!(windows) => lang::text(words).to_owned(),
        _ => lang::text(&text[..end].trim_end_matches('.').to_lowercase()).to_owned(),
    }
}

/// True if a pipe's reader has closed its end. Windows also says that by ERROR_PIPE_NOT_CONNECTED,
/// which has no kind of its own.
pub(crate) fn is_reader_gone(error: &io::Error) -> bool {
    const PIPE_NOT_CONNECTED: i32 = 233;
    error.kind() == ErrorKind::BrokenPipe
        || cfg!(windows) && error.raw_os_error() == Some(PIPE_NOT_CONNECTED)
}

/// What Unix calls the errors that people meet.
fn common_words(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::AddrInUse => "address already in use",
        ErrorKind::AddrNotAvailable => "cannot assign requested address",
        ErrorKind::AlreadyExists => "file exists",
        ErrorKind::BrokenPipe => "broken pipe",
        ErrorKind::ConnectionAborted => "software caused connection abort",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by peer",
        ErrorKind::DirectoryNotEmpty => "directory not empty",
        ErrorKind::FileTooLarge => "file too large",
        ErrorKind::HostUnreachable => "no route to host",
        ErrorKind::IsADirectory => "is a directory",
        ErrorKind::NetworkDown => "network is down",
        ErrorKind::NetworkUnreachable => "network is unreachable",
        ErrorKind::NotADirectory => "not a directory",
        ErrorKind::NotFound => "no such file or directory",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "read-only file system",
        ErrorKind::StorageFull => "no space left on device",
        ErrorKind::TimedOut => "connection timed out",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_told_without_its_number_and_alike_everywhere() {
        let missing = std::fs::read("a folder that is not there/a file").unwrap_err();
        assert_eq!(plain_error(&missing), "no such file or directory");
        assert_eq!(common_words(missing.kind()), Some("no such file or directory"));
    }

    #[test]
    fn what_the_program_itself_has_found_keeps_its_words() {
        let own = io::Error::new(ErrorKind::NotFound, "nothing is called X");
        assert_eq!(plain_error(&own), "nothing is called X");
    }

    /// On Unix the system itself has the last word about its words.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_words_are_those_of_unix() {
        // ENOENT, EACCES, EEXIST, ENOTDIR, EISDIR, EFBIG, ENOSPC, EROFS, EPIPE, ENOTEMPTY,
        // EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ECONNABORTED, ECONNRESET, ETIMEDOUT,
        // ECONNREFUSED, EHOSTUNREACH.
        let numbers =
            [2, 13, 17, 20, 21, 27, 28, 30, 32, 39, 98, 99, 100, 101, 103, 104, 110, 111, 113];
        for number in numbers {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(common_words(error.kind()), Some(&plain_error(&error)[..]), "{error}");
            assert!(lang::is_in_table(&plain_error(&error)), "{error}");
        }
    }
}
