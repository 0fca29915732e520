//! What the store and the journal need of a file system, and the system's own.
//!
//! They are generic over it, so that the tests can put them over a disk that fails, fills up and
//! loses what was not synced.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, PipeWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link, a pipe, a device.
    Other,
}

/// A tree of files and folders.
pub trait Files: Clone + fmt::Debug {
    /// An open file.
    type File: StoredFile;

    /// Makes a folder, if it is not there.
    ///
    /// # Errors
    /// What the file system says; likewise below. Also when the one above is not there: who has
    /// removed that does not want it back.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// What is in a folder, in no order to rely on.
    ///
    /// # Errors
    /// Also when there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes a file, to write to.
    ///
    /// # Errors
    /// Also when there is one already.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file, to read from.
    ///
    /// # Errors
    /// Also when there is none.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file, to read from and to write to.
    ///
    /// # Errors
    /// Also when there is none.
    fn edit(&self, path: &Path) -> io::Result<Self::File>;

    /// What a path names; a link is not followed.
    ///
    /// # Errors
    /// Also when it names nothing.
    fn kind(&self, path: &Path) -> io::Result<Kind>;

    /// A file's size in bytes.
    ///
    /// # Errors
    /// Also when there is none.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Gives a file or folder another name, in one step. A file of that name is replaced, and so
    /// may be an empty folder.
    ///
    /// # Errors
    /// Also when a folder that is not empty has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Also when there is none.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Also when it is not empty.
    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable: what was created, renamed or removed in it.
    ///
    /// # Errors
    /// When the disk can't say so.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that can still be written to the disk that holds a folder.
    ///
    /// # Errors
    /// When the system can't say.
    fn available(&self, dir: &Path) -> io::Result<u64>;
}

/// What is set aside ends so.
const BAD: &str = "bad";

/// Gives what can't be read a name under which it is in nobody's way, and says which: `7.bad`, or
/// `7.2.bad` and so on where an earlier one has that. Nobody removes it but whoever runs the server.
///
/// # Errors
/// When it can't be renamed, or that can't be made durable.
pub fn set_aside<F: Files>(files: &F, path: &Path) -> io::Result<PathBuf> {
    let mut bad = path.with_extension(BAD);
    for number in 2.. {
        if files.size(&bad).is_err() {
            break;
        }
        bad = path.with_extension(format!("{number}.{BAD}"));
    }
    files.rename(path, &bad)?;
    path.parent().map_or(Ok(()), |dir| files.sync_dir(dir))?;
    Ok(bad)
}

/// True for the name of what was set aside.
#[must_use]
pub fn is_set_aside(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == BAD)
}

/// An open file of [`Files`].
pub trait StoredFile: Read + Write + Seek + fmt::Debug + Sized {
    /// A second handle on the same open file, for another thread to sync.
    ///
    /// # Errors
    /// When the system has none to give.
    fn try_clone(&self) -> io::Result<Self>;

    /// Has so many bytes from `offset` on begin their way to the disk, without waiting for them: the
    /// next sync has less to do. Only a hint.
    fn begin_sync(&mut self, offset: u64, bytes: u64);

    /// Makes its content and its size durable.
    ///
    /// # Errors
    /// When the disk can't say so.
    fn sync(&mut self) -> io::Result<()>;

    /// True when it is this file that has this name. On systems where nobody can take the name from
    /// an open file, the name is enough.
    ///
    /// # Errors
    /// When the system can't say.
    fn is_at(&self, path: &Path) -> io::Result<bool>;

    /// Moves up to so many bytes from where it stands into a pipe, without copying them; says how
    /// many, 0 at its end.
    ///
    /// # Errors
    /// `Unsupported` or `InvalidInput` where there is no such thing.
    fn splice(&mut self, _pipe: &PipeWriter, _bytes: usize) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Cuts or extends it.
    ///
    /// # Errors
    /// What the file system says.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    type File = fs::File;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::create_dir(dir) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            made => made,
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<fs::File> {
        fs::File::create_new(path)
    }

    fn open(&self, path: &Path) -> io::Result<fs::File> {
        open_regular(fs::File::options().read(true), path)
    }

    fn edit(&self, path: &Path) -> io::Result<fs::File> {
        open_regular(fs::File::options().read(true).write(true), path)
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let kind = fs::symlink_metadata(path)?.file_type();
        Ok(match kind {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Folder,
            _ => Kind::Other,
        })
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|metadata| metadata.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    /// Windows offers no such call; there, a name is as durable as the file system makes it.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if cfg!(unix) { fs::File::open(dir)?.sync_all() } else { Ok(()) }
    }

    fn available(&self, dir: &Path) -> io::Result<u64> {
        fs4::available_space(dir)
    }
}

/// Opens a file, and nothing else that has its name: a pipe would be waited for.
fn open_regular(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file"))
    }
}

impl StoredFile for fs::File {
    fn try_clone(&self) -> io::Result<Self> {
        fs::File::try_clone(self)
    }

    /// On Linux, that pages are not needed in memory has them written (posix_fadvise(2)); those
    /// that are on their way stay in memory.
    fn begin_sync(&mut self, offset: u64, bytes: u64) {
        #[cfg(target_os = "linux")]
        {
            let length = std::num::NonZeroU64::new(bytes);
            let _ = rustix::fs::fadvise(&*self, offset, length, rustix::fs::Advice::DontNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, bytes);
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    #[cfg(unix)]
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        match fs::symlink_metadata(path) {
            Ok(there) => {
                let here = self.metadata()?;
                Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
            }
            Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(false)
            }
            Err(why) => Err(why),
        }
    }

    #[cfg(not(unix))]
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        fs::exists(path)
    }

    #[cfg(target_os = "linux")]
    fn splice(&mut self, pipe: &PipeWriter, bytes: usize) -> io::Result<usize> {
        let flags = rustix::pipe::SpliceFlags::empty();
        Ok(rustix::pipe::splice(&*self, None, pipe, None, bytes, flags)?)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        fs::File::set_len(self, bytes)
    }
}
