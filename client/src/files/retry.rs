//! Renaming and removing files that another program holds for a moment. Virus scanners and indexers
//! of Windows open a file as soon as it is closed, and until they are done nobody can rename or
//! remove it. Owns how long that is waited for.

use std::io;
use std::path::Path;
use std::time::Duration;

/// How long all retries together wait. Other transfers wait as well.
const RETRY_MS_MAX: u64 = 2_000;
/// The first wait; each further one is twice as long.
const RETRY_MS_MIN: u64 = 10;

/// Renames a file, when nobody holds it or the name it gets.
///
/// # Errors
/// When that fails for another reason, or they are held for too long.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    retried(|| std::fs::rename(from, to), is_held, std::thread::sleep)
}

/// Removes a file, when nobody holds it.
///
/// # Errors
/// As [`rename`].
pub(super) fn remove(path: &Path) -> io::Result<()> {
    retried(|| std::fs::remove_file(path), is_held, std::thread::sleep)
}

/// Windows reports what somebody else holds as an access denied, a sharing violation or a lock
/// violation.
fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

/// Repeats an action as long as it fails for a reason that passes, for a limited time.
fn retried(
    mut act: impl FnMut() -> io::Result<()>,
    passes: impl Fn(&io::Error) -> bool,
    mut wait: impl FnMut(Duration),
) -> io::Result<()> {
    let (mut pause, mut waited) = (RETRY_MS_MIN, 0);
    loop {
        match act() {
            Err(error) if passes(&error) && waited < RETRY_MS_MAX => {
                pause = pause.min(RETRY_MS_MAX - waited);
                wait(Duration::from_millis(pause));
                (pause, waited) = (pause * 2, waited + pause);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an action that fails so often comes to, and the milliseconds that were waited.
    fn outcome(failures: u32, passes: bool) -> (io::Result<()>, u128) {
        let (mut tries, mut waited) = (0, 0);
        let act = || {
            tries += 1;
            if tries > failures { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        };
        (retried(act, |_| passes, |pause| waited += pause.as_millis()), waited)
    }

    #[test]
    fn what_is_held_for_a_moment_is_tried_again() {
        let (result, waited) = outcome(3, true);
        assert!(result.is_ok());
        assert_eq!(waited, 10 + 20 + 40);
    }

    #[test]
    fn what_stays_held_is_given_up_and_other_errors_at_once() {
        let (result, waited) = outcome(100, true);
        assert!(result.is_err());
        assert_eq!(waited, u128::from(RETRY_MS_MAX));
        let (result, waited) = outcome(1, false);
        assert_eq!((result.is_err(), waited), (true, 0));
    }

    /// What a scanner does: it reads the file, and lets nobody rename or remove it.
    #[cfg(windows)]
    #[test]
    fn a_file_that_a_scanner_holds_is_renamed_once_it_lets_go() {
        use std::os::windows::fs::OpenOptionsExt;
        const SHARE_READ: u32 = 1;
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.part"), dir.path().join("a"));
        std::fs::write(&from, "content").unwrap();
        let mut options = std::fs::OpenOptions::new();
        let scanner = options.read(true).share_mode(SHARE_READ).open(&from).unwrap();
        let held = std::fs::rename(&from, &to).unwrap_err();
        assert!(is_held(&held), "{held}");
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(scanner);
        });
        rename(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"content");
    }
}
