//! Programs as child processes: started, waited for, signalled, and never left behind. Their output
//! is collected while they run, so they never wait for their reader.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wait::{HANG, eventually, read_some, within};

/// How a process ended and all that it printed.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Checks its exit code.
    #[track_caller]
    pub fn has_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }

    /// Checks that a line of its output begins so, and answers the line.
    #[track_caller]
    pub fn line(&self, start: &str) -> &str {
        let line = self.stdout.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no line begins with {start:?}:\n{}", self.stdout))
    }

    /// Checks that its standard error is one sentence, and answers that.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        let complaint = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        assert_eq!(complaint.lines().count(), 1, "one line on standard error: {complaint:?}");
        complaint
    }
}

/// A program that runs. Dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
    #[cfg_attr(not(unix), allow(dead_code, reason = "no program is signalled there"))]
    is_under_wine: bool,
}

impl Program {
    /// Runs the command with a pipe as its input.
    ///
    /// # Panics
    /// When it cannot be run.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// Runs the command with this as its input.
    ///
    /// # Panics
    /// When it cannot be run.
    #[track_caller]
    pub fn start_with(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        without_settings(command);
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = Collected::from(child.stdout.take().expect("it is piped"));
        let stderr = Collected::from(child.stderr.take().expect("it is piped"));
        let is_under_wine = command.get_program() == WINE;
        Self { stdin: child.stdin.take(), child, stdout, stderr, is_under_wine }
    }

    /// Runs the command to its end, with this text as its input.
    #[track_caller]
    pub fn run(command: &mut Command, input: &str) -> Ended {
        let mut program = Self::start(command);
        let mut stdin = program.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // A program that ends before it has read everything may do so.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let ended = program.wait();
        writer.join().expect("the writer does not panic");
        ended
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Types a line.
    #[track_caller]
    pub fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the program reads");
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until it has written this to its standard error, and answers all of that so far.
    #[track_caller]
    pub fn complains(&self, text: &str) -> String {
        eventually(&format!("{text:?} on standard error"), || {
            Some(self.stderr.so_far()).filter(|said| said.contains(text))
        })
    }

    /// Waits until it has shown this on its standard output.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        self.find(&format!("{text:?} on a program's output"), |output| {
            output.contains(text).then_some(())
        });
    }

    /// Waits until `look` finds something in its standard output.
    #[track_caller]
    fn find<T>(&mut self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        eventually(what, || {
            if let Some(found) = look(&self.stdout.so_far()) {
                return Some(found);
            }
            let status = self.try_wait()?;
            let found = look(&self.stdout.all());
            let why = || panic!("it ended ({status}) before {what}:\n{}", self.stderr.so_far());
            Some(found.unwrap_or_else(why))
        })
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Sends it a signal, by its name without `SIG`.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Asks it to end: by SIGTERM, or by Ctrl-C if it is a program for Windows, for which Wine
    /// makes that of SIGINT and of no other signal.
    #[cfg(unix)]
    #[track_caller]
    pub fn ask_to_end(&self) {
        self.signal(if self.is_under_wine { "INT" } else { "TERM" });
    }

    /// Ends it at once, in the middle of whatever it does.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        self.child.kill().expect("the child is ours");
        self.wait()
    }

    /// Waits for its end, which its input or something else has caused.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_for(HANG)
    }

    /// Waits for its end for at most `time`.
    ///
    /// # Panics
    /// When it runs on, or has panicked.
    #[track_caller]
    pub fn wait_for(mut self, time: Duration) -> Ended {
        let status = within(time, "the end of a program", || self.try_wait());
        self.stdin = None;
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        assert!(!stderr.contains("panicked"), "{stderr}");
        Ended { code: status.code(), stdout, stderr }
    }

    /// Ends its input and waits for its end, which must be a good one.
    #[track_caller]
    pub fn leave(mut self) -> Ended {
        self.close_input();
        let ended = self.wait();
        ended.has_code(0);
        ended
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("a program had said:\n{}{}", self.stdout.so_far(), self.stderr.so_far());
        }
    }
}

/// A server that listens. Dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Server {
    program: Program,
    announced: String,
    address: SocketAddr,
}

impl Server {
    /// Starts `binary` with its data in `data_dir`, on a free port of 127.0.0.1.
    #[track_caller]
    pub fn start(binary: &str, data_dir: &Path, options: &[&str]) -> Self {
        Self::run(server_command(binary, data_dir).args(["--bind", "127.0.0.1"]).args(options))
    }

