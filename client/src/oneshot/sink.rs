//! Where a download goes that does not become a file: standard output, a device or a pipe. Owns the
//! way there: nothing is written before all of it is verified, and a terminal gets nothing that
//! could act on it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::app::{EXIT_DONE, EXIT_FAILED, Failure};
use crate::files::PathKind;
use crate::lang::{because, tr};
use crate::options::Output;
use crate::plain_error::{is_reader_gone, plain_error};
use crate::text::shown_lines;

/// Bytes of a text that are checked and shown at a time.
const TEXT_BLOCK_BYTES: usize = 64 * 1024;

/// Something to write to.
pub(super) enum Sink {
    Stdout,
    /// The device or pipe at this path.
    Path(PathBuf),
}

impl Sink {
    /// The sink that was asked for; `None` where the download becomes a file.
    ///
    /// # Errors
    /// When nothing can be written to it.
    pub(super) fn of(output: &Output) -> Result<Option<Self>, Failure> {
        let path = match output {
            Output::DownloadDir => return Ok(None),
            Output::Stdout => return Ok(Some(Self::Stdout)),
            Output::Path(path) => path,
        };
        match PathKind::of(path) {
            PathKind::File | PathKind::Directory => Ok(None),
            PathKind::Stdout => Ok(Some(Self::Stdout)),
            PathKind::Stream => {
                may_be_written(path).map_err(|error| failure(path, &plain_error(&error)))?;
                Ok(Some(Self::Path(path.clone())))
            }
            PathKind::Socket => Err(failure(path, tr!("it is a socket, and cannot be written to"))),
        }
    }

    /// Writes the only file of a directory to it. A reader that closes its end has seen enough.
    pub(super) fn pour(&self, dir: &Path) -> Result<u8, Failure> {
        let written = match self {
            Self::Stdout => pour(dir, &mut io::stdout().lock()),
            // A regular file behind it is appended to, not overwritten. Others do not care.
            Self::Path(path) => OpenOptions::new()
                .append(true)
                .open(path)
                .map_err(Trouble::Io)
                .and_then(|mut file| pour(dir, &mut file)),
        };
        match written {
            Ok(()) => Ok(EXIT_DONE),
            Err(Trouble::Io(error)) if is_reader_gone(&error) => Ok(EXIT_DONE),
            Err(trouble) => Err(self.unwritten(&trouble)),
        }
    }

    fn unwritten(&self, trouble: &Trouble) -> Failure {
        let place = match self {
            Self::Stdout => tr!("standard output").into(),
            Self::Path(path) => path.display().to_string(),
        };
        let text = match trouble {
            Trouble::Io(error) => because(place, plain_error(error)),
            Trouble::NoText(name) => {
                tr!(
                    "{name} is not text, and {place} is a terminal; use -o FILE, or a pipe",
                    name,
                    place
                )
            }
        };
        Failure::new(text, EXIT_FAILED)
    }
}

fn failure(path: &Path, why: &str) -> Failure {
    Failure::new(because(path.display(), why), EXIT_FAILED)
}

/// Checks before the download rather than after it, without opening: that would block on a pipe.
#[cfg(unix)]
fn may_be_written(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn may_be_written(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Why nothing was written, or not all of it.
enum Trouble {
    Io(io::Error),
    /// The file of this name is not text.
    NoText(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn pour(dir: &Path, out: &mut (impl Write + IsTerminal)) -> Result<(), Trouble> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let mut file = File::open(entry.path())?;
        if !out.is_terminal() {
            io::copy(&mut file, out)?;
        } else if is_text(&mut file)? {
            show(&mut file, out)?;
        } else {
            return Err(Trouble::NoText(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(out.flush()?)
}

/// True for UTF-8 without NUL; the file is then at its start again.
fn is_text(file: &mut File) -> io::Result<bool> {
    let mut block = Vec::with_capacity(TEXT_BLOCK_BYTES);
    loop {
        let read = (&*file).take(TEXT_BLOCK_BYTES as u64).read_to_end(&mut block)?;
        let valid = match std::str::from_utf8(&block) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        if block[..valid].contains(&0) {
            return Ok(false);
        }
        if read == 0 {
            file.rewind()?;
            return Ok(true);
        }
        block.drain(..valid);
    }
}

/// Writes a text, with everything made visible that could act on a terminal.
fn show(file: &mut File, out: &mut impl Write) -> io::Result<()> {
    let mut input = BufReader::new(file);
    let mut block = Vec::new();
    loop {
        // A line, or a block of it. A character that is cut off at the end waits for the next.
        let read = input.by_ref().take(TEXT_BLOCK_BYTES as u64).read_until(b'\n', &mut block)?;
        if read == 0 {
            return Ok(());
        }
        let valid = match std::str::from_utf8(&block) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&block[..valid]).replace("\r\n", "\n");
        out.write_all(shown_lines(&text).collect::<Vec<_>>().join("\n").as_bytes())?;
        block.drain(..valid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn shown(text: &str) -> String {
        let mut file = file(text.as_bytes());
        assert!(is_text(&mut file).unwrap());
        let mut out = Vec::new();
        show(&mut file, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_shown_whole_and_cannot_act_on_the_terminal() {
        assert_eq!(shown("one\r\n\ttwo\n"), "one\n\ttwo\n");
        assert_eq!(shown("no end"), "no end");
        assert_eq!(shown(""), "");
        let owned = shown("harmless\x1b]0;owned\x07\n\u{9b}2J");
        assert!(!owned.contains(|c: char| c.is_control() && c != '\n'), "{owned:?}");
        assert!(owned.starts_with("harmless") && owned.contains("]0;owned"));
        // Characters that straddle blocks, in a line longer than several of them.
        for shift in 0..4 {
            let long = format!("{}{}", &"abc"[..shift % 4], "ż€🚀".repeat(40_000));
            assert!(shown(&long) == long, "{shift}");
        }
    }

    #[test]
    fn binary_content_is_not_taken_for_text() {
        let long = [&"é".repeat(TEXT_BLOCK_BYTES).into_bytes()[..], b"\xff"].concat();
        for bytes in [&b"a\0b"[..], b"\xff", b"half \xc3", &long, b"PK\x03\x04\x14\x00"] {
            assert!(!is_text(&mut file(bytes)).unwrap());
        }
        assert!(is_text(&mut file(&long[..long.len() - 1])).unwrap());
    }
}
