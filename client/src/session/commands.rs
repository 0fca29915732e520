//! What a front wants of the room, carried out or kept until there is a connection. Owns the bounds
//! of what is kept; how it is kept is the matter of `pending` and `transfers`.

use chatshelf_common::id::{Attributes, ItemId, MessageId, UploadKey};
use chatshelf_common::limits::NICK_BYTES_MAX;
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Leave, Style};

use super::Session;
use super::event::{CommandError, PendingCommand, TransferHandle};
use super::phase::Phase;

/// Commands that may wait for a connection.
pub const COMMANDS_WAITING_MAX: usize = 1000;
/// Bytes of text in them.
pub const BYTES_WAITING_MAX: usize = 1024 * 1024;
/// Transfers that may wait for a connection.
pub const TRANSFERS_WAITING_MAX: usize = 1000;

impl Session {
    /// Says something to the room; the receipt is the `Said` with our nick and this number.
    ///
    /// # Errors
    /// When not in the room, or without a connection and too much is waiting for one.
    pub fn say(&mut self, text: Message, style: Style) -> Result<MessageId, CommandError> {
        self.ask(PendingCommand::Say { text, style })
    }

    /// Says something to one member; the receipt is the `Told` with this number.
    ///
    /// # Errors
    /// When not in the room, or without a connection and too much is waiting for one.
    pub fn tell(&mut self, to: Nick, text: Message) -> Result<MessageId, CommandError> {
        self.ask(PendingCommand::Tell { to, text })
    }

    /// Asks for another nick; answered by `Renamed` or `Refused`.
    ///
    /// # Errors
    /// When not in the room, when it is our nick already, or without a connection and too much is
    /// waiting for one.
    pub fn rename(&mut self, nick: Nick) -> Result<(), CommandError> {
        self.member()?;
        if nick == self.nick {
            return Err(CommandError::SameNick);
        }
        self.ask(PendingCommand::Rename(nick)).map(drop)
    }

    /// Sets the topic, or clears it; answered by `TopicChanged` or `Refused`.
    ///
    /// # Errors
    /// When not in the room, or without a connection and too much is waiting for one.
    pub fn set_topic(&mut self, topic: Option<Topic>) -> Result<(), CommandError> {
        self.ask(PendingCommand::Topic(topic)).map(drop)
    }

    /// Begins an upload of `size` bytes, or queues it behind those that run. The handle is good
    /// for [`super::FileRequest`]s from then on. With a `key` (random, or that of an earlier
    /// attempt with the same file) it can be resumed when it is interrupted.
    ///
    /// # Errors
    /// When not in the room, the server would not take it, or without a connection and too much
    /// is waiting for one.
    pub fn upload(
        &mut self,
        name: FileName,
        size: u64,
        key: Option<UploadKey>,
    ) -> Result<TransferHandle, CommandError> {
        self.upload_file(name, size, key, Attributes::default())
    }

    /// The same, of a file that has these attributes.
    ///
    /// # Errors
    /// As [`Session::upload`].
    pub fn upload_file(
        &mut self,
        name: FileName,
        size: u64,
        key: Option<UploadKey>,
        attributes: Attributes,
    ) -> Result<TransferHandle, CommandError> {
        // The size that the server named may have changed since: it refuses with today's.
        self.may_transfer()?;
        let transfer = self.transfers.upload(name, size, key, attributes);
        self.start_transfers();
        self.events.extend(self.transfers.tell_held(transfer));
        Ok(transfer)
    }

    /// Ends the uploads that wait until the server takes more: they are refused. See
    /// [`super::SessionEvent::TransferHeld`].
    pub fn give_up_held_uploads(&mut self) {
        self.events.extend(self.transfers.give_up_held(&mut self.out));
        self.check();
    }

    /// Begins a download, or queues it behind those that run. The item need not be on the shelf:
    /// the server then says whether it ever was. Its first `held` bytes are there already; that
    /// counts for an item of the shelf only.
    ///
    /// # Errors
    /// When not in the room, the server allows no transfers, or without a connection and too much
    /// is waiting for one.
    pub fn download(&mut self, item: ItemId, held: u64) -> Result<TransferHandle, CommandError> {
        self.may_transfer()?;
        let known = self.room.item(item).cloned();
        let held = known.as_ref().map_or(0, |item| held.min(item.size));
        let transfer = self.transfers.download(item, known, held);
        self.start_transfers();
        Ok(transfer)
    }