    /// Runs a command that becomes a server, and waits until it says where it listens.
    ///
    /// # Panics
    /// When it ends instead.
    #[track_caller]
    pub fn run(command: &mut Command) -> Self {
        let mut program = Program::start_with(command, Stdio::null());
        let announced = program.find("the line that announces a server", |output| {
            output.split_once('\n').map(|(line, _)| line.to_owned())
        });
        let address = between(&announced, "listening on ", ",").parse().expect("an address");
        Self { program, announced, address }
    }

    /// Where to connect to: what it announced, or this machine if it listens everywhere.
    pub fn address(&self) -> SocketAddr {
        let here: IpAddr = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::from((here, self.address.port()))
    }

    /// The line it printed when it began to listen, without the line's end.
    pub fn announced(&self) -> &str {
        &self.announced
    }

    /// Waits until its log, which goes to standard error, says this, and answers all of the log.
    #[track_caller]
    pub fn logs(&self, text: &str) -> String {
        self.program.complains(text)
    }

    /// Waits until it has printed a line that begins so, and answers the rest of that line.
    #[track_caller]
    pub fn prints(&mut self, start: &str) -> String {
        self.program.find(&format!("a line that begins with {start:?}"), |output| {
            let whole = output.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            whole.filter_map(|line| line.strip_prefix(start)).next().map(str::to_owned)
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Sends it a signal, by its name without `SIG`.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    /// Asks it to end, as [`Program::ask_to_end`].
    #[cfg(unix)]
    #[track_caller]
    pub fn ask_to_end(&self) {
        self.program.ask_to_end();
    }

    /// Ends it at once, in the middle of whatever it does.
    #[track_caller]
    pub fn kill(self) -> Ended {
        self.program.kill()
    }

    /// Waits for its end, which something else has caused.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.program.wait()
    }

    /// Asks it to end, and checks that it does so as it should.
    #[track_caller]
    pub fn end_well(self) {
        #[cfg(unix)]
        {
            self.ask_to_end();
            self.wait().has_code(0);
        }
        #[cfg(not(unix))]
        self.kill();
    }
}

/// True if this program is installed; otherwise says that a test which needs it checks nothing.
pub fn is_installed(program: &str) -> bool {
    let is_here = command_of(program).arg("--version").output().is_ok();
    if !is_here {
        println!("{program} is not here, so this test checks nothing that needs it");
    }
    is_here
}

/// The command that runs `binary` with its data in `data_dir`, on a port that the system picks.
pub fn server_command(binary: &str, data_dir: &Path) -> Command {
    let mut command = command_of(binary);
    command.args(["--port", "0", "--data-dir"]).arg(data_dir);
    command
}

/// Runs programs for Windows on other systems.
const WINE: &str = "wine";

/// The command of a program. On other systems, a program for Windows runs under Wine.
pub fn command_of(program: impl AsRef<Path>) -> Command {
    let program = program.as_ref();
    if cfg!(windows) || !is_for_windows(program) {
        return Command::new(program);
    }
    let mut wine = Command::new(WINE);
    wine.arg(program);
    wine
}

/// True if the file is a program for Windows.
pub fn is_for_windows(program: &Path) -> bool {
    program.extension().is_some_and(|extension| extension == "exe")
}

/// The program that this variable of the environment names, for tests that are to run another one
/// than cargo has built for them.
pub fn from_environment(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// Hides from a command what whoever runs the tests has set for the programs, unless the test
/// itself has set it.
pub fn without_settings(command: &mut Command) {
    let is_setting = |name: &std::ffi::OsString| {
        name == "RUST_LOG" || name.as_encoded_bytes().starts_with(b"CHATSHELF_")
    };
    for name in std::env::vars_os().map(|(name, _)| name).filter(is_setting) {
        if !command.get_envs().any(|(own, _)| own == name) {
            command.env_remove(name);
        }
    }
}

/// Sends a signal to a process, by the signal's name without `SIG`.
///
/// # Panics
/// When there is no such process.
#[cfg(unix)]
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let kill = format!("kill -{name} {pid}");
    let status = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
    assert!(status.success(), "{kill}");
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(rest, |(found, _)| found)
}

/// What has come out of a pipe so far.
#[derive(Debug)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            while let Ok(count @ 1..) = read_some(&mut pipe, &mut buffer) {
                sink.lock().expect("no reader panics").extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panics")).into_owned()
    }

    /// Everything, once the child has ended.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.so_far()
    }
}
