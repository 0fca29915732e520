//! What the store and the journal need from a file system, and the system's own files.
//!
//! Store and journal are generic over it, so that tests can run them on a disk that fails, fills up
//! and loses what was not synced.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// Creates a folder unless it exists.
    ///
    /// # Errors
    /// Those of the file system; likewise below. Also when the parent folder does not exist: if
    /// someone has removed it, it stays removed.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The entries of a folder, in no particular order.
    ///
    /// # Errors
    /// Also when the folder does not exist.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates a file for writing.
    ///
    /// # Errors
    /// Also when the file already exists.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Also when the file does not exist.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// Also when the file does not exist.
    fn edit(&self, path: &Path) -> io::Result<Self::File>;

    /// What a path names. Does not follow a link.
    ///
    /// # Errors
    /// Also when nothing has this path.
    fn kind(&self, path: &Path) -> io::Result<Kind>;

    /// A file's size in bytes.
    ///
    /// # Errors
    /// Also when the file does not exist.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Renames a file or folder, atomically. Replaces a file of the new name, and on some systems
    /// an empty folder.
    ///
    /// # Errors
    /// Also when the new name is that of a folder that is not empty.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Also when the file does not exist.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Also when the folder is not empty.
    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable: what was created, renamed or removed in it.
    ///
    /// # Errors
    /// When the disk does not confirm it.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that can still be written to the disk that holds a folder.
    ///
    /// # Errors
    /// When the system does not say.
    fn available(&self, dir: &Path) -> io::Result<u64>;
}

/// What is added to the name of a file while it is being written.
const NEW: &str = ".new";

/// Writes a whole file, or replaces it, and makes that durable with the folder's names. A crash
/// leaves the one or the other.
///
/// # Errors
/// Those of the file system; what was there is as it was.
pub fn replace<F: Files>(files: &F, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = new_name(path);
    discard_new(files, path);
    let mut file = files.create(&new)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    files.rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| files.sync_dir(dir))
}

/// Removes what a crash in the midst of [`replace`] has left beside a file.
pub fn discard_new<F: Files>(files: &F, path: &Path) {
    // Mostly there is none.
    let _ = files.remove_file(&new_name(path));
}

fn new_name(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(NEW);
    new.into()
}

/// The extension of what is set aside.
const BAD: &str = "bad";

/// Renames what cannot be read, so that it is out of the way, and returns the new name: `7.bad`, or
/// `7.2.bad` and so on if that exists. Only an administrator removes it.
///
/// # Errors
/// When it cannot be renamed, or the renaming cannot be made durable.
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

/// True for a path that [`set_aside`] has made.
#[must_use]
pub fn is_set_aside(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == BAD)
}

/// An open file of [`Files`].
pub trait StoredFile: Read + Write + Seek + fmt::Debug + Sized {
    /// A second handle of the same open file, so that another thread can sync it.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    fn try_clone(&self) -> io::Result<Self>;

    /// Starts writing so many bytes from `offset` on to the disk, without waiting, so that the next
    /// sync has less to do. Only a hint.
    fn begin_sync(&mut self, offset: u64, bytes: u64);

    /// Makes its content and size durable.
    ///
    /// # Errors
    /// When the disk does not confirm it.
    fn sync(&mut self) -> io::Result<()>;

    /// True if this path names this very file. On systems where an open file keeps its name, it is
    /// enough that the path exists.
    ///
    /// # Errors
    /// When the system does not say.
    fn is_at(&self, path: &Path) -> io::Result<bool>;

    /// Brings bytes from `offset` on into the system's cache, and waits for the disk where it must.
    /// Leaves the current position anywhere.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file is too short; those of the disk.
    fn load(&mut self, offset: u64, bytes: usize) -> io::Result<()>;

    /// A handle of the same open file from which another thread can send.
    ///
    /// # Errors
    /// `Unsupported` where the system cannot do that; when it has no descriptor left.
    fn source(&self) -> io::Result<Arc<dyn Source>> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Truncates or extends it.
    ///
    /// # Errors
    /// Those of the file system.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

/// An open file from which content is sent. The last owner closes it, and frees its space if it
/// has no name any more, which may take a while: the disk thread.
pub trait Source: fmt::Debug + Send + Sync {
    /// Reads up to the length of the buffer from `offset` on; returns 0 at the end of the file.
    ///
    /// # Errors
    /// Those of the file system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The system's file, if it is one.
    fn file(&self) -> Option<&fs::File> {
        None
    }
}

#[cfg(target_os = "linux")]
impl Source for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    fn file(&self) -> Option<&fs::File> {
        Some(self)
    }
}

/// Of a file that is to be in memory, the first byte of each so many is looked for. What leaves the
/// cache leaves it in the order in which it came, so a gap shows at its beginning.
const LOAD_BYTES: usize = 1024 * 1024;

/// Returns true if reading this byte does not wait for the disk.
#[cfg(target_os = "linux")]
fn is_in_memory(file: &fs::File, at: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let byte = &mut [0];
    let mut buffers = [io::IoSliceMut::new(byte)];
    matches!(preadv2(file, &mut buffers, at, ReadWriteFlags::NOWAIT), Ok(1))
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &fs::File, _: u64) -> bool {
    false
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
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        // Nobody else's business, whatever the umask.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
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
pub(crate) fn open_regular(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
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

    fn load(&mut self, offset: u64, bytes: usize) -> io::Result<()> {
        let end = offset + bytes as u64;
        let mut content = Vec::new();
        for at in (offset..end).step_by(LOAD_BYTES) {
            let length = (end - at).min(LOAD_BYTES as u64);
            let is_last = at + length == end;
            if is_in_memory(self, at) && (!is_last || is_in_memory(self, end - 1)) {
                continue;
            }
            content.resize(length as usize, 0);
            self.seek(SeekFrom::Start(at))?;
            self.read_exact(&mut content)?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn source(&self) -> io::Result<Arc<dyn Source>> {
        Ok(Arc::new(self.try_clone()?))
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        fs::File::set_len(self, bytes)
    }
}
