//! The passwords of the room and of its operators: kept as Argon2id hashes, and verified on a
//! thread of their own.
//!
//! A verification is meant to be slow: some 15 ms of a core and 19 MiB of memory. The reactor hands
//! a guess over and takes the verdict in a later turn, as it does with file work. Passwords
//! themselves are forgotten as soon as they are hashed or verified.

mod stored;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use chatshelf_common::password::{self, Password};

use crate::priority;
use stored::{Memory, Stored};

/// Guesses that the thread has or that wait for it; the engine hands over no more.
pub const GUESSES_MAX: usize = 16;

/// The thread's nice value: talk comes before guesses, and those who wait for one before files.
const NICENESS: i32 = 10;

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

/// The hashes of the passwords that there are, and the memory to verify guesses in.
#[derive(Debug, Default)]
pub struct Hashes {
    room: Option<Stored>,
    operators: Option<Stored>,
    memory: Memory,
}

impl Hashes {
    /// Reads and hashes the passwords.
    ///
    /// # Errors
    /// One line that says which source has none, and why.
    pub fn read(room: Option<&Source>, operators: Option<&Source>) -> Result<Self, String> {
        let mut memory = Memory::default();
        let mut hash =
            |source: Option<&Source>| source.map(|it| hash_of(it, &mut memory)).transpose();
        Ok(Self { room: hash(room)?, operators: hash(operators)?, memory })
    }

    /// True if the room, or its operators, have a password.
    #[must_use]
    pub fn has(&self, realm: Realm) -> bool {
        match realm {
            Realm::Room => self.room.is_some(),
            Realm::Operators => self.operators.is_some(),
        }
    }

    /// Verifies a guess, which takes its time.
    #[must_use]
    pub fn verify(&mut self, Guess { number, realm, password }: &Guess) -> Verdict {
        let hash = match realm {
            Realm::Room => &self.room,
            Realm::Operators => &self.operators,
        };
        let is_right = hash.as_ref().is_some_and(|hash| hash.is_of(password, &mut self.memory));
        Verdict { number: *number, is_right }
    }
}

fn hash_of(source: &Source, memory: &mut Memory) -> Result<Stored, String> {
    let hash = source.read().map_err(|why| why.to_string()).and_then(|bytes| {
        let line = password::first_line(&bytes);
        Stored::read(line).unwrap_or_else(|| Stored::of(&Password::of_file(&bytes)?, memory))
    });
    hash.map_err(|why| format!("cannot take a password from {}: {why}", source.place()))
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
    pub fn start(mut hashes: Hashes, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
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

    /// What has these passwords, which stand in files.
    fn hashes(room: &[u8], operators: Option<&[u8]>) -> Result<Hashes, String> {
        let dir = tempfile::tempdir().unwrap();
        let source = |(name, text): (&str, &[u8])| {
            std::fs::write(dir.path().join(name), text).unwrap();
            Source::File(dir.path().join(name))
        };
        let operators = operators.map(|text| source(("operators", text)));
        Hashes::read(Some(&source(("password", room))), operators.as_ref())
    }

    fn guess(realm: Realm, text: &str) -> Guess {
        Guess { number: 7, realm, password: Password::new(text.as_bytes()).unwrap() }
    }

    fn opens(hashes: &mut Hashes, text: &str) -> bool {
        hashes.verify(&guess(Realm::Room, text)).is_right
    }

    #[test]
    fn only_the_password_of_its_realm_is_right() {
        let mut hashes = hashes(b"sesame\n", Some(b"mellon\n")).unwrap();
        let mut is_right = |realm, text| hashes.verify(&guess(realm, text)).is_right;
        assert!(is_right(Realm::Room, "sesame") && is_right(Realm::Operators, "mellon"));
        assert!(!is_right(Realm::Room, "mellon") && !is_right(Realm::Operators, "sesame"));
        assert!(!Hashes::default().verify(&guess(Realm::Room, "x")).is_right);
    }

    #[test]
    fn a_file_holds_a_password_or_its_hash() {
        assert!(opens(&mut hashes(b"open sesame\n", None).unwrap(), "open sesame"));
        // Made by the reference implementation.
        let hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$NrXQugyQuwgrNcjoND63bg";
        for mark in ["", "\u{feff}"] {
            let mut hashed = hashes(format!("{mark}{hash} \r\n").as_bytes(), None).unwrap();
            assert!(opens(&mut hashed, "open sesame"));
            assert!(!opens(&mut hashed, hash), "the hash is no password");
        }
        for wrong in [&b""[..], b"\nx", b"$argon2id$v=19$m=1", b"\xff\xfeo\0p\0"] {
            let why = hashes(wrong, None).unwrap_err();
            assert!(why.contains("cannot take a password from") && why.contains("password: "));
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_password() {
        assert!(opens(&mut hashes("\u{feff}sesame\r\n".as_bytes(), None).unwrap(), "sesame"));
    }

    #[test]
    fn all_hashes_are_computed_in_the_same_memory() {
        let mut hashes = hashes(b"sesame", Some(b"mellon")).unwrap();
        let (at, blocks) = hashes.memory.place();
        assert_eq!(blocks, 19 * 1024, "KiB");
        for _ in 0..3 {
            assert!(opens(&mut hashes, "sesame") && !opens(&mut hashes, "mellon"));
            assert_eq!(hashes.memory.place(), (at, blocks));
        }
    }

    #[test]
    fn the_thread_answers_each_guess() {
        let (woken, wakes) = std::sync::mpsc::channel();
        let hashes = hashes(b"sesame", None).unwrap();
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
