//! Proposals: what a member, or the server itself, wants to happen in the room, and what becomes
//! of it at its place in the order.
//!
//! A proposal has no number and no time. [`Proposal::decide`] makes it an event or refuses it, and
//! looks at nothing but the room and what it is handed. So servers that hold the same room, and
//! decide the same proposals in the same order, commit the same events. What only one of them knows
//! (who is connected, who may take an item off, how full it may get) is settled before the
//! proposal.

use chatshelf_common::id::{ItemId, MessageId, UnixMillis};
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::frame::{
    Dropped, Item, Joined, Left, Marker, Renamed, Said, Shelved, Style, TopicChanged,
};
use chatshelf_common::wire::{Code, Event};

use super::Room;

/// A change to the room that someone asks for. It is granted or refused when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Someone enters.
    Join {
        /// Under this nick.
        nick: Nick,
        /// Nobody need be shown that they come and go.
        quiet: Option<Marker>,
    },
    /// A member leaves, as quietly as they came.
    Leave {
        /// Who.
        nick: Nick,
        /// Why.
        code: Code,
    },
    /// A member takes another nick, or their own in other letters.
    Rename {
        /// Who.
        nick: Nick,
        /// What they want to be called.
        to: Nick,
    },
    /// A member says something.
    Say {
        /// Who.
        nick: Nick,
        /// The sender's number for it.
        id: MessageId,
        /// The message.
        text: Message,
        /// How it is meant.
        style: Option<Style>,
        /// It may have been said before, and must not be said twice.
        repeat: Option<Marker>,
    },
    /// A member sets the topic, or clears it.
    SetTopic {
        /// Who.
        nick: Nick,
        /// The new topic; none to clear it.
        topic: Option<Topic>,
    },
    /// A whole item goes on the shelf.
    Shelve {
        /// The item, under a number that no other has had.
        item: Item,
    },
    /// An item comes off the shelf.
    Drop {
        /// Which.
        item: ItemId,
        /// Who takes it off; nobody when the server does.
        nick: Option<Nick>,
    },
}

impl Proposal {
    /// The event that this becomes as the next one of `room`, at the time `at`.
    ///
    /// # Errors
    /// Why the room refuses it: [`Code::NICK_TAKEN`], [`Code::NO_SUCH_MEMBER`] for one who is not
    /// here to leave or be renamed, [`Code::ALREADY_SAID`], [`Code::UNCHANGED`] for a topic that is
    /// set or an item that is on the shelf already, or as [`super::shelf::Shelf::find`].
    pub fn decide(self, room: &Room, at: UnixMillis) -> Result<Event, Code> {
        let seq = room.log().next_seq();
        let event = match self {
            // First, for nearly all proposals are lines.
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
                // Few bytes must not make an event for everyone that tells nothing.
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
        };
        Ok(event)
    }
}
