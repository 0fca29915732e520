//! A real server process: started, waited for, signalled, and never left behind.
//!
//! It knows nothing of the protocol and needs nothing but std: the tests of other packages
//! include this file as it is. Where the program and its data are, its caller says.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for anything. Only a hang takes so long, also on a machine that is busy.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`HANG`]; the message says what was waited for.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(HANG, what, ask)
}

/// The same for what is to take as long as this.
#[track_caller]
pub(crate) fn within<T>(time: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < time, "this did not come within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Reads once. A process that is stopped and goes on has its reads interrupted where they have a
/// timeout; that is no end of what is read.
pub(crate) fn read_some(from: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// How a process ended and all that it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server that listens. Dropped, it is killed and waited for.
pub(crate) struct Server {
    process: Process,
    announced: String,
    address: SocketAddr,
}

impl Server {
    /// Starts `binary` with its data in `data_dir`, on a free port of 127.0.0.1.
    pub(crate) fn start(binary: &str, data_dir: &Path, options: &[&str]) -> Self {
        Self::run(command(binary, data_dir).args(["--bind", "127.0.0.1"]).args(options))
    }

    /// Runs a command that becomes a server, and waits until it says where it listens.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut process = Process::spawn(command);
        let announced = eventually("the line that announces a server", || {
            let line = process.stdout.first_line();
            if line.is_none() && process.has_ended() {
                panic!("the server ended at once: {:?}", process.wait());
            }
            line
        });
        let address = between(&announced, "listening on ", ",").parse().expect("an address");
        Self { process, announced, address }
    }

    /// Where to connect to: what it announced, or this machine if it listens everywhere.
    pub(crate) fn address(&self) -> SocketAddr {
        let here: IpAddr = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::from((here, self.address.port()))
    }

    /// The line it printed when it began to listen, without the line's end.
    pub(crate) fn announced(&self) -> &str {
        &self.announced
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Sends a signal, by its name without `SIG`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(status.success(), "{kill}");
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(crate) fn kill(mut self) -> Ended {
        self.process.child.kill().expect("the server runs");
        self.process.wait()
    }

    /// Waits for its end, which something else has caused.
    pub(crate) fn wait(mut self) -> Ended {
        self.process.wait()
    }

    /// Asks it to end, and checks that it does so as it should, without having panicked.
    pub(crate) fn end_well(self) {
        #[cfg(unix)]
        {
            self.signal("TERM");
            let ended = self.wait();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
        #[cfg(not(unix))]
        assert!(!self.kill().stderr.contains("panicked"));
    }
}

/// The command that runs `binary` with its data in `data_dir` on a port that the system picks.
pub(crate) fn command(binary: &str, data_dir: &Path) -> Command {
    let mut command = Command::new(binary);
    without_settings(&mut command);
    command.args(["--port", "0", "--data-dir"]).arg(data_dir);
    command
}

/// What the one who runs the tests has set for the programs is not for these.
pub(crate) fn without_settings(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(b"CHATSHELF_")) {
        command.env_remove(name);
    }
}

/// Runs a command that ends by itself.
pub(crate) fn run_to_end(command: &mut Command) -> Ended {
    Process::spawn(command).wait()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(rest, |(found, _)| found)
}

/// A child whose output is collected while it runs, so that it never waits for its reader.
struct Process {
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = Collected::from(child.stdout.take().expect("it is piped"));
        let stderr = Collected::from(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    fn wait(&mut self) -> Ended {
        let status = eventually("the end of the server", || {
            self.child.try_wait().expect("the child is ours")
        });
        Ended { code: status.code(), stdout: self.stdout.all(), stderr: self.stderr.all() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server had said:\n{}{}", self.stdout.all(), self.stderr.all());
        }
    }
}

/// What has come out of a pipe so far.
struct Collected {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn from(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let (mut pipe, mut line) = (BufReader::new(pipe), Vec::new());
            while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                sink.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn first_line(&self) -> Option<String> {
        let text = self.text.lock().expect("no reader panics");
        text.split_once('\n').map(|(line, _)| line.into())
    }

    /// Everything, once the child has ended.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.text.lock().expect("no reader panics").clone()
    }
}
