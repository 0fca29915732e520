//! Commands, carried out: whether they can be taken now, and in a script what must wait for the
//! ones ahead of it.

use std::path::Path;
use std::time::Instant;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::frame::Style;

use super::state::Desk;
use super::transfers::Opening;
use super::{Answer, Clock, News};
use crate::command::{Command, Destination, Download, Upload};
use crate::files::{PathKind, Target};
use crate::item::{Found, ItemError, ItemRef, Shelf};
use crate::options::expanded;
use crate::search::Words;
use crate::session::{self, Direction, TransferHandle, TransferStatus};

/// Commands that may wait for their receipts before further ones are taken.
const OUTSTANDING_MAX: usize = 128;
/// Unsent bytes of commands before further ones wait.
const CONTROL_BYTES_MAX: usize = 64 * 1024;

impl Desk {
    /// True while a command would be carried out (or kept) now.
    pub(crate) fn takes_commands(&self) -> bool {
        let session = self.link.session();
        let may_wait = session.is_joined() || self.manner.script;
        // Who sits there and types without a connection is told how much can be kept.
        let is_ahead = may_wait
            && (session.outstanding() >= OUTSTANDING_MAX
                || session.control_bytes() >= CONTROL_BYTES_MAX);
        !self.is_leaving() && self.held.is_none() && session.takes_commands() && !is_ahead
    }

    /// True while another nick is waited for: [`Desk::rejoin`].
    pub(crate) fn wants_nick(&self) -> bool {
        self.choosing && !self.is_leaving()
    }

    /// Carries a command out, now or when what it depends on is done; to be called while
    /// [`Desk::takes_commands`].
    pub(crate) fn carry_out(&mut self, command: Command, now: Instant) {
        debug_assert!(self.held.is_none());
        if self.must_wait(&command) {
            self.held = Some(command);
        } else {
            self.execute(command, now);
        }
    }

    /// Carries out the command that had to wait, if it needs to no more.
    pub(super) fn retry_held(&mut self, now: Instant) {
        let Some(command) = self.held.take() else { return };
        if self.takes_commands() {
            self.carry_out(command, now);
        } else {
            self.held = Some(command);
        }
    }

    /// In a script, what depends on the commands ahead waits for them. Sources only a `/cancel`
    /// does, for the moment it takes to open a file.
    fn must_wait(&self, command: &Command) -> bool {
        let (session, uploads) = (self.link.session(), self.uploads_begun());
        match command {
            Command::Cancel(_) => !self.opening.is_empty(),
            _ if !self.manner.script => false,
            // What was so when the connection broke is no answer.
            Command::Who | Command::ShowTopic | Command::Files if !session.is_joined() => true,
            Command::Who | Command::ShowTopic | Command::Find(_) => session.outstanding() > 0,
            Command::Files => uploads > 0 || session.outstanding() > 0,
            Command::Download(_) | Command::Drop(_) if uploads == 0 => false,
            Command::Download(Download::Typed(line)) => {
                let found = Shelf::of(session.room()).item_and_path(line);
                self.may_mean_an_upload(found, uploads)
            }
            Command::Download(Download::Items { items, .. }) | Command::Drop(items) => {
                let shelf = Shelf::of(session.room());
                items.iter().any(|item| self.may_mean_an_upload(shelf.item(item), uploads))
            }
            _ => false,
        }
    }

    /// True while what a command asks for may be one of our uploads that the shelf does not show.
    fn may_mean_an_upload(&self, found: Result<Found, ItemError>, uploads: usize) -> bool {
        let (session, room) = (self.link.session(), self.link.session().room());
        let item = match found {
            Ok(found) => room.item(found.item),
            Err(error) if error.is_absence() => None,
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
            Command::Tell { to, text } => self.session_mut().tell(to, text).map(drop),
            Command::Rename(nick) => self.rename(nick),
            Command::SetTopic(topic) => self.session_mut().set_topic(topic),
            Command::Cancel(transfer) => self.cancel(transfer, now),
            Command::Download(wanted) => self.download(wanted, now),
            Command::Drop(items) => {
                for found in self.find_all(&items) {
                    self.drop_item(found.item);
                }
                Ok(())
            }
            Command::Reconnect => self.reconnect(now),
            Command::Upload(upload) => {
                self.upload(upload);
                Ok(())
            }
            Command::ShowTopic => self.answer(Answer::Topic, now),
            Command::Who => self.answer(Answer::Members, now),
            Command::Files => self.answer(Answer::Shelf, now),
            Command::Mouse(on) => self.answer(Answer::Mouse(on), now),
            Command::Copy(wanted) => self.answer(Answer::Copy(wanted), now),
            Command::Find(words) => {
                self.find(&words, now);
                Ok(())
            }
            Command::Waiting => self.answer(Answer::Waiting, now),
            Command::Help => self.answer(Answer::Help, now),
            Command::Clear => self.answer(Answer::Clear, now),
            Command::Notify(level) => self.answer(Answer::Notify(level), now),
            Command::Joins(on) => {
                self.joins(on);
                Ok(())
            }
            Command::Ignore(nick) => {
                self.ignore(nick);
                Ok(())
            }
            Command::Unignore(nick) => {
                self.unignore(&nick);
                Ok(())
            }
            Command::Quit => {
                self.quit(warned, now);
                Ok(())
            }
        };
        if let Err(error) = sent {
            self.fail(error.to_string(), now);
        }
    }

