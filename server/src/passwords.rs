//! The passwords of the room and of its operators: kept as Argon2id hashes, and verified on a
//! thread of their own.
//!
//! A verification is meant to be slow: some 15 ms of a core and 19 MiB of memory. The reactor hands
//! a guess over and takes the verdict in a later turn, as it does with file work. Passwords
//! themselves are forgotten as soon as they are hashed or verified.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use chatshelf_common::password::Password;

use crate::priority;

/// Guesses that the thread has or that wait for it; the engine hands over no more.
pub const GUESSES_MAX: usize = 16;

/// The thread's nice value: talk comes before guesses, and those who wait for one before files.
const NICENESS: i32 = 10;

/// How a hash in a password file begins.
const HASH: &[u8] = b"$argon2id$";

/// Longest password file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// Whose password it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Realm {
    /// Everyone who joins needs it.
    Room,
    /// Who shows it becomes an operator.
    Operators,
}

/// What somebody takes for a password.
#[derive(Debug)]
pub struct Guess {
    /// The engine's number for it.
    pub number: u64,
    /// Whose password it should be.
    pub realm: Realm,
    /// The password.
    pub password: Password,
}

/// Whether a guess is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The engine's number for the guess.
    pub number: u64,
    /// It is the password.
    pub is_right: bool,
}

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first line of this file: the password, or its hash.
    File(PathBuf),
    /// This variable of the environment.
    Variable(&'static str),
}

impl Source {
    fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(path) => read_file(path),
            Self::Variable(name) => {
                Ok(std::env::var_os(name).unwrap_or_default().into_encoded_bytes())
            }
        }
    }

    /// Where that is, for people.
    fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Variable(name) => (*name).to_owned(),
        }
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    io::Read::read_to_end(&mut io::Read::take(&file, FILE_BYTES_MAX), &mut bytes)?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o007 != 0 {
        log::warn!("everyone on this machine may use {}: chmod o-rwx it", path.display());
    }
    Ok(bytes)
}

/// The hashes of the passwords that there are.
#[derive(Debug, Default)]
pub struct Hashes {
    room: Option<String>,
    operators: Option<String>,
}

impl Hashes {
    /// Reads and hashes the passwords.
    ///
    /// # Errors
    /// One line that says which source has none, and why.
    pub fn read(room: Option<&Source>, operators: Option<&Source>) -> Result<Self, String> {
        let hash = |source: Option<&Source>| source.map(hash_of).transpose();
        Ok(Self { room: hash(room)?, operators: hash(operators)? })
    }

    /// The hash of a password, for tests of what stands around it.
    ///
    /// # Panics
    /// When it cannot be hashed.
    #[must_use]
    pub fn of(room: Option<&Password>, operators: Option<&Password>) -> Self {
        let hash = |password: &Password| hash(password).expect("a password can be hashed");
        Self { room: room.map(hash), operators: operators.map(hash) }
    }

    /// True if the room, or its operators, have a password.
    #[must_use]
    pub fn has(&self, realm: Realm) -> bool {
        self.hash(realm).is_some()
    }

    /// Verifies a guess, which takes its time.
    #[must_use]
    pub fn verify(&self, Guess { number, realm, password }: &Guess) -> Verdict {
        let hash = self.hash(*realm).and_then(|hash| PasswordHash::new(hash).ok());
        let is_right = hash.is_some_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        Verdict { number: *number, is_right }
    }

    fn hash(&self, realm: Realm) -> Option<&str> {
        match realm {
            Realm::Room => self.room.as_deref(),
            Realm::Operators => self.operators.as_deref(),
        }
    }
}

