//! A server on a disk of its own that holds next to nothing: a tmpfs in a mount namespace in which
//! only the server is. Linux only, and only where users may have such namespaces.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use chatshelf_testkit::files::names;
use chatshelf_testkit::programs::Server;
use tempfile::TempDir;

use super::{Home, binary};

/// Mounts `$1` bytes at `$2` and becomes the rest.
const SCRIPT: &str = r#"mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@""#;

/// The disk, as long as its server runs.
pub(crate) struct SmallDisk {
    /// Where the server, and nobody else, sees it.
    place: TempDir,
    pid: u32,
}

/// A command to which `bytes` of disk are mounted at `place`.
fn on_a_disk_of(bytes: u64, place: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", &bytes.to_string()]);
    command.arg(place);
    command
}

/// True where the system lets us have such a disk; otherwise why not is printed.
fn is_possible() -> bool {
    static IS_POSSIBLE: OnceLock<bool> = OnceLock::new();
    let is_possible = *IS_POSSIBLE.get_or_init(|| {
        let place = tempfile::tempdir().expect("a place for temporary files");
        let tried = on_a_disk_of(1 << 20, place.path()).arg("true").stdin(Stdio::null()).output();
        match tried {
            Ok(output) if output.status.success() => true,
            Ok(output) => {
                eprintln!("no small disk: {}", String::from_utf8_lossy(&output.stderr).trim());
                false
            }
            Err(why) => {
                eprintln!("no small disk: unshare: {why}");
                false
            }
        }
    });
    if !is_possible {
        eprintln!("not tested: this system allows no disk of one's own");
    }
    is_possible
}

impl SmallDisk {
    /// Starts a server with `bytes` of disk; none where the system does not allow that.
    pub(crate) fn start(bytes: u64, options: &[&str]) -> Option<(Self, Server)> {
        if !is_possible() {
            return None;
        }
        let place = tempfile::tempdir().expect("a place for temporary files");
        let mut command = on_a_disk_of(bytes, place.path());
        command.args([binary(), "--bind", "127.0.0.1", "--port", "0", "--data-dir"]);
        let server = Server::run(command.arg(place.path().join("data")).args(options));
        let disk = Self { place, pid: server.pid() };
        assert!(disk.available() <= bytes && disk.seen_from_here().join("data").exists());
        Some((disk, server))
    }

    fn seen_from_here(&self) -> PathBuf {
        let path = self.place.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.pid.to_string()).join("root").join(path)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.seen_from_here().join("data")
    }

    /// Names in the folder of uploads.
    pub(crate) fn uploads(&self) -> Vec<String> {
        names(&self.data_dir().join("uploads"))
    }

    /// Bytes that can be written.
    pub(crate) fn available(&self) -> u64 {
        fs4::available_space(self.seen_from_here()).expect("a disk")
    }

    fn filler(&self) -> PathBuf {
        self.seen_from_here().join("filler")
    }

    /// Lets someone else take all of the disk but so many bytes.
    pub(crate) fn fill(&self, left: u64) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        let page = [0; 4096];
        while self.available() > left {
            match filler.write_all(&page) {
                Ok(()) => {}
                Err(why) if why.kind() == ErrorKind::StorageFull => break,
                Err(why) => panic!("{why}"),
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// A copy of all that the server has written, on a disk that has room.
    pub(crate) fn copy(&self) -> Home {
        let home = Home::new();
        copy_dir(&self.data_dir(), &home.data_dir());
        home
    }
}

/// Looks, all the time, how much of a disk is free.
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    least: JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn on(disk: &SmallDisk) -> Self {
        let (path, is_over) = (disk.seen_from_here(), Arc::new(AtomicBool::new(false)));
        let is_over_too = Arc::clone(&is_over);
        let least = std::thread::spawn(move || {
            let mut least = u64::MAX;
            while !is_over_too.load(Ordering::Relaxed) {
                // It ends with its server.
                let Ok(available) = fs4::available_space(&path) else { break };
                least = least.min(available);
                std::thread::sleep(Duration::from_millis(1));
            }
            least
        });
        Self { is_over, least }
    }

    /// The fewest bytes that were free meanwhile.
    pub(crate) fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.least.join().expect("it only looks")
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
