//! What is at a path that was named for a download. Looks, but opens nothing.

use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

/// Links that are followed at most: as many as Linux follows.
#[cfg(unix)]
const LINKS_MAX: u32 = 40;

/// What a path leads to, after following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file, or nothing: a download can get this name, or the next free one.
    File,
    /// A download can go into it.
    Directory,
    /// Our own standard output, under one of its names.
    Stdout,
    /// A device, a pipe, or another open descriptor: it can be written to, but not replaced.
    Stream,
    /// It takes no bytes at all.
    Socket,
}

impl PathKind {
    /// Looks at a path.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match descriptor(path) {
            Some(1) => return Self::Stdout,
            Some(_) => return Self::Stream,
            None => {}
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Self::Directory,
            Ok(metadata) if metadata.is_file() => Self::File,
            Ok(metadata) if is_socket(&metadata) => Self::Socket,
            Ok(_) => Self::Stream,
            Err(_) => Self::File,
        }
    }
}

/// The descriptor that a path names, after following links. It may lead to a regular file, and is
/// still no place for a new one.
#[cfg(unix)]
fn descriptor(path: &Path) -> Option<u32> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match path.to_str() {
            Some("/dev/stdin") => return Some(0),
            Some("/dev/stdout") => return Some(1),
            Some("/dev/stderr") => return Some(2),
            _ => {}
        }
        if ["/dev/fd", "/proc/self/fd"].iter().any(|fds| path.parent() == Some(Path::new(fds))) {
            return path.file_name()?.to_str()?.parse().ok();
        }
        let target = std::fs::read_link(&path).ok()?;
        path = path.parent().map_or_else(PathBuf::new, Path::to_path_buf).join(target);
    }
    None
}

#[cfg(not(unix))]
fn descriptor(_path: &Path) -> Option<u32> {
    None
}

#[cfg(unix)]
fn is_socket(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_socket(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn paths_that_hold_no_file_are_recognised_through_links_too() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, target, kind) in [
            ("to-file", "file", PathKind::File),
            ("to-dir", "dir", PathKind::Directory),
            ("to-nothing", "nothing", PathKind::File),
            ("to-itself", "to-itself", PathKind::File),
            ("to-socket", "socket", PathKind::Socket),
            ("to-null", "/dev/null", PathKind::Stream),
            ("to-stdout", "/dev/stdout", PathKind::Stdout),
            ("to-fd-1", "/dev/fd/1", PathKind::Stdout),
            ("to-proc-1", "/proc/self/fd/1", PathKind::Stdout),
            ("to-stderr", "/dev/stderr", PathKind::Stream),
            ("to-fd-9", "/dev/fd/9", PathKind::Stream),
        ] {
            symlink(target, at(name)).unwrap();
            symlink(name, at(&format!("by-{name}"))).unwrap();
            for name in [name, &format!("by-{name}")] {
                assert_eq!(PathKind::of(&at(name)), kind, "{name}");
            }
        }
        assert_eq!(PathKind::of(Path::new("/dev/null")), PathKind::Stream);
        assert_eq!(PathKind::of(Path::new("/dev/stdout")), PathKind::Stdout);
    }
}
