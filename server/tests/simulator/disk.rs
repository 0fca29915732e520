//! The disk: a tree of files in memory that fails, fills up, and forgets in a crash what was not
//! synced, as disks do.
//!
//! What changes the names (making, renaming, removing) is a list, of which a sync of a folder makes
//! all durable up to the newest change in that folder. After a power cut a random beginning of the
//! rest is there. What changes a file's content is in [`Content`].

mod open_file;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chatshelf_server::disk::files::{Files, Kind};

use super::content::{Content, Safety};
use super::rng::Rng;
use super::trace::{Trace, told};
use open_file::SimFile;

/// Shared by the store, the journal and the world.
#[derive(Clone, Debug)]
pub(crate) struct Disk(pub(super) Rc<RefCell<State>>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) rng: Rng,
    trace: Trace,
    names: Names,
    durable: Names,
    /// Changes of the names that are not durable.
    changes: Vec<Change>,
    faults: Faults,
    /// Bytes that others have left free.
    pub(super) capacity: u64,
    is_windows: bool,
    pub(super) lies: bool,
    pub(super) failures: u64,
    /// The server is dead, and does not know it yet.
    pub(super) is_frozen: bool,
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(Rc<Inode>),
}

/// A file, whatever its names.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) content: RefCell<Content>,
    pub(super) handles: Cell<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Make(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// How the disk misbehaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Of a thousand operations so many fail.
    pub(crate) per_mille: u64,
    /// This one from now on fails; 0 for none.
    pub(crate) next: u64,
    /// At this one from now on the server dies; 0 for none. Nothing happens on the disk after it.
    pub(crate) crash: u64,
}

impl Disk {
    pub(crate) fn new(rng: Rng, trace: Trace, is_windows: bool, lies: bool) -> Self {
        let names = Names::from([(PathBuf::from("/"), Node::Folder)]);
        Self(Rc::new(RefCell::new(State {
            rng,
            trace,
            durable: names.clone(),
            names,
            changes: Vec::new(),
            faults: Faults::default(),
            capacity: u64::MAX,
            is_windows,
            lies,
            failures: 0,
            is_frozen: false,
        })))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// True once, when the server has come to the operation at which it dies.
    pub(crate) fn take_frozen(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().is_frozen)
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.0.borrow().is_frozen
    }

    /// How many operations have failed so far.
    pub(crate) fn failures(&self) -> u64 {
        self.0.borrow().failures
    }

    /// Others fill the disk but for so many bytes beyond what is there.
    pub(crate) fn set_free(&self, bytes: Option<u64>) {
        let mut state = self.0.borrow_mut();
        let used = state.used();
        state.capacity = bytes.map_or(u64::MAX, |bytes| used + bytes);
    }

    /// The power fails: what was not synced is lost, but for a random beginning of it.
    pub(crate) fn cut_power(&self) {
        let mut state = self.0.borrow_mut();
        let State { rng, durable, changes, .. } = &mut *state;
        let kept = rng.up_to(changes.len());
        let lost = changes.len() - kept;
        changes.drain(..).take(kept).for_each(|change| change.apply(durable));
        let mut torn = 0;
        for node in durable.values() {
            if let Node::File(inode) = node {
                torn += usize::from(inode.content.borrow_mut().cut_power(rng));
            }
        }
        state.names = state.durable.clone();
        told!(state.trace, "disk", "loses {lost} changes of names and parts of {torn} files");
    }

