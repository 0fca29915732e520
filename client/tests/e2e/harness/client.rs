//! A client on pipes: fed line by line, its output collected while it runs, and never left behind.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::server::{HANG, read_some, within};
use super::{Ended, eventually};

/// A client that runs. Dropped, it is killed and waited for.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
}

impl Client {
    /// Runs the command with a pipe as its input.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// Runs the command with this as its input.
    pub(crate) fn start_with(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = Collected::from(child.stdout.take().expect("it is piped"));
        let stderr = Collected::from(child.stderr.take().expect("it is piped"));
        Self { stdin: child.stdin.take(), child, stdout, stderr }
    }

    /// Runs the command with this text as its input, to its end.
    pub(crate) fn run(command: &mut Command, input: &str) -> Ended {
        let mut client = Self::start(command);
        let mut stdin = client.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // A client that ends before it has read everything may do so.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let ended = client.wait();
        writer.join().expect("the writer does not panic");
        ended
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }

    #[cfg(unix)]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the client reads");
    }

    /// Ends its input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Waits until it has shown this.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        let what = format!("{text:?} on a client's output");
        eventually(&what, || {
            if self.stdout().contains(text) {
                return Some(());
            }
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                let all = self.stdout.all();
                assert!(all.contains(text), "it ended ({status}) without showing {text:?}");
                return Some(());
            }
            None
        });
    }

    /// Waits for its end, which its input or something else has caused.
    #[track_caller]
    pub(crate) fn wait(self) -> Ended {
        self.wait_for(HANG)
    }

    /// The same for an end that is to take as long as this.
    #[track_caller]
    pub(crate) fn wait_for(mut self, time: Duration) -> Ended {
        let ended = || self.child.try_wait().expect("the child is ours");
        let status = within(time, "the end of a client", ended);
        self.stdin = None;
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        assert!(!stderr.contains("panicked"), "{stderr}");
        Ended { code: status.code(), stdout, stderr }
    }

    /// Ends its input and waits for its end, which must be a good one.
    #[track_caller]
    pub(crate) fn leave(mut self) -> Ended {
        self.close_input();
        let ended = self.wait();
        ended.has_code(0);
        ended
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("a client had said:\n{}{}", self.stdout.so_far(), self.stderr.so_far());
        }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn has_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }

    /// Checks that a line of its output begins so, and answers it.
    #[track_caller]
    pub(crate) fn line(&self, start: &str) -> &str {
        let line = self.stdout.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no line begins with {start:?}:\n{}", self.stdout))
    }

    /// Checks that all it said on standard error is one sentence, and answers that.
    #[track_caller]
    pub(crate) fn complaint(&self) -> &str {
        let complaint = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        assert_eq!(complaint.lines().count(), 1, "one line on standard error: {complaint:?}");
        complaint
    }

    /// What was said in the room, as it was shown, without the time.
    pub(crate) fn said(&self) -> Vec<&str> {
        said(&self.stdout)
    }
}

/// What was said in the room by a client's output: its lines `HH:MM  …`, without the time.
pub(crate) fn said(output: &str) -> Vec<&str> {
    let spoken = |line| {
        let (time, text) = str::split_once(line, "  ")?;
        let is_time = time.len() == 5 && time.as_bytes()[2] == b':';
        is_time.then_some(text)
    };
    output.lines().filter_map(spoken).collect()
}

/// What has come out of a pipe so far.
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
