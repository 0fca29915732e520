//! An open file of the simulated disk: reads and writes that move less than asked, and fail.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_server::disk::files::{Source, StoredFile};

use super::{Disk, Inode};

/// An open file.
#[derive(Debug)]
pub(crate) struct SimFile {
    disk: Disk,
    path: PathBuf,
    inode: Rc<Inode>,
    at: u64,
    /// A write was cut short by an error that the next one will say.
    fails_next: bool,
}

impl SimFile {
    pub(super) fn new(disk: &Disk, path: &Path, inode: &Rc<Inode>) -> Self {
        inode.handles.set(inode.handles.get() + 1);
        let (disk, path, inode) = (disk.clone(), path.into(), Rc::clone(inode));
        Self { disk, path, inode, at: 0, fails_next: false }
    }
}

/// A file's content, for whoever sends it.
#[derive(Debug)]
struct Shelved(Vec<u8>);

impl Source for Shelved {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = self.0.get(offset as usize..).unwrap_or_default();
        rest.read(buffer)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.inode.handles.set(self.inode.handles.get() - 1);
    }
}

impl Read for SimFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.0.borrow_mut();
        state.try_luck("read", &self.path)?;
        let content = self.inode.content.borrow();
        let rest = content.bytes().get(self.at as usize..).unwrap_or_default();
        let mut count = rest.len().min(buffer.len());
        if count > 1 && state.rng.one_in(8) {
            count = 1 + state.rng.up_to(count - 1);
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.borrow_mut();
        let mut count = bytes.len();
        if std::mem::take(&mut self.fails_next) {
            state.failures += 1;
            return Err(io::Error::other("EIO"));
        }
        if let Err(why) = state.try_luck("write", &self.path) {
            count = if state.is_frozen { 0 } else { state.rng.up_to(count) };
            if count == 0 {
                return Err(why);
            }
            self.fails_next = true;
        }
        let mut content = self.inode.content.borrow_mut();
        if state.capacity < u64::MAX {
            drop(content);
            let free = state.capacity.saturating_sub(state.used());
            content = self.inode.content.borrow_mut();
            let over = (content.len() - self.at.min(content.len())) as usize;
            count = count.min(over + free as usize);
        }
        if count == 0 && !bytes.is_empty() {
            state.failures += 1;
            return Err(ErrorKind::StorageFull.into());
        }
        content.write(self.at, &bytes[..count]);
        self.at += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SimFile {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.disk.0.borrow_mut().try_luck("seek", &self.path)?;
        let end = self.inode.content.borrow().len();
        let at = match place {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl StoredFile for SimFile {
    fn try_clone(&self) -> io::Result<Self> {
        self.disk.0.borrow_mut().try_luck("clone", &self.path)?;
        Ok(Self::new(&self.disk, &self.path, &self.inode))
    }

    /// What a crash leaves of unsynced bytes is anyone's guess, with the hint or without.
    fn begin_sync(&mut self, _: u64, _: u64) {}

    fn load(&mut self, offset: u64, bytes: usize) -> io::Result<()> {
        self.disk.0.borrow_mut().try_luck("load", &self.path)?;
        match offset + bytes as u64 <= self.inode.content.borrow().len() {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// What is on the shelf does not change.
    fn source(&self) -> io::Result<Arc<dyn Source>> {
        let content = self.inode.content.borrow().bytes().to_vec();
        Ok(Arc::new(Shelved(content)))
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.is_at(path, &self.inode))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.borrow_mut();
        let mut content = self.inode.content.borrow_mut();
        if let Err(why) = state.try_luck("sync", &self.path) {
            if !state.is_frozen {
                content.give_up();
            }
            return Err(why);
        }
        if !state.lies {
            content.sync();
        }
        Ok(())
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.disk.0.borrow_mut().try_luck("cut", &self.path)?;
        self.inode.content.borrow_mut().set_len(bytes);
        Ok(())
    }
}
