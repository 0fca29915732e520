//! What is typed, carried out: takes lines while the session can take commands, and in a script
//! waits where a line depends on the ones before it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::Style;

use super::front::Front;
use super::transfers::Opening;
use crate::command::{self, Command, resolve_download};
use crate::files::Target;
use crate::input::Line;
use crate::session::{self, Direction, TransferHandle, TransferStatus};

/// Commands that may wait for their receipts before further lines are taken.
const OUTSTANDING_MAX: usize = 128;
/// Unsent bytes of commands before further lines wait.
const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// Lines taken in one turn, so that a long script does not keep the loop from the socket.
const LINES_PER_TURN: usize = 64;

impl Front {
    /// Takes lines and carries them out, as many as may be now.
    pub(super) fn take_input(&mut self, now: Instant) {
        self.more_input = false;
        for _ in 0..LINES_PER_TURN {
            if !self.takes_commands() {
                return;
            }
            if let Some(command) = self.held.take() {
                if self.must_wait(&command) {
                    self.held = Some(command);
                    return;
                }
                self.execute(command, now);
                continue;
            }
            let Some(line) = self.input.poll_line() else { return };
            self.take_line(line);
        }
        self.more_input = true;
    }

    fn takes_commands(&self) -> bool {
        if self.end.is_some() || self.leaving_code().is_some() || self.quitting {
            return false;
        }
        let session = self.link.session();
        let may_wait = session.is_joined() || self.surroundings.script;
        // On a terminal who types without a connection is told how much can be kept.
        let is_ahead = may_wait
            && (session.outstanding() >= OUTSTANDING_MAX
                || session.control_bytes() >= CONTROL_BYTES_MAX);
        self.asking.is_some() || (session.takes_commands() && !is_ahead)
    }

    fn take_line(&mut self, line: Line) {
        if line != Line::End {
            self.screen.entered();
        }
        match line {
            Line::End if self.asking.is_some() => {
                let text = "no name was given".to_owned();
                self.finish(Err(super::front::Failure::Said(text, super::EXIT_USAGE)));
            }
            Line::End => self.end_of_input(),
            Line::TooLong => {
                let limit = crate::input::LINE_BYTES_MAX;
                self.failure(&format!("a line over {limit} bytes was passed over"));
            }
            Line::Text(text) => match self.asking.take() {
                Some(suggestion) => self.answer_name(&text, suggestion),
                None => match command::parse(&text) {
                    Ok(None) => {}
                    Ok(Some(command)) => self.held = Some(command),
                    Err(error) => self.failure(&error.to_string()),
                },
            },
        }
    }

    fn end_of_input(&mut self) {
        self.quitting = true;
        self.screen.set_prompt("");
        if !self.surroundings.script && self.has_work() && self.link.session().is_joined() {
            self.notice("leaving as soon as all is done; Ctrl-C leaves at once");
        }
    }

    fn answer_name(&mut self, text: &str, suggestion: Option<Nick>) {
        let text = text.trim();
        match (suggestion, Nick::new(text)) {
            (Some(free), _) if text.is_empty() => self.session().rejoin(free),
            (_, Ok(nick)) => self.session().rejoin(nick),
            (suggestion, Err(why)) => {
                self.notice(&format!("that can't be a name: {why}"));
                self.asking = Some(suggestion);
            }
        }
    }

    /// In a script, what depends on the lines ahead waits for them. On a terminal only a `/cancel`
    /// does, for the moment it takes to open a file.
    fn must_wait(&self, command: &Command) -> bool {
        let session = self.link.session();
        let opening = self.opening.values();
        let opening = opening.filter(|it| matches!(it, Opening::Upload(_))).count();
        let uploads = session.uploads_outstanding() + opening;
        match command {
            Command::Cancel(_) => !self.opening.is_empty(),
            _ if !self.surroundings.script => false,
            // What was so when the connection broke is no answer.
            Command::Who | Command::ShowTopic | Command::Files if !session.is_joined() => true,
            Command::Who | Command::ShowTopic => session.outstanding() > 0,
            Command::Files => uploads > 0,
            Command::Download(text) if uploads > 0 => self.may_mean_an_upload(text, uploads),
            _ => false,
        }
    }

    /// True while what a download asks for may be one of our uploads that the shelf does not show.
    fn may_mean_an_upload(&self, text: &str, uploads: usize) -> bool {
        let (session, room) = (self.link.session(), self.link.session().room());
        let item = match resolve_download(text, room) {
            Ok((item, _)) => room.item(item),
            Err(command::CommandError::NotOnShelf(_)) => None,
            Err(_) => return false,
        };
        let Some(item) = item else { return true };
        let sent = |status: &TransferStatus| status.direction == Direction::Upload;
        let running: Vec<TransferStatus> = session.transfers().filter(sent).collect();
        // Of those that do not run, the name is not known yet or any more.
        running.len() < uploads || running.iter().any(|it| it.name.as_ref() == Some(&item.name))
    }

