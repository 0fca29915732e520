//! What was asked for, on standard output: as text or as JSON.

use std::io::{self, IsTerminal, Stdout};
use std::path::Path;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::web_link::ItemLink;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{BanEntry, Item, Told};

use super::json;
use crate::app::{App, Clock, moderation, stats};
use crate::link::Encryption;
use crate::output::Output;
use crate::plain::render::{self, Look};
use crate::session::{Room, Session};
use crate::terminal_env::TerminalSize;
use crate::text::shown;

pub(super) struct Show {
    json: bool,
    look: Look,
    /// The day of the last line shown.
    day: String,
    output: Output<Stdout>,
}

impl Show {
    pub(super) fn new(json: bool) -> Self {
        let whole_digests = !io::stdout().is_terminal();
        let look = Look { colour: false, whole_digests, clock: Clock::local() };
        Self { json, look, day: String::new(), output: Output::new(io::stdout()) }
    }

    /// Shows an event.
    pub(super) fn event(&mut self, event: &Event) {
        if self.json {
            return self.line(&json::event(event));
        }
        // Every command joins and leaves; whoever reads lines wants to know what was said.
        if matches!(event, Event::Joined(_) | Event::Left(_)) {
            return;
        }
        self.mark_day(event.at());
        let line = self.look.event(event);
        self.line(&line);
    }

    /// Shows a private message.
    pub(super) fn told(&mut self, told: &Told, app: &App) {
        if self.json {
            return self.line(&json::told(told));
        }
        self.mark_day(told.at);
        let line = self.look.told(told, app.session().nick());
        self.line(&line);
    }

    /// Shows everyone but us.
    pub(super) fn members(&mut self, session: &Session) {
        let own = session.nick();
        let mut others: Vec<&Nick> = session.room().members().filter(|nick| *nick != own).collect();
        others.sort_by_cached_key(|nick| nick.folded());
        if self.json {
            return self.line(&json::members(&others));
        }
        others.iter().for_each(|nick| self.line(&shown(nick.as_str())));
    }

    pub(super) fn shelf(&mut self, room: &Room) {
        if self.json {
            return self.line(&json::shelf(room.shelf()));
        }
        // Without its heading: an empty shelf is empty output.
        for line in self.look.shelf(room.shelf()).iter().skip(1) {
            self.line(line.trim_start());
        }
    }

    /// Shows where browsers find an item, and on a terminal the QR code of that.
    pub(super) fn link(&mut self, item: &Item, link: &ItemLink) {
        if self.json {
            return self.line(&json::link(item, &link.whole));
        }
        let terminal = io::stdout().is_terminal().then(TerminalSize::now);
        render::link(link, terminal).iter().for_each(|line| self.line(line));
    }

    /// Shows the bans, without a heading: nobody banned is empty output.
    pub(super) fn bans(&mut self, bans: &[BanEntry]) {
        if self.json {
            return self.line(&json::bans(bans));
        }
        for ban in bans {
            self.line(&shown(&moderation::ban(ban, Clock::now())));
        }
    }

    /// Shows what the server has told of itself, if it has.
    pub(super) fn stats(&mut self, session: &Session, encryption: Option<Encryption>) {
        let Some(stats) = session.stats() else { return };
        if self.json {
            let software = session.limits().and_then(|limits| limits.software.as_ref());
            return self.line(&json::stats(stats, software, session.last_rtt()));
        }
        let lines = stats::lines(session, encryption);
        lines.iter().for_each(|line| self.line(&shown(line)));
    }

    /// Shows an item that we have put on the shelf, or taken off.
    pub(super) fn item(&mut self, id: ItemId, name: &FileName) {
        self.line(&format!("{id}  {}", shown(name.as_str())));
    }

    /// Shows the path of a complete download.
    pub(super) fn path(&mut self, path: &Path) {
        // Unchanged: a script is to use it.
        self.line(&path.display().to_string());
    }

    /// Shows the day before the first line of that day.
    fn mark_day(&mut self, at: chatshelf_common::id::UnixMillis) {
        let day = self.look.clock.day(at);
        if day != self.day {
            let line = self.look.notice(&day);
            self.line(&line);
            self.day = day;
        }
    }

    fn line(&mut self, text: &str) {
        self.output.line(text);
    }

    /// Writes what was added.
    pub(super) fn flush(&mut self) {
        self.output.flush();
    }

    /// Writes what was added, for the last time.
    ///
    /// # Errors
    /// As [`Output::close`].
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.output.close()
    }

    /// True once the output accepts nothing more.
    pub(super) fn is_broken(&self) -> bool {
        self.output.is_broken()
    }
}
