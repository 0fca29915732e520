//! Fault injection, for tests: the system's files in a temporary folder, where any operation can be
//! made to fail and the disk can be full.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::files::{Files, Kind, Source, StoredFile, SystemFiles};

/// Which operations fail, counted since the files were made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// One.
    Once(usize),
    /// This one and all later ones, as if the process had been killed.
    From(usize),
}

/// Files in a folder, with faults.
#[derive(Clone, Debug)]
pub(super) struct FaultyFiles {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: TempDir,
    /// Names of the operations so far.
    done: Mutex<Vec<&'static str>>,
    fault: Mutex<Option<(Fault, ErrorKind)>>,
    /// Bytes that the disk can hold.
    capacity: AtomicU64,
    /// The disk says how much is free. A quota, for one, does not show there.
    tells: AtomicBool,
}

/// An open file of [`FaultyFiles`].
#[derive(Debug)]
pub(super) struct FaultyFile {
    file: std::fs::File,
    shared: Arc<Shared>,
}

impl FaultyFiles {
    pub(super) fn new() -> Self {
        // In memory if possible: otherwise thousands of syncs would take most of the time.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let shared = Shared {
            dir: dir.unwrap(),
            done: Mutex::default(),
            fault: Mutex::new(None),
            capacity: AtomicU64::new(u64::MAX),
            tells: AtomicBool::new(true),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn path(&self) -> &Path {
        self.shared.dir.path()
    }

    /// The number of operations so far.
    pub(super) fn done(&self) -> usize {
        self.shared.done.lock().unwrap().len()
    }

    /// The names of the operations since then.
    pub(super) fn done_since(&self, start: usize) -> Vec<&'static str> {
        self.shared.done.lock().unwrap()[start..].to_vec()
    }

    pub(super) fn fail(&self, fault: Fault, kind: ErrorKind) {
        *self.shared.fault.lock().unwrap() = Some((fault, kind));
    }

    /// Ends all faults, and frees the disk.
    pub(super) fn heal(&self) {
        *self.shared.fault.lock().unwrap() = None;
        self.shared.capacity.store(u64::MAX, Ordering::Relaxed);
        self.shared.tells.store(true, Ordering::Relaxed);
    }

    /// Leaves so many bytes free on the disk.
    pub(super) fn leave_free(&self, bytes: u64) {
        self.shared.capacity.store(used(self.path()) + bytes, Ordering::Relaxed);
    }

    /// Makes [`Files::available`] say the truth, or that space is unlimited.
    pub(super) fn tell(&self, tells: bool) {
        self.shared.tells.store(tells, Ordering::Relaxed);
    }

    fn does(&self, name: &'static str) -> io::Result<()> {
        self.shared.does(name)
    }
}

impl Shared {
    /// Counts an operation, and fails it if the fault says so.
    fn does(&self, name: &'static str) -> io::Result<()> {
        let mut done = self.done.lock().unwrap();
        let number = done.len();
        done.push(name);
        match *self.fault.lock().unwrap() {
            Some((Fault::Once(at), kind)) if number == at => Err(kind.into()),
            Some((Fault::From(at), kind)) if number >= at => Err(kind.into()),
            _ => Ok(()),
        }
    }

    /// True when the operation that has just failed was the first to do so. That one may have done
    /// a part of its work; after it the process may be dead.
    fn was_first(&self) -> bool {
        let last = self.done.lock().unwrap().len() - 1;
        let fault = *self.fault.lock().unwrap();
        matches!(fault, Some((Fault::Once(at) | Fault::From(at), _)) if at == last)
    }

    fn free(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed).saturating_sub(used(self.dir.path()))
    }
}

/// Bytes of all files below a folder.
fn used(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let bytes = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        it if it.is_dir() => used(&entry.path()),
        it => it.len(),
    };
    entries.map(bytes).sum()
}

impl Files for FaultyFiles {
    type File = FaultyFile;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.does("create_dir")?;
        SystemFiles.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.does("list")?;
        SystemFiles.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<FaultyFile> {
        self.does("create")?;
        Ok(FaultyFile { file: SystemFiles.create(path)?, shared: Arc::clone(&self.shared) })
    }

    fn open(&self, path: &Path) -> io::Result<FaultyFile> {
        self.does("open")?;
        Ok(FaultyFile { file: SystemFiles.open(path)?, shared: Arc::clone(&self.shared) })
    }

    fn edit(&self, path: &Path) -> io::Result<FaultyFile> {
        self.does("edit")?;
        Ok(FaultyFile { file: SystemFiles.edit(path)?, shared: Arc::clone(&self.shared) })
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.does("kind")?;
        SystemFiles.kind(path)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.does("size")?;
        SystemFiles.size(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.does("rename")?;
        SystemFiles.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.does("remove_file")?;
        SystemFiles.remove_file(path)
    }

    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()> {
        self.does("remove_empty_dir")?;
        SystemFiles.remove_empty_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.does("sync_dir")?;
        SystemFiles.sync_dir(dir)
    }

    fn available(&self, _dir: &Path) -> io::Result<u64> {
        self.does("available")?;
        Ok(if self.shared.tells.load(Ordering::Relaxed) { self.shared.free() } else { u64::MAX })
    }
}

impl Read for FaultyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shared.does("read")?;
        self.file.read(buffer)
    }
}

impl Write for FaultyFile {
    /// When it fails, or the disk is full, a part is written all the same.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.shared.does("write").err();
        let fitting = match fault {
            None => bytes.len(),
            Some(_) if self.shared.was_first() => bytes.len() / 2,
            Some(_) => 0,
        };
        let free = self.shared.free().min(fitting as u64) as usize;
        let written = self.file.write(&bytes[..free])?;
        match fault {
            Some(why) => Err(why),
            None if written < bytes.len() => Err(ErrorKind::StorageFull.into()),
            None => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for FaultyFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.shared.does("seek")?;
        self.file.seek(to)
    }
}

impl StoredFile for FaultyFile {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, shared: Arc::clone(&self.shared) })
    }

    fn begin_sync(&mut self, offset: u64, bytes: u64) {
        self.file.begin_sync(offset, bytes);
    }

    fn load(&mut self, offset: u64, bytes: usize) -> io::Result<()> {
        self.shared.does("load")?;
        self.file.load(offset, bytes)
    }

    fn source(&self) -> io::Result<Arc<dyn Source>> {
        self.file.source()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.shared.does("sync")?;
        self.file.sync()
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.shared.does("set_len")?;
        self.file.set_len(bytes)
    }
}