    fn execute(&mut self, command: Command, now: Instant) {
        let warned = std::mem::take(&mut self.quit_warned);
        let sent = match command {
            Command::Say(text) => self.say(text, Style::SPEECH),
            Command::Act(text) => self.say(text, Style::ACTION),
            Command::Tell { to, text } => self.session().tell(to, text).map(drop),
            Command::Rename(nick) => self.rename(nick),
            Command::SetTopic(topic) => self.session().set_topic(topic),
            Command::Cancel(transfer) => self.cancel(transfer, now),
            Command::Upload(path) => {
                self.upload(&path);
                Ok(())
            }
            Command::Download(text) => self.download(&text, now),
            Command::ShowTopic | Command::Who | Command::Files | Command::Help => {
                self.answer(&command);
                Ok(())
            }
            Command::Reconnect => self.reconnect(now),
            Command::Quit => {
                self.quit(warned, now);
                Ok(())
            }
        };
        if let Err(error) = sent {
            self.failure(&error.to_string());
        }
    }

    fn say(&mut self, text: Message, style: Style) -> Result<(), session::CommandError> {
        self.session().say(text, style)?;
        self.say_if_kept();
        Ok(())
    }

    fn rename(&mut self, nick: Nick) -> Result<(), session::CommandError> {
        match self.session().rename(nick) {
            Err(session::CommandError::SameNick) => {
                self.notice("that is your name already");
                Ok(())
            }
            result => result,
        }
    }

    /// Shows what is known without asking the server.
    fn answer(&mut self, command: &Command) {
        let is_old = !self.link.session().is_joined() && *command != Command::Help;
        if is_old {
            self.notice("not connected; so it was when the connection broke:");
        }
        let room = self.link.session().room();
        let lines = match command {
            Command::Who => vec![self.look.members(room, usize::MAX)],
            Command::Files => self.look.shelf(room.shelf()),
            Command::ShowTopic => vec![self.look.topic(room)],
            _ => self.look.help(),
        };
        lines.iter().for_each(|line| self.screen.line(line));
    }

    fn upload(&mut self, path: &str) {
        self.last_ticket += 1;
        self.opening.insert(self.last_ticket, Opening::Upload(path.to_owned()));
        self.files.open(self.last_ticket, expanded(path));
    }

    fn download(&mut self, text: &str, now: Instant) -> Result<(), session::CommandError> {
        let (id, path) = match resolve_download(text, self.link.session().room()) {
            Ok(found) => found,
            Err(error) => {
                self.failure(&error.to_string());
                return Ok(());
            }
        };
        let target = match path {
            Some(path) => target(&self.download_dir, &path),
            None => Target::Directory(self.download_dir.clone()),
        };
        let Some(item) = self.link.session().room().item(id).cloned() else {
            // The server knows what became of it.
            return self.begin_download(id, target, None, now);
        };
        self.last_ticket += 1;
        self.files.find(self.last_ticket, item.clone(), target.clone());
        self.opening.insert(self.last_ticket, Opening::Download(item, target));
        Ok(())
    }

    fn cancel(
        &mut self,
        transfer: Option<TransferHandle>,
        now: Instant,
    ) -> Result<(), session::CommandError> {
        let latest = || self.link.session().transfers().map(|status| status.transfer).max();
        let transfer = transfer.or_else(latest);
        let transfer = transfer.ok_or(session::CommandError::NoSuchTransfer)?;
        self.session().cancel(transfer)?;
        self.show_events(now);
        Ok(())
    }

    /// Leaves: in a script when all is done, on a terminal now, if need be after a warning.
    fn quit(&mut self, warned: bool, now: Instant) {
        let running = self.link.session().transfers().count() + self.opening.len();
        if self.surroundings.script {
            self.quitting = true;
        } else if running > 0 && !warned && self.link.session().is_joined() {
            let running = super::render::count(running, "transfer is", "transfers are");
            self.notice(&format!("{running} running; /quit again ends them and leaves"));
            self.quit_warned = true;
        } else {
            self.quit_now(now);
        }
    }
}

/// The path with `~/` replaced by the home directory.
fn expanded(path: &str) -> PathBuf {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// Where a download with this path goes: a directory if it is one or ends like one.
fn target(download_dir: &Path, path: &str) -> Target {
    let is_directory = path.ends_with(std::path::is_separator);
    let path = download_dir.join(expanded(path));
    if is_directory || path.is_dir() { Target::Directory(path) } else { Target::File(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_path_is_a_directory_or_a_name_in_the_download_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let to = |path| target(dir.path(), path);
        assert_eq!(to("sub"), Target::Directory(dir.path().join("sub")));
        assert_eq!(to("new/"), Target::Directory(dir.path().join("new/")));
        assert_eq!(to("new.txt"), Target::File(dir.path().join("new.txt")));
        let absolute = dir.path().join("x.bin");
        assert_eq!(target(Path::new("."), absolute.to_str().unwrap()), Target::File(absolute));
    }

    #[test]
    fn only_a_leading_tilde_is_expanded() {
        assert_eq!(expanded("a/~/b"), PathBuf::from("a/~/b"));
        assert_eq!(expanded("~bob/x"), PathBuf::from("~bob/x"));
        assert!(expanded("~/x").ends_with("x") && expanded("~/x") != Path::new("~/x"));
    }
}
