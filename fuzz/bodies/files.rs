//! A tree of files in memory, for the store and the journal: it never fails, and keeps everything.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chatshelf_server::disk::files::{Files, Kind, StoredFile};

/// Bytes that are free, however much is there.
const FREE_BYTES: u64 = 1 << 40;

type Content = Rc<RefCell<Vec<u8>>>;

/// The tree. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryFiles(Rc<RefCell<BTreeMap<PathBuf, Node>>>);

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(Content),
}

/// An open file.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    files: MemoryFiles,
    content: Content,
    at: usize,
}

impl MemoryFiles {
    /// A tree with one empty folder.
    pub(crate) fn with_folder(dir: &Path) -> Self {
        let files = Self::default();
        files.0.borrow_mut().insert(dir.into(), Node::Folder);
        files
    }

    /// Puts a file there, with all folders that lead to it.
    pub(crate) fn put(&self, path: &Path, content: &[u8]) {
        let mut nodes = self.0.borrow_mut();
        for dir in path.ancestors().skip(1) {
            nodes.entry(dir.into()).or_insert(Node::Folder);
        }
        nodes.insert(path.into(), Node::File(Rc::new(RefCell::new(content.to_vec()))));
    }

    /// All files with their content.
    pub(crate) fn all(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let nodes = self.0.borrow();
        let file = |(path, node): (&PathBuf, &Node)| match node {
            Node::File(content) => Some((path.clone(), content.borrow().clone())),
            Node::Folder => None,
        };
        nodes.iter().filter_map(file).collect()
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        self.0.borrow().get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn content(&self, path: &Path) -> io::Result<Content> {
        match self.node(path)? {
            Node::File(content) => Ok(content),
            Node::Folder => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn make(&self, path: &Path, node: Node) -> io::Result<()> {
        let mut nodes = self.0.borrow_mut();
        if !path.parent().is_some_and(|dir| matches!(nodes.get(dir), Some(Node::Folder))) {
            return Err(ErrorKind::NotFound.into());
        }
        nodes.insert(path.into(), node);
        Ok(())
    }

    fn is_full(&self, dir: &Path) -> bool {
        let nodes = self.0.borrow();
        let mut below = nodes.range(dir.to_path_buf()..).skip(1);
        below.next().is_some_and(|(path, _)| path.starts_with(dir))
    }
}

impl Files for MemoryFiles {
    type File = MemoryFile;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match self.node(dir) {
            Ok(Node::Folder) => Ok(()),
            Ok(Node::File(_)) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => self.make(dir, Node::Folder),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.node(dir)?;
        let nodes = self.0.borrow();
        let below = nodes.range(dir.to_path_buf()..).map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(dir));
        Ok(below.filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create(&self, path: &Path) -> io::Result<MemoryFile> {
        if self.node(path).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.make(path, Node::File(Content::default()))?;
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<MemoryFile> {
        Ok(MemoryFile { files: self.clone(), content: self.content(path)?, at: 0 })
    }

    fn edit(&self, path: &Path) -> io::Result<MemoryFile> {
        self.open(path)
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.node(path).map(|node| match node {
            Node::Folder => Kind::Folder,
            Node::File(_) => Kind::File,
        })
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.node(path).map(|node| match node {
            Node::Folder => 0,
            Node::File(content) => content.borrow().len() as u64,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.node(from)?;
        if self.is_full(to) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        let mut nodes = self.0.borrow_mut();
        let moved = nodes.range(from.to_path_buf()..).map(|(path, _)| path);
        let moved: Vec<PathBuf> =
            moved.take_while(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            let Ok(rest) = path.strip_prefix(from) else { continue };
            let new = if rest.as_os_str().is_empty() { to.into() } else { to.join(rest) };
            if let Some(node) = nodes.remove(&path) {
                nodes.insert(new, node);
            }
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.content(path)?;
        self.0.borrow_mut().remove(path);
        Ok(())
    }

    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()> {
        match self.node(dir)? {
            Node::File(_) => return Err(ErrorKind::NotADirectory.into()),
            Node::Folder if self.is_full(dir) => return Err(ErrorKind::DirectoryNotEmpty.into()),
            Node::Folder => {}
        }
        self.0.borrow_mut().remove(dir);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.node(dir).map(drop)
    }

    fn available(&self, _: &Path) -> io::Result<u64> {
        Ok(FREE_BYTES)
    }
}

impl Read for MemoryFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.content.borrow();
        let count = content.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut content = self.content.borrow_mut();
        let end = self.at + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[self.at..end].copy_from_slice(bytes);
        self.at = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemoryFile {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let at = match place {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => (self.content.borrow().len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => (self.at as u64).checked_add_signed(by),
        };
        let at = at.ok_or(ErrorKind::InvalidInput)?;
        self.at = at as usize;
        Ok(at)
    }
}

impl StoredFile for MemoryFile {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { files: self.files.clone(), content: Rc::clone(&self.content), at: self.at })
    }

    fn begin_sync(&mut self, _: u64, _: u64) {}

    fn load(&mut self, offset: u64, bytes: usize) -> io::Result<()> {
        match offset + bytes as u64 <= self.content.borrow().len() as u64 {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.files.content(path).is_ok_and(|there| Rc::ptr_eq(&there, &self.content)))
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.content.borrow_mut().resize(bytes as usize, 0);
        Ok(())
    }
}