fn hash_of(source: &Source) -> Result<String, String> {
    let cannot = |why: &dyn std::fmt::Display| {
        format!("cannot take a password from {}: {why}", source.place())
    };
    let bytes = source.read().map_err(|why| cannot(&why))?;
    if bytes.starts_with(HASH) {
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next().unwrap_or_default().trim_end();
        let hash = PasswordHash::new(line).map_err(|why| cannot(&why))?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(cannot(&"it has no whole Argon2id hash"));
        }
        return Ok(hash.to_string());
    }
    let password = Password::of_file(&bytes)
        .ok_or_else(|| cannot(&"its first line must have 1 to 128 bytes"))?;
    hash(&password).map_err(|why| cannot(&why))
}

/// Hashes with a random salt and the costs that OWASP advises: 19 MiB, two passes, one lane.
fn hash(password: &Password) -> Result<String, String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|why| why.to_string())?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash: PasswordHash| hash.to_string()).map_err(|why| why.to_string())
}

/// The thread that verifies guesses. It ends when this is dropped.
#[derive(Debug)]
pub struct Verifier {
    guesses: SyncSender<Guess>,
    verdicts: Receiver<Verdict>,
}

impl Verifier {
    /// Starts the thread. `wake` is called after each verdict.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(hashes: Hashes, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (guesses, waiting) = sync_channel::<Guess>(GUESSES_MAX);
        let (answers, verdicts) = sync_channel(2 * GUESSES_MAX);
        Builder::new().name("passwords".into()).spawn(move || {
            priority::lower("password", NICENESS);
            for guess in waiting {
                if answers.send(hashes.verify(&guess)).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Self { guesses, verdicts })
    }

    /// Hands a guess over.
    pub fn submit(&self, guess: Guess) {
        // The engine has at most as many unanswered as the channel holds.
        let sent = self.guesses.try_send(guess);
        debug_assert!(sent.is_ok(), "{sent:?}");
    }

    /// The next verdict, if there is one.
    #[must_use]
    pub fn poll(&self) -> Option<Verdict> {
        self.verdicts.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.as_bytes()).unwrap()
    }

    fn guess(realm: Realm, text: &str) -> Guess {
        Guess { number: 7, realm, password: password(text) }
    }

    #[test]
    fn only_the_password_of_its_realm_is_right() {
        let hashes = Hashes::of(Some(&password("sesame")), Some(&password("mellon")));
        let is_right = |realm, text| hashes.verify(&guess(realm, text)).is_right;
        assert!(is_right(Realm::Room, "sesame") && is_right(Realm::Operators, "mellon"));
        assert!(!is_right(Realm::Room, "mellon") && !is_right(Realm::Operators, "sesame"));
        assert!(!Hashes::default().verify(&guess(Realm::Room, "x")).is_right);
    }

    #[test]
    fn a_file_holds_a_password_or_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            Hashes::read(Some(&Source::File(path.clone())), None)
        };
        let plain = read(b"open sesame\n").unwrap();
        assert!(plain.verify(&guess(Realm::Room, "open sesame")).is_right);
        let kept = plain.room.clone().unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let hashed = read(format!("{kept}\n").as_bytes()).unwrap();
        assert!(hashed.verify(&guess(Realm::Room, "open sesame")).is_right);
        assert!(!hashed.verify(&guess(Realm::Room, &kept)).is_right, "the hash is no password");
        for wrong in [&b""[..], b"\nx", b"$argon2id$v=19$m=1"] {
            let why = read(wrong).unwrap_err();
            assert!(why.contains("cannot take a password from") && why.contains("password: "));
        }
    }

    #[test]
    fn the_thread_answers_each_guess() {
        let (woken, wakes) = std::sync::mpsc::channel();
        let hashes = Hashes::of(Some(&password("sesame")), None);
        let verifier = Verifier::start(hashes, move || _ = woken.send(())).unwrap();
        for (number, text) in [(1, "sesame"), (2, "wrong")] {
            verifier.submit(Guess { number, ..guess(Realm::Room, text) });
        }
        for (number, is_right) in [(1, true), (2, false)] {
            wakes.recv().unwrap();
            assert_eq!(verifier.poll(), Some(Verdict { number, is_right }));
        }
        assert_eq!(verifier.poll(), None);
    }
}
