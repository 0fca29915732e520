//! A machine with a room: random actions on it, checked against the model.

use chatshelf_common::id::{Digest, ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::{Action, Item, Marker, Style};
use chatshelf_common::wire::{Code, Deframer, Event, ServerFrame, Unit};
use chatshelf_testkit::receiver::events_in;
use chatshelf_testkit::samples::nick;
use proptest::prelude::*;

use super::model::Model;
use crate::room::proposal::{Moderation, Proposal};
use crate::room::{Member, Room};
use crate::sequencer::Sequencer;
use crate::token::Token;

/// Small, so that the log is trimmed and lines are forgotten, but larger than what one action adds.
pub(super) const WINDOW_BYTES: usize = 2_000;
pub(super) const KEEP: usize = 3;

/// Many of these clash, in one way or another.
const NAMES: [&str; 12] =
    ["ada", "Ada", "ian", "Ian", "lan", "1an", "zoë", "ZOË", "straße", "STRASSE", "ΟΔΟΣ", "bob"];

/// An action. Its numbers choose among what exists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Join {
        name: usize,
        quiet: bool,
    },
    /// A crowd of this many joins, with numbers for names.
    Crowd {
        from: u64,
        count: u64,
    },
    Leave {
        who: usize,
    },
    Rename {
        who: usize,
        name: usize,
    },
    Say {
        who: usize,
        text: u64,
        repeat: bool,
    },
    SetTopic {
        who: usize,
        text: Option<u64>,
    },
    /// An operator redacts a line, or (an even number) locks or unlocks the topic.
    Moderate {
        who: usize,
        line: u64,
    },
    Shelve,
    Drop {
        item: u64,
        by: Option<usize>,
    },
    /// A member joins and is sent a snapshot, which changes the cached slices.
    Snapshot,
    /// The journal replies, and the log is trimmed.
    Cut,
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let (who, name) = (0usize..20, 0..NAMES.len());
    prop_oneof![
        4 => (name.clone(), any::<bool>()).prop_map(|(name, quiet)| Op::Join { name, quiet }),
        1 => (0u64..300, 0u64..50).prop_map(|(from, count)| Op::Crowd { from, count }),
        2 => who.clone().prop_map(|who| Op::Leave { who }),
        2 => (who.clone(), name).prop_map(|(who, name)| Op::Rename { who, name }),
        4 => (who.clone(), 0u64..9, any::<bool>())
            .prop_map(|(who, text, repeat)| Op::Say { who, text, repeat }),
        1 => (who.clone(), prop::option::of(0u64..3))
            .prop_map(|(who, text)| Op::SetTopic { who, text }),
        2 => (who.clone(), 0u64..60).prop_map(|(who, line)| Op::Moderate { who, line }),
        2 => Just(Op::Shelve),
        1 => (0u64..12, prop::option::of(who)).prop_map(|(item, by)| Op::Drop { item, by }),
        2 => Just(Op::Snapshot),
        2 => Just(Op::Cut),
    ]
}

impl Op {
    /// One of each kind, varying with the round.
    pub(super) fn each(round: usize) -> [Self; 9] {
        let number = round as u64;
        [
            Self::Join { name: round % NAMES.len(), quiet: round.is_multiple_of(3) },
            Self::Crowd { from: 10 * number, count: 7 },
            Self::Say { who: round, text: number % 9, repeat: round.is_multiple_of(2) },
            Self::Rename { who: 3 * round, name: (5 * round + 1) % NAMES.len() },
            Self::SetTopic { who: round, text: Some(number % 3).filter(|text| *text > 0) },
            Self::Moderate { who: round, line: number },
            Self::Shelve,
            Self::Drop { item: number, by: Some(round).filter(|_| round.is_multiple_of(2)) },
            Self::Leave { who: 2 * round },
        ]
    }
}

pub(super) struct Machine {
    pub(super) room: Room,
    sequencer: Sequencer,
    model: Model,
    /// Sets the machine's clock back and forth.
    has_bad_clock: bool,
    ops: u64,
}

impl Machine {
    pub(super) fn new(room: Room, has_bad_clock: bool) -> Self {
        let sequencer = Sequencer::new(&room);
        Self { room, sequencer, model: Model::default(), has_bad_clock, ops: 0 }
    }

    /// The machine after a restart that restored this room.
    pub(super) fn restarted(self, mut room: Room) -> Self {
        // The disk keeps the lock apart from the events.
        room.lock_topic(self.model.is_topic_locked);
        let sequencer = Sequencer::new(&room);
        Self { sequencer, room, model: self.model.restarted(), ..self }
    }

    pub(super) fn now(&self) -> UnixMillis {
        UnixMillis(if self.has_bad_clock { self.ops * 7919 % 1009 } else { self.ops })
    }