    /// Asks for an item to leave the shelf; answered by `Dropped` or `Refused`. That it is ours is
    /// proved by the `key` it was uploaded with, or by this being the session that uploaded it.
    ///
    /// # Errors
    /// When not in the room, or without a connection and too much is waiting for one.
    pub fn drop_item(&mut self, item: ItemId, key: Option<UploadKey>) -> Result<(), CommandError> {
        self.ask(PendingCommand::Drop { item, key }).map(drop)
    }

    /// Ends a transfer; a [`super::SessionEvent::TransferEnded`] follows.
    ///
    /// # Errors
    /// When there is no such transfer, or it is being verified already.
    pub fn cancel(&mut self, transfer: TransferHandle) -> Result<(), CommandError> {
        let ended = self.transfers.cancel(transfer, &mut self.out)?;
        self.events.push_back(ended);
        self.start_transfers();
        Ok(())
    }

    /// Leaves: interrupts all transfers and asks for the `Goodbye`. Where there is nobody to ask,
    /// the session is over at once.
    pub fn leave(&mut self) {
        match self.phase {
            Phase::Leaving | Phase::Over => {}
            Phase::Offline { .. } | Phase::Connecting | Phase::Greeting => self.end(),
            Phase::Joining
            | Phase::Choosing
            | Phase::Arriving
            | Phase::CatchingUp
            | Phase::Joined => {
                self.events.extend(self.transfers.abandon(&mut self.out));
                self.out.control(&Leave {});
                self.go(Phase::Leaving);
            }
        }
    }

    /// Asks for another nick after [`super::SessionEvent::NickRefused`]; otherwise does nothing.
    pub fn rejoin(&mut self, nick: Nick) {
        if self.phase == Phase::Choosing {
            self.nick = nick;
            self.join();
            self.go(Phase::Joining);
        }
    }

    /// Another nick to ask for when ours is refused: what the server suggests or, if ours is taken
    /// and it suggests nothing, a guess.
    pub fn other_nick(&mut self, code: Code, suggestion: Option<Nick>) -> Option<Nick> {
        match code {
            Code::NICK_TAKEN => suggestion.or_else(|| self.guess_nick()),
            _ => suggestion,
        }
    }

    /// A nick like ours that may be free.
    fn guess_nick(&mut self) -> Option<Nick> {
        let number = (1_000 + self.backoff.random() % 999_000).to_string();
        let stem = self.nick.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
        let end = stem.floor_char_boundary(NICK_BYTES_MAX - number.len());
        Nick::new(&format!("{}{number}", &stem[..end])).ok()
    }

    /// True from the first whole snapshot to the end: commands are carried out, or kept until
    /// there is a connection.
    #[must_use]
    pub fn takes_commands(&self) -> bool {
        self.membership.is_held() && !self.phase.is_ending()
    }

    fn member(&self) -> Result<(), CommandError> {
        if self.takes_commands() { Ok(()) } else { Err(CommandError::NotJoined) }
    }

    /// In the room, and with nothing to be seen first: what is wanted can be sent.
    pub(super) fn can_send(&self) -> bool {
        self.phase == Phase::Joined
    }

    pub(super) fn ask(&mut self, command: PendingCommand) -> Result<MessageId, CommandError> {
        self.member()?;
        let (count, bytes) = (self.pending.count(), self.pending.bytes());
        if !self.can_send() && (count >= COMMANDS_WAITING_MAX || bytes >= BYTES_WAITING_MAX) {
            return Err(CommandError::TooMuchWaiting);
        }
        let id = self.pending.add(command);
        if self.can_send() {
            self.send_pending();
        }
        Ok(id)
    }

    fn may_transfer(&self) -> Result<(), CommandError> {
        self.member()?;
        if !self.can_send() && self.transfers.queued() >= TRANSFERS_WAITING_MAX {
            return Err(CommandError::TooMuchWaiting);
        }
        let limits = self.limits.as_ref().ok_or(CommandError::NotJoined)?;
        if limits.transfers_max == 0 { Err(CommandError::NoTransfers) } else { Ok(()) }
    }

    /// Lets as many transfers run as the server takes.
    pub(super) fn start_transfers(&mut self) {
        if self.can_send() {
            let max = self.limits.as_ref().map_or(0, |limits| limits.transfers_max);
            self.events.extend(self.transfers.start(max, self.now, &mut self.out));
        }
        self.transfers.trim();
    }
}
