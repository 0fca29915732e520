//! Proposals: changes to the room requested by a member or by the server, and how each is decided
//! at its place in the order.
//!
//! A proposal has no seq and no time. [`Proposal::decide`] turns it into an event or refuses it,
//! and reads nothing but the room and its arguments. Servers that hold the same room and decide the
//! same proposals in the same order therefore commit the same events. Anything only one server
//! knows (who is connected, who may drop an item, how full the room may get) is settled before the
//! proposal is made.

use chatshelf_common::id::{ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{Message, Nick, Note, Topic};
use chatshelf_common::wire::frame::{
    Action, Dropped, Item, Joined, Left, Marker, Moderated, Renamed, Said, Shelved, Style,
    TopicChanged,
};
use chatshelf_common::wire::{Code, Event};

use super::Room;

/// A requested change to the room. It is granted or refused when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Someone joins.
    Join {
        /// The nick they join with.
        nick: Nick,
        /// Present if clients need not show their joining and leaving.
        quiet: Option<Marker>,
    },
    /// A member leaves; quietly if they joined quietly.
    Leave {
        /// The member.
        nick: Nick,
        /// The reason.
        code: Code,
    },
    /// A member changes their nick, or only its spelling.
    Rename {
        /// The member.
        nick: Nick,
        /// The new nick.
        to: Nick,
    },
    /// A member sends a line.
    Say {
        /// The member.
        nick: Nick,
        /// The number the sender gave it.
        id: MessageId,
        /// The message.
        text: Message,
        /// How clients should show it.
        style: Option<Style>,
        /// Present if this may be a repetition, which is refused when the line is already in the
        /// log.
        repeat: Option<Marker>,
    },
    /// A member sets the topic, or clears it.
    SetTopic {
        /// The member.
        nick: Nick,
        /// The new topic; `None` clears it.
        topic: Option<Topic>,
    },
    /// A complete item goes on the shelf.
    Shelve {
        /// The item, with a number that no other item has had.
        item: Item,
    },
    /// An item comes off the shelf.
    Drop {
        /// The item's number.
        item: ItemId,
        /// The member who drops it; `None` when the server does.
        nick: Option<Nick>,
    },
    /// An operator does something. Who is one is settled before.
    Moderate {
        /// The operator.
        nick: Nick,
        /// What they do.
        moderation: Moderation,
    },
}

/// What an operator does, and the data that belongs to it (PROTOCOL.md, "Operators").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderation {
    /// What.
    pub action: Action,
    /// The nick it is about.
    pub to: Option<Nick>,
    /// The line it is about.
    pub line: Option<Seq>,
    /// When the ban ends.
    pub until: Option<UnixMillis>,
    /// Why.
    pub reason: Option<Note>,
}

impl Moderation {
    /// An action without more.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self { action, to: None, line: None, until: None, reason: None }
    }

    /// Returns why the room refuses it.
    fn check(&self, room: &Room, by: &Nick) -> Result<(), Code> {
        room.find(by).ok_or(Code::NO_SUCH_MEMBER)?;
        match (self.action, self.line) {
            (Action::REDACT, line) => room.log().check_redaction(line.ok_or(Code::LINE_UNKNOWN)?),
            (Action::LOCK_TOPIC, _) if room.is_topic_locked() => Err(Code::UNCHANGED),
            (Action::UNLOCK_TOPIC, _) if !room.is_topic_locked() => Err(Code::UNCHANGED),
            _ => Ok(()),
        }
    }
}

impl Proposal {
    /// Turns the proposal into the next event of `room`, at the time `at`.
    ///
    /// # Errors
    /// Returns the reason for the refusal: [`Code::NICK_TAKEN`], [`Code::NO_SUCH_MEMBER`] if nobody
    /// with that nick can leave, be renamed or be an operator, [`Code::ALREADY_SAID`],
    /// [`Code::UNCHANGED`] if it would change nothing, or the errors of
    /// [`super::shelf::Shelf::find`] and [`super::log::RoomLog::check_redaction`].
    pub fn decide(self, room: &Room, at: UnixMillis) -> Result<Event, Code> {
        let seq = room.log().next_seq();
        let event = match self {
            // First, because nearly all proposals are lines.
            Self::Say { nick, id, text, style, repeat } => {
                if repeat.is_some() && room.log().has_line(id, &text) {
                    return Err(Code::ALREADY_SAID);
                }
                Said { seq, at, nick, id, text, style }.into()
            }
            Self::Join { nick, quiet } => {
                if !room.is_free(&nick, None) {
                    return Err(Code::NICK_TAKEN);
                }
                Joined { seq, at, nick, quiet }.into()
            }
            Self::Leave { nick, code } => {
                let quiet = room.find(&nick).ok_or(Code::NO_SUCH_MEMBER)?.quiet();
                Left { seq, at, nick, code, quiet }.into()
            }
            Self::Rename { nick, to } => {
                room.find(&nick).ok_or(Code::NO_SUCH_MEMBER)?;
                if to == nick || !room.is_free(&to, Some(&nick)) {
                    return Err(Code::NICK_TAKEN);
                }
                Renamed { seq, at, nick, to }.into()
            }
            Self::SetTopic { nick, topic } => {
                // A few bytes must not cost everyone an event that says nothing.
                if room.topic().map(|state| &state.topic) == topic.as_ref() {
                    return Err(Code::UNCHANGED);
                }
                TopicChanged { seq, at, nick, topic }.into()
            }
            Self::Shelve { item } => {
                if room.shelf().find(item.id).is_ok() {
                    return Err(Code::UNCHANGED);
                }
                Shelved { seq, at, item }.into()
            }
            Self::Drop { item, nick } => {
                let name = room.shelf().find(item)?.name.clone();
                Dropped { seq, at, item, name, nick }.into()
            }
            Self::Moderate { nick, moderation } => {
                moderation.check(room, &nick)?;
                let Moderation { action, to, line, until, reason } = moderation;
                Moderated { seq, at, nick, action, to, line, until, reason }.into()
            }
        };
        Ok(event)
    }
}