    fn say(&mut self, text: Message, style: Style) -> Result<(), session::CommandError> {
        self.session_mut().say(text, style)?;
        self.say_if_kept();
        Ok(())
    }

    fn rename(&mut self, nick: Nick) -> Result<(), session::CommandError> {
        match self.session_mut().rename(nick) {
            Err(session::CommandError::SameNick) => {
                self.notice("that is your name already");
                Ok(())
            }
            result => result,
        }
    }

    fn joins(&mut self, on: Option<bool>) {
        self.manner.joins = on.unwrap_or(self.manner.joins);
        let are = if self.manner.joins { "shown" } else { "hidden" };
        self.notice(format!("joins and leaves are {are}"));
    }

    /// Shows what of all that is held has these words.
    fn find(&mut self, words: &Words, now: Instant) {
        self.collect(now);
        for line in self.transcript.find(words, &Clock::local()) {
            self.notice(line);
        }
    }

    /// Shows what is known without asking the server.
    fn answer(&mut self, answer: Answer, now: Instant) -> Result<(), session::CommandError> {
        let is_of_the_room = matches!(answer, Answer::Members | Answer::Topic | Answer::Shelf);
        if is_of_the_room && !self.session().is_joined() {
            self.notice("not connected; so it was when the connection broke:");
        }
        self.tell(News::Answer(answer), now);
        Ok(())
    }

    /// Puts files on the shelf. A one-shot command puts all of them there, or none.
    fn upload(&mut self, upload: Upload) {
        match upload {
            Upload::Typed(line) => {
                let exists = |path: &Path| std::fs::symlink_metadata(expanded(path)).is_ok();
                line.resolve(exists).iter().for_each(|path| self.open(path, None));
            }
            Upload::Files { paths, .. }
                if self.manner.single && paths.len() > self.items_kept() =>
            {
                self.refusal(format!(
                    "nothing uploaded: of {} files the shelf would keep the last {}; upload no \
                     more than that, or pack them into one",
                    paths.len(),
                    self.items_kept()
                ));
            }
            Upload::Files { paths, name } => {
                paths.iter().for_each(|path| self.open(path, name.clone()));
            }
            Upload::Spooled { path, name } => {
                let shown = path.display().to_string();
                self.last_ticket += 1;
                self.files.open(self.last_ticket, path);
                self.opening.insert(self.last_ticket, Opening::Spooled(shown, Some(name)));
            }
        }
    }

    /// Opens a file to be uploaded, under its own name or another.
    fn open(&mut self, path: &Path, name: Option<FileName>) {
        let shown = match path.to_str() {
            Some(text) => text.to_owned(),
            // What is no text is shown escaped.
            None => format!("{path:?}").trim_matches('"').to_owned(),
        };
        self.last_ticket += 1;
        self.files.open(self.last_ticket, expanded(path));
        self.opening.insert(self.last_ticket, Opening::Upload(shown, name));
        self.warn_if_more_than_kept();
    }

    /// Items that the shelf keeps, as far as the server has said.
    fn items_kept(&self) -> usize {
        self.session().limits().map_or(usize::MAX, |limits| limits.shelf_items_max as usize)
    }

    /// Warns whoever begins more uploads than the shelf keeps, with the first that is too many.
    fn warn_if_more_than_kept(&mut self) {
        let kept = self.items_kept();
        if !self.manner.script && self.uploads_begun() == kept.saturating_add(1) {
            self.notice(format!(
                "these are more files than the shelf keeps ({kept}): the first of them will drop \
                 from it when the others are there"
            ));
        }
    }

    /// Uploads that are not over, with those whose files are being opened.
    fn uploads_begun(&self) -> usize {
        let opening = self.opening.values();
        let opening = opening.filter(|it| matches!(it, Opening::Upload(..))).count();
        self.session().uploads_outstanding() + opening
    }

