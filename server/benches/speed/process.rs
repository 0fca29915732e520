//! A server under measurement: started on a core of its own, waited for, looked at, ended.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chatshelf_testkit::proc_stats;
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

/// The core of whatever is measured, and that of the load.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// Longest wait for a server to listen.
const START_MAX: Duration = Duration::from_secs(30);

/// A server that listens on a port of 127.0.0.1. Dropped, it is killed and waited for.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    /// Its files, removed when it has ended.
    dir: TempDir,
}

impl Process {
    /// Starts a command on the server's core, and waits until it listens on `port`.
    ///
    /// # Errors
    /// When it cannot be started, or ends, or does not listen in time.
    pub(crate) fn start(command: &mut Command, port: u16, dir: TempDir) -> io::Result<Self> {
        pin_to(SERVER_CORE)?;
        let spawned =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        pin_to(LOAD_CORE)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Self { child: spawned?, address, dir };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                return Err(io::Error::other(format!("it ended at once: {status}")));
            }
            if started.elapsed() > START_MAX {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not listen"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(process)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// CPU time that all its threads have used so far, the kernel's share of their calls included.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        proc_stats::cpu(self.child.id()).ok_or_else(has_ended)
    }

    /// Bytes of memory it has resident.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        proc_stats::memory_kib(self.child.id()).map(|kib| kib * 1024).ok_or_else(has_ended)
    }

    /// The most bytes of memory that it ever had resident.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn peak_memory(&self) -> io::Result<u64> {
        proc_stats::peak_memory_kib(self.child.id()).map(|kib| kib * 1024).ok_or_else(has_ended)
    }
}

fn has_ended() -> io::Error {
    io::Error::other("the server under measurement has ended")
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing that anyone will want again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets this process run on the load's core only.
///
/// # Errors
/// When the system refuses.
pub(crate) fn pin_load() -> io::Result<()> {
    pin_to(LOAD_CORE)
}

fn pin_to(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A port of 127.0.0.1 that nobody listens on.
///
/// # Errors
/// When the system has none.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