    /// Performs the action; returns the bytes of the resulting events.
    pub(super) fn act(&mut self, op: &Op) -> Vec<u8> {
        self.ops += 1;
        let before = self.room.log().end();
        match *op {
            Op::Crowd { from, count } => {
                for number in from..from + count {
                    self.propose(Proposal::Join { nick: nick(&number.to_string()), quiet: None });
                }
            }
            Op::Snapshot => {
                let told = self.told();
                assert!(told.iter().eq(self.room.members().map(Member::nick)));
            }
            Op::Cut => {
                self.room.release_log(before);
                self.room.trim_log();
            }
            _ => {
                if let Some(proposal) = self.proposal(op) {
                    self.propose(proposal);
                }
                for item in self.room.shelf().surplus().map(|item| item.id).collect::<Vec<_>>() {
                    self.propose(Proposal::Drop { item, nick: None });
                }
            }
        }
        self.model.assert_agrees(&self.room);
        let frames = self.room.log().between(before, self.room.log().end()).to_vec();
        cut_if_overfull(&mut self.room);
        frames
    }

    /// Returns the proposal; `None` if it takes a member and there is none.
    fn proposal(&mut self, op: &Op) -> Option<Proposal> {
        let member = |who: usize| {
            let members = &self.model.members;
            members.get(who % members.len().max(1)).map(|(nick, _)| nick.clone())
        };
        // Proposals that check for membership may also name strangers.
        let anyone = |who: usize| member(who).filter(|_| who > 0).unwrap_or_else(|| nick("eve"));
        Some(match *op {
            Op::Join { name, quiet } => {
                Proposal::Join { nick: nick(NAMES[name]), quiet: quiet.then_some(Marker) }
            }
            Op::Leave { who } => Proposal::Leave { nick: anyone(who), code: Code::LEFT },
            Op::Rename { who, name } => {
                Proposal::Rename { nick: anyone(who), to: nick(NAMES[name]) }
            }
            Op::Say { who, text, repeat } => Proposal::Say {
                nick: member(who)?,
                id: MessageId(text / 2),
                text: Message::new(&format!("line {text}")).unwrap(),
                style: (text == 0).then_some(Style::ACTION),
                repeat: repeat.then_some(Marker),
            },
            Op::SetTopic { who, text } => {
                let topic = text.map(|text| Topic::new(&format!("topic {text}")).unwrap());
                Proposal::SetTopic { nick: member(who)?, topic }
            }
            Op::Moderate { who, line } => {
                let newest = self.room.log().last_seq().0;
                let moderation = match line % 4 {
                    0 => Moderation::new(Action::LOCK_TOPIC),
                    2 => Moderation::new(Action::UNLOCK_TOPIC),
                    _ => Moderation {
                        line: Some(Seq(newest.saturating_sub(line / 2))),
                        ..Moderation::new(Action::REDACT)
                    },
                };
                Proposal::Moderate { nick: anyone(who), moderation }
            }
            Op::Drop { item, by } => Proposal::Drop { item: ItemId(item), nick: by.map(anyone) },
            Op::Shelve => Proposal::Shelve { item: self.item() },
            Op::Crowd { .. } | Op::Snapshot | Op::Cut => return None,
        })
    }

    /// An item that was uploaded, or one already on the shelf.
    fn item(&mut self) -> Item {
        let shelved = self.room.shelf().iter().next().filter(|_| self.ops.is_multiple_of(5));
        if let Some(item) = shelved {
            return item.clone();
        }
        let id = self.sequencer.reserve_item_id();
        let name = FileName::new(&format!("file {id}")).unwrap();
        Item::new(id, name, id.0, Digest([id.0 as u8; 32]), nick("eve"), self.now())
    }

    fn propose(&mut self, proposal: Proposal) {
        let at = self.now();
        let expected = self.model.decide(&proposal, at, &self.room);
        let (seq, before) = (self.room.log().next_seq(), self.room.log().end());
        let outcome = self.sequencer.order(&mut self.room, proposal.clone(), at);
        let log = self.room.log();
        let events = events_in(log.between(before, log.end()));
        assert_eq!(outcome.map(|()| events[0].clone()), expected, "{proposal:?}");
        assert_eq!(events.len(), usize::from(expected.is_ok()), "one event or none");
        if let Ok(event) = expected {
            assert_eq!((event.seq(), log.time_of(seq)), (seq, Some(at)));
            self.model.apply(&event);
            // The session is known to this machine alone.
            if let Event::Joined(event) = event {
                self.room.attach(&event.nick, Token::new(seq.0 as usize, 1));
            }
        }
    }

    /// Returns the members that a snapshot of the room lists.
    fn told(&mut self) -> Vec<Nick> {
        let bytes = self.room.snapshot().bytes_from(0, usize::MAX);
        let (mut deframer, mut input, mut told) = (Deframer::joined(), &bytes[..], Vec::new());
        while let Some(Unit::Control { header, value }) = deframer.next(&mut input).unwrap() {
            let Ok(ServerFrame::Snapshot(part)) = ServerFrame::decode(header.kind, value) else {
                panic!("a snapshot consists of its parts");
            };
            told.extend(part.members);
        }
        told
    }
}

/// Trims a room's log when a server would.
pub(super) fn cut_if_overfull(room: &mut Room) {
    if room.log().is_overfull() {
        room.release_log(room.log().end());
        room.trim_log();
    }
}
