//! Stopped by its shell and continued, as a job on a terminal.

use std::process::Command;

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::signal;
use chatshelf_testkit::wait::eventually;

use crate::harness::programs::place_like;
use crate::harness::room::Room;
use crate::harness::terminal::Terminal;

/// A shell with job control, and the client as its job.
struct Shell {
    terminal: Terminal,
    client: u32,
}

impl Shell {
    fn with_client(room: &Room, options: &str) -> Self {
        let client = room.command("ada");
        let mut shell = Command::new("sh");
        shell.arg("-i").env("PS1", "shell> ").env_remove("ENV");
        place_like(&mut shell, &client);
        let mut terminal = Terminal::start_sized(&shell, (24, 80));
        terminal.shows("shell> ");
        let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap());
        let words = std::iter::once(client.get_program()).chain(client.get_args());
        let line = words.map(quoted).collect::<Vec<_>>().join(" ");
        // The shell's own number is told, and the client's is that of its only child.
        terminal.types(&format!("clear; {line} {options}\r"));
        terminal.shows("welcome, ada");
        terminal.shows(if options.contains("plain") { "/help lists" } else { "F1 shows the rest" });
        let client = eventually("the shell's child", || proc_stats::children(terminal.pid()).pop());
        Self { terminal, client }
    }

    #[track_caller]
    fn is_stopped(&self, expected: bool) {
        eventually("a client that is stopped, or is not", || {
            (proc_stats::is_stopped(self.client) == Some(expected)).then_some(())
        });
    }

    /// The shell has the terminal, as it was.
    #[track_caller]
    fn has_the_terminal(&mut self, mark: &str) {
        self.terminal.is_restored();
        self.terminal.types(&format!("echo {mark}$((1+1))\r"));
        self.terminal.shows(&format!("{mark}2"));
    }

    #[track_caller]
    fn foreground(&mut self) {
        self.terminal.types("clear; fg\n");
        self.is_stopped(false);
    }

    /// Half a line is typed, and Ctrl-Z and `fg` come twice. Each time the shell has the terminal
    /// in between; then what was said meanwhile is shown, and the cursor is behind the half line.
    #[track_caller]
    fn stops_and_continues(mut self, room: &Room, half_line: &str, look: impl Fn(&Self)) {
        let mut peer = Peer::join(room.address(), "peer");
        self.terminal.types("half typed");
        self.terminal.cursor_is_behind(half_line);
        for round in 0..2 {
            self.terminal.types("\x1a");
            self.is_stopped(true);
            self.has_the_terminal(&format!("stopped{round}"));
            let line = format!("said meanwhile {round}");
            peer.say(&line);
            self.foreground();
            self.terminal.shows(&line);
            self.terminal.cursor_is_behind(half_line);
            look(&self);
        }
        self.terminal.types("\x15");
        self.leaves();
    }

    #[track_caller]
    fn leaves(mut self) {
        self.terminal.types("/quit\r");
        // Until it has ended, the client reads what is typed.
        self.terminal.shows("shell> ");
        self.terminal.is_restored();
        self.terminal.types("exit\r");
        self.terminal.wait();
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_draws_the_room_again() {
    let room = Room::open();
    let shell = Shell::with_client(&room, "");
    shell.stops_and_continues(&room, "> half typed", |shell| {
        assert!(shell.terminal.look(vt100::Screen::alternate_screen));
    });
}

#[test]
fn a_stop_that_is_sent_gives_the_terminal_back_too() {
    let room = Room::open();
    let mut shell = Shell::with_client(&room, "");
    signal(shell.client, "TSTP");
    shell.is_stopped(true);
    shell.has_the_terminal("stopped");
    shell.foreground();
    shell.terminal.shows("welcome, ada");
    shell.leaves();
}

#[test]
fn after_a_stop_that_nothing_can_hear_the_screen_is_drawn_again() {
    let room = Room::open();
    let mut shell = Shell::with_client(&room, "");
    signal(shell.client, "STOP");
    shell.is_stopped(true);
    shell.foreground();
    shell.terminal.shows("welcome, ada");
    shell.terminal.types("still here\r");
    shell.terminal.shows("ada still here");
    shell.leaves();
}

#[test]
fn lines_and_the_one_that_is_half_typed_come_back_too() {
    let room = Room::open();
    let shell = Shell::with_client(&room, "--plain");
    shell.stops_and_continues(&room, "half typed", |_| ());
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_does_not_stop_it() {
    let room = Room::open();
    let mut terminal = Terminal::start(&room.command("ada"));
    terminal.shows("welcome, ada");
    terminal.types("\x1a");
    terminal.shows("cannot suspend: there is no shell to return to");
    terminal.types("hello\r");
    terminal.shows("ada  hello");
}