    fn download(&mut self, wanted: Download, now: Instant) -> Result<(), session::CommandError> {
        let (found, target) = match wanted {
            Download::Typed(line) => {
                let found = Shelf::of(self.session().room()).item_and_path(&line);
                let Some(found) = self.tell_if_absent(found) else { return Ok(()) };
                let target = match &found.path {
                    Some(path) => target(&self.download_dir, path),
                    None => Ok(self.downloads()),
                };
                (vec![found], target)
            }
            Download::Items { items, to } => {
                let target = match to {
                    Destination::DownloadDir => Ok(self.downloads()),
                    Destination::Path(path) => target(Path::new(""), &path),
                    Destination::Scratch(dir) => Ok(Target::Scratch(dir)),
                };
                (self.find_all(&items), target)
            }
        };
        let target = match target {
            Ok(target) => target,
            Err(why) => {
                self.failure(why);
                return Ok(());
            }
        };
        for Found { item, is_by_name, .. } in found {
            if is_by_name {
                self.say_if_one_of_several(item);
            }
            self.fetch(item, target.clone(), now)?;
        }
        Ok(())
    }

    /// The items that are wanted, each once, though it be named by its number and its name; tells of
    /// what is none.
    fn find_all(&mut self, wanted: &[ItemRef]) -> Vec<Found> {
        let mut all: Vec<Found> = Vec::new();
        for wanted in wanted {
            let found = Shelf::of(self.session().room()).item(wanted);
            let Some(found) = self.tell_if_absent(found) else { continue };
            if all.iter().all(|other| other.item != found.item) {
                all.push(found);
            }
        }
        all
    }

    /// The item that was found; tells if there is none.
    fn tell_if_absent(&mut self, found: Result<Found, ItemError>) -> Option<Found> {
        match found {
            Ok(found) => return Some(found),
            Err(error) if error.is_absence() => self.refusal(error.to_string()),
            Err(error) => self.failure(error.to_string()),
        }
        None
    }

    /// Says that a name was given that several items have.
    fn say_if_one_of_several(&mut self, id: ItemId) {
        let room = self.session().room();
        let named = Shelf::of(room).namesakes(id);
        if let Some(item) = room.item(id)
            && named > 1
        {
            let text = format!("{named} files are called {}; number {id} is the newest", item.name);
            self.notice(text);
        }
    }

    /// Fetches an item to a place.
    fn fetch(
        &mut self,
        id: ItemId,
        target: Target,
        now: Instant,
    ) -> Result<(), session::CommandError> {
        let Some(item) = self.session().room().item(id).cloned() else {
            // The server knows what became of it.
            return self.begin_download(id, target, None, now);
        };
        self.last_ticket += 1;
        self.files.find(self.last_ticket, item.clone(), target.clone());
        self.opening.insert(self.last_ticket, Opening::Download(item, target));
        Ok(())
    }

    /// Asks for an item to leave the shelf, with the proof that it is ours, if we have one.
    fn drop_item(&mut self, item: ItemId) {
        self.last_ticket += 1;
        self.files.find_key(self.last_ticket, item, self.name.clone());
        self.opening.insert(self.last_ticket, Opening::Drop(item));
    }

    fn cancel(
        &mut self,
        transfer: Option<TransferHandle>,
        now: Instant,
    ) -> Result<(), session::CommandError> {
        let latest = || self.session().transfers().map(|status| status.transfer).max();
        let transfer = transfer.or_else(latest);
        let transfer = transfer.ok_or(session::CommandError::NoSuchTransfer)?;
        self.session_mut().cancel(transfer)?;
        self.collect(now);
        Ok(())
    }
}

/// Where a download with this path goes: a directory if it is one or ends like one.
///
/// # Errors
/// When no file can be kept there, in a sentence. One-shot commands write to such places.
fn target(download_dir: &Path, path: &Path) -> Result<Target, String> {
    let end = path.as_os_str().as_encoded_bytes().last();
    let is_directory = end.is_some_and(|byte| std::path::is_separator(char::from(*byte)));
    let path = download_dir.join(expanded(path));
    match PathKind::of(&path) {
        PathKind::Directory => Ok(Target::Directory(path)),
        PathKind::File if is_directory => Ok(Target::Directory(path)),
        PathKind::File => Ok(Target::File(path)),
        PathKind::Stdout | PathKind::Stream | PathKind::Socket => {
            Err(format!("{} is not a regular file or a directory", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_path_is_a_directory_or_a_name_in_the_download_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let to = |path: &str| target(dir.path(), path.as_ref()).unwrap();
        assert_eq!(to("sub"), Target::Directory(dir.path().join("sub")));
        assert_eq!(to("new/"), Target::Directory(dir.path().join("new/")));
        assert_eq!(to("new.txt"), Target::File(dir.path().join("new.txt")));
        let absolute = dir.path().join("x.bin");
        assert_eq!(target(Path::new("."), &absolute), Ok(Target::File(absolute)));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_place_for_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("sink")).unwrap();
        for path in ["sink", "/dev/null", "/dev/stdout"] {
            assert!(
                target(dir.path(), path.as_ref())
                    .unwrap_err()
                    .ends_with("not a regular file or a directory")
            );
        }
    }
}