    /// All files, with their sizes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.0.borrow();
        let size = |(path, node): (&PathBuf, &Node)| match node {
            Node::File(inode) => Some((path.clone(), inode.content.borrow().len())),
            Node::Folder => None,
        };
        state.names.iter().filter_map(size).collect()
    }

    /// All folders.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let state = self.0.borrow();
        let is_folder = |node: &Node| matches!(node, Node::Folder);
        state.names.iter().filter(|(_, node)| is_folder(node)).map(|(it, _)| it.clone()).collect()
    }

    /// A file's content, as it would be read now.
    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        match self.0.borrow().names.get(path)? {
            Node::File(inode) => Some(inode.content.borrow().bytes().to_vec()),
            Node::Folder => None,
        }
    }

    /// How safe the files below a folder are: as the least safe of them.
    pub(crate) fn safety(&self, dir: &Path) -> Safety {
        let state = self.0.borrow();
        let safety = |(path, node): (&PathBuf, &Node)| match node {
            Node::File(inode) if is_same(state.durable.get(path), inode) => {
                inode.content.borrow().safety()
            }
            Node::File(_) => Safety::Volatile,
            Node::Folder => Safety::Durable,
        };
        below(&state.names, dir).map(safety).max().unwrap_or(Safety::Durable)
    }

    /// The files that are open, each as often as it is.
    pub(crate) fn open_files(&self) -> Vec<PathBuf> {
        let state = self.0.borrow();
        let handles = |node: &Node| match node {
            Node::File(inode) => inode.handles.get(),
            Node::Folder => 0,
        };
        let all = state.names.iter();
        all.flat_map(|(path, node)| vec![path.clone(); handles(node)]).collect()
    }

    /// True when a path names this file.
    pub(super) fn is_at(&self, path: &Path, inode: &Rc<Inode>) -> bool {
        is_same(self.0.borrow().names.get(path), inode)
    }

    fn open_inode(&self, path: &Path) -> io::Result<SimFile> {
        match self.0.borrow().names.get(path) {
            Some(Node::File(inode)) => Ok(SimFile::new(self, path, inode)),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl State {
    pub(super) fn used(&self) -> u64 {
        let size = |node: &Node| match node {
            Node::File(inode) => inode.content.borrow().len(),
            Node::Folder => 0,
        };
        self.names.values().map(size).sum()
    }

    /// Fails now and then, as the faults say.
    pub(super) fn try_luck(&mut self, operation: &str, path: &Path) -> io::Result<()> {
        self.is_frozen |= self.faults.crash == 1;
        self.faults.crash = self.faults.crash.saturating_sub(1);
        if self.is_frozen {
            return Err(io::Error::other("the server is dead"));
        }
        let is_next = self.faults.next == 1;
        self.faults.next = self.faults.next.saturating_sub(1);
        let per_mille = self.faults.per_mille;
        if !is_next && (per_mille == 0 || self.rng.below(1000) >= per_mille) {
            return Ok(());
        }
        let (kind, name) = self.rng.pick(&[
            (ErrorKind::Other, "EIO"),
            (ErrorKind::Other, "EIO"),
            (ErrorKind::PermissionDenied, "EACCES"),
            (ErrorKind::StorageFull, "ENOSPC"),
        ]);
        self.failures += 1;
        told!(self.trace, "disk", "{operation} {} fails: {name}", path.display());
        Err(io::Error::new(kind, name))
    }

    fn change(&mut self, change: Change) {
        match &change {
            Change::Make(path, _) => told!(self.trace, "disk", "makes {}", path.display()),
            Change::Remove(path) => told!(self.trace, "disk", "removes {}", path.display()),
            Change::Rename(from, to) => {
                told!(self.trace, "disk", "renames {} to {}", from.display(), to.display());
            }
        }
        change.apply(&mut self.names);
        if self.is_windows {
            change.apply(&mut self.durable);
        } else {
            self.changes.push(change);
        }
    }

    /// On Windows nothing below a path may be open when it is moved or removed.
    fn must_not_be_open(&self, path: &Path) -> io::Result<()> {
        let is_open = |node: &Node| matches!(node, Node::File(inode) if inode.handles.get() > 0);
        let is_held = self.is_windows && below(&self.names, path).any(|(_, node)| is_open(node));
        if is_held { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.must_not_be_open(path)?;
        self.change(Change::Remove(path.into()));
        Ok(())
    }
}

fn is_same(node: Option<&Node>, inode: &Rc<Inode>) -> bool {
    matches!(node, Some(Node::File(other)) if Rc::ptr_eq(other, inode))
}

/// A path and all that is below it.
fn below<'a>(names: &'a Names, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
    let from = path.to_path_buf();
    names.range(from..).take_while(move |(name, _)| name.starts_with(path))
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Make(path, node) => drop(names.insert(path.clone(), node.clone())),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to) => {
                let moved: Vec<PathBuf> =
                    below(names, from).map(|(name, _)| name.clone()).collect();
                for name in moved {
                    let rest = name.strip_prefix(from).expect("it is below").to_path_buf();
                    let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    let node = names.remove(&name).expect("it was listed");
                    names.insert(new, node);
                }
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        match self {
            Self::Make(path, _) | Self::Remove(path) => path.parent() == Some(dir),
            Self::Rename(from, to) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }
}

impl Files for Disk {
    type File = SimFile;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.try_luck("make folder", dir)?;
        match state.names.get(dir) {
            Some(Node::Folder) => return Ok(()),
            Some(Node::File(_)) => return Err(ErrorKind::AlreadyExists.into()),
            None => {}
        }
        if !dir.parent().is_some_and(|above| state.names.contains_key(above)) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(Change::Make(dir.into(), Node::Folder));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut state = self.0.borrow_mut();
        state.try_luck("list", dir)?;
        if !state.names.contains_key(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let within = below(&state.names, dir).map(|(name, _)| name);
        let mut names: Vec<PathBuf> =
            within.filter(|name| name.parent() == Some(dir)).cloned().collect();
        state.rng.shuffle(&mut names);
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<SimFile> {
        let mut state = self.0.borrow_mut();
        state.try_luck("create", path)?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|dir| state.names.contains_key(dir)) {
            return Err(ErrorKind::NotFound.into());
        }
        let inode = Rc::new(Inode { content: RefCell::default(), handles: Cell::new(0) });
        state.change(Change::Make(path.into(), Node::File(Rc::clone(&inode))));
        Ok(SimFile::new(self, path, &inode))
    }

    fn open(&self, path: &Path) -> io::Result<SimFile> {
        self.0.borrow_mut().try_luck("open", path)?;
        self.open_inode(path)
    }

    fn edit(&self, path: &Path) -> io::Result<SimFile> {
        self.0.borrow_mut().try_luck("edit", path)?;
        self.open_inode(path)
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.0.borrow_mut().try_luck("look at", path)?;
        match self.0.borrow().names.get(path) {
            Some(Node::File(_)) => Ok(Kind::File),
            Some(Node::Folder) => Ok(Kind::Folder),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.0.borrow_mut().try_luck("size", path)?;
        match self.0.borrow().names.get(path) {
            Some(Node::File(inode)) => Ok(inode.content.borrow().len()),
            Some(Node::Folder) => Ok(0),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.try_luck("rename", from)?;
        if !state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        state.must_not_be_open(from)?;
        if below(&state.names, to).nth(1).is_some() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        state.change(Change::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.try_luck("remove", path)?;
        match state.names.get(path) {
            Some(Node::File(_)) => state.remove(path),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn remove_empty_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.try_luck("remove folder", dir)?;
        let is_full = below(&state.names, dir).nth(1).is_some();
        match state.names.get(dir) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Node::Folder) if is_full => Err(ErrorKind::DirectoryNotEmpty.into()),
            Some(Node::Folder) => state.remove(dir),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.try_luck("sync folder", dir)?;
        if !state.names.contains_key(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let newest = state.changes.iter().rposition(|change| change.is_in(dir));
        let State { durable, changes, lies, .. } = &mut *state;
        if let Some(newest) = newest.filter(|_| !*lies) {
            changes.drain(..=newest).for_each(|change| change.apply(durable));
        }
        Ok(())
    }

    fn available(&self, dir: &Path) -> io::Result<u64> {
        let mut state = self.0.borrow_mut();
        state.try_luck("ask for space of", dir)?;
        Ok(state.capacity.saturating_sub(state.used()))
    }
}
