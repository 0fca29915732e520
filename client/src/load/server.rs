//! The server under load, started for the test or already running, and the CPU and memory it uses.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chatshelf_common::join_link::JoinLink;

use super::options::Plan;
use crate::link::Carrier;
use crate::trust::known_hosts::KnownHosts;
use crate::trust::{Authority, FirstContact, Trust};

/// The server, and its process if we started it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// What its clients trust; `None` if they do not encrypt.
    trust: Option<Trust>,
    /// Clients come over WebSocket.
    is_web: bool,
    own: Option<Own>,
}

/// A server that we started. Dropped, it is killed.
#[derive(Debug)]
struct Own {
    child: Child,
    /// Removed after the test.
    _data_dir: tempfile::TempDir,
}

impl Server {
    /// Looks up the server that is named, or starts one on a port that the system picks, pinned to
    /// one core if there are two and the system allows it.
    ///
    /// # Errors
    /// One line that says what failed.
    pub(super) fn open(plan: &Plan) -> Result<Self, String> {
        if let Some(link) = &plan.server {
            let host = link.address.host();
            let mut addresses = (host, link.address.port())
                .to_socket_addrs()
                .map_err(|why| format!("cannot find {host}: {why}"))?;
            let address = addresses.next().ok_or_else(|| format!("{host} has no address"))?;
            let trust = trust(plan, link, KnownHosts::of_user());
            return Ok(Self { address, trust, is_web: plan.web, own: None });
        }
        let program = program()?;
        let data_dir = tempfile::tempdir()
            .map_err(|why| format!("cannot create a temporary directory: {why}"))?;
        pin_to(0);
        let spawned = Command::new(&program)
            .args(["--bind", "127.0.0.1", "--port", "0", "--keep", "5", "--data-dir"])
            .arg(data_dir.path())
            .arg("--max-file-size")
            .arg(plan.file_bytes.to_string())
            .arg("--max-members")
            .arg((plan.clients + 2 * plan.attack.len() + 100).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        pin_to(1);
        let mut child =
            spawned.map_err(|why| format!("cannot run {}: {why}", program.display()))?;
        // Where it listens, and in the second line its key.
        let mut lines = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let _ = stdout.read_line(&mut lines).and_then(|_| stdout.read_line(&mut lines));
        }
        let own = Own { child, _data_dir: data_dir };
        let words = || lines.split_whitespace();
        let address = words().find_map(|word| word.trim_end_matches(',').parse().ok());
        let address: SocketAddr = address.ok_or("the server did not say where it listens")?;
        let key = words().find_map(|word| word.trim_end_matches(';').parse().ok());
        let key = key.ok_or("the server did not say which key it has")?;
        let link = JoinLink::new(&address.ip().to_string(), address.port(), key);
        let trust = trust(plan, &link, KnownHosts::within(None));
        Ok(Self { address, trust, is_web: plan.web, own: Some(own) })
    }

    /// What carries a client.
    pub(super) fn carrier(&self) -> Carrier {
        let trust = self.trust.clone().map(Box::new);
        match trust {
            trust if self.is_web => Carrier::Web(trust),
            Some(trust) => Carrier::Tls(trust),
            None => Carrier::Plain,
        }
    }

    /// CPU time that all its threads have used; `None` for a server that we did not start, or where
    /// the system does not tell (proc_pid_schedstat).
    pub(super) fn cpu(&self) -> Option<Duration> {
        let tasks = format!("/proc/{}/task", self.own.as_ref()?.child.id());
        let mut total = 0;
        for task in std::fs::read_dir(tasks).ok()? {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            total += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(total))
    }

    /// Its resident memory in bytes, likewise (proc_pid_status, VmRSS).
    pub(super) fn memory(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.own.as_ref()?.child.id());
        let text = std::fs::read_to_string(status).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    }
}

/// What is trusted of a server, if the plan asks for encryption.
fn trust(plan: &Plan, link: &JoinLink, known: KnownHosts) -> Option<Trust> {
    (!plan.no_tls).then(|| Trust::new(link, FirstContact::Refuse, Authority::System, known))
}

impl Drop for Own {
    fn drop(&mut self) {
        // Nothing that it has is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program: beside this one.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe()
        .map_err(|why| format!("cannot find this program's own file: {why}"))?;
    let name = format!("chatshelf-server{}", std::env::consts::EXE_SUFFIX);
    let path = own.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} does not exist; build it first (make build)", path.display()))
    }
}

/// Pins this process, and those it starts from now on, to one core, if there are two.
#[cfg(target_os = "linux")]
fn pin_to(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) || core > 0 {
        let mut set = CpuSet::new();
        set.set(core);
        if let Err(why) = sched_setaffinity(None, &set) {
            log::warn!("cannot run on core {core} only: {why}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn pin_to(_core: usize) {}
