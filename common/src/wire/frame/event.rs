//! The events of the room log (PROTOCOL.md, "The room log").

use super::{Action, Frame, Item, Marker, Style};
use crate::id::{ItemId, MessageId, Seq, UnixMillis};
use crate::text::{FileName, Message, Nick, Note, Topic};
use crate::wire::Code;

frames! {
    /// What happened in the room: the frames of the room log, each with its place and time.
    ///
    /// ```
    /// use chatshelf_common::wire::frame::{Event, Said};
    ///
    /// fn reply(event: &Event) -> Option<String> {
    ///     match event {
    ///         Event::Said(Said { nick, text, .. }) if text.as_str() == "!hello" => {
    ///             Some(format!("hello, {nick}"))
    ///         }
    ///         _ => None,
    ///     }
    /// }
    /// ```
    Event {
        /// A member said something.
        0xC0 Said {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// Who.
            req NICK nick: Nick,
            /// The sender's number for it.
            req MESSAGE_ID id: MessageId,
            /// The message.
            req TEXT text: Message,
            /// How it is meant; absent is [`Style::SPEECH`].
            opt STYLE style: Style,
        }
        /// A member joined.
        0xC1 Joined {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// Who.
            req NICK nick: Nick,
            /// Clients apply it and need not show it.
            opt QUIET quiet: Marker,
        }
        /// A member left.
        0xC2 Left {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// Who.
            req NICK nick: Nick,
            /// Why.
            req CODE code: Code,
            /// Clients apply it and need not show it.
            opt QUIET quiet: Marker,
        }
        /// A member changed its nick.
        0xC3 Renamed {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// The nick before.
            req NICK nick: Nick,
            /// The nick now.
            req TO to: Nick,
        }
        /// The topic changed.
        0xC4 TopicChanged {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// Who set it.
            req NICK nick: Nick,
            /// The topic now; absent when it was cleared.
            opt TOPIC topic: Topic,
        }
        /// A file is on the shelf.
        0xC5 Shelved {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// The item.
            req SHELF_ITEM item: Item,
        }
        /// A file is no longer on the shelf.
        0xC6 Dropped {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// Which.
            req ITEM item: ItemId,
            /// Its name.
            req NAME name: FileName,
            /// Who took it off; absent when a newer item took its place.
            opt NICK nick: Nick,
        }
        /// The server's disk has lost what happened here.
        0xC7 Forgotten {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When the loss was found.
            req AT at: UnixMillis,
        }
        /// An operator did something. Changes neither members, topic nor shelf.
        0xC8 Moderated (skippable) {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When it happened, by the server's clock.
            req AT at: UnixMillis,
            /// The operator.
            req NICK nick: Nick,
            /// What.
            req ACTION action: Action,
            /// The nick that was kicked or banned, or is banned no more; absent for an address.
            opt TO to: Nick,
            /// The line that was redacted.
            opt LINE line: Seq,
            /// When the ban ends; absent if it does not.
            opt UNTIL until: UnixMillis,
            /// Why.
            opt REASON reason: Note,
        }
    }
}

impl Moderated {
    /// An action that needs no more fields.
    #[must_use]
    pub fn new(seq: Seq, at: UnixMillis, nick: Nick, action: Action) -> Self {
        Self { seq, at, nick, action, to: None, line: None, until: None, reason: None }
    }
}

impl Event {
    /// The event's place in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Said(event) => event.seq,
            Self::Joined(event) => event.seq,
            Self::Left(event) => event.seq,
            Self::Renamed(event) => event.seq,
            Self::TopicChanged(event) => event.seq,
            Self::Shelved(event) => event.seq,
            Self::Dropped(event) => event.seq,
            Self::Forgotten(event) => event.seq,
            Self::Moderated(event) => event.seq,
        }
    }

    /// When it happened, by the server's clock.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        match self {
            Self::Said(event) => event.at,
            Self::Joined(event) => event.at,
            Self::Left(event) => event.at,
            Self::Renamed(event) => event.at,
            Self::TopicChanged(event) => event.at,
            Self::Shelved(event) => event.at,
            Self::Dropped(event) => event.at,
            Self::Forgotten(event) => event.at,
            Self::Moderated(event) => event.at,
        }
    }

    /// True for the joining and leaving of a member that asked not to be shown.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Joined(event) => event.quiet.is_some(),
            Self::Left(event) => event.quiet.is_some(),
            _ => false,
        }
    }

    /// True for the lines people said, which are what a history counts.
    #[must_use]
    pub fn is_line(&self) -> bool {
        matches!(self, Self::Said(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;

    fn events() -> [Event; 9] {
        let (seq, at) = (Seq(5), UnixMillis(6));
        let (nick, to) = (Nick::new("ada").unwrap(), Nick::new("bob").unwrap());
        let name = FileName::new("f").unwrap();
        let text = Message::new("hi").unwrap();
        let item = Item::new(ItemId(1), name.clone(), 0, Digest([0; 32]), nick.clone(), at);
        [
            Said { seq, at, nick: nick.clone(), id: MessageId(1), text, style: None }.into(),
            Joined { seq, at, nick: nick.clone(), quiet: None }.into(),
            Left { seq, at, nick: nick.clone(), code: Code::LEFT, quiet: None }.into(),
            Renamed { seq, at, nick: nick.clone(), to }.into(),
            TopicChanged { seq, at, nick: nick.clone(), topic: None }.into(),
            Shelved { seq, at, item }.into(),
            Dropped { seq, at, item: ItemId(1), name, nick: None }.into(),
            Forgotten { seq, at }.into(),
            Moderated::new(seq, at, nick, Action::OP).into(),
        ]
    }

    #[test]
    fn every_event_tells_its_place_and_time_and_only_said_is_a_line() {
        for event in events() {
            assert_eq!((event.seq(), event.at()), (Seq(5), UnixMillis(6)), "{event:?}");
            assert_eq!(event.is_line(), matches!(event, Event::Said(_)), "{event:?}");
        }
    }

    #[test]
    fn only_those_who_join_quietly_come_and_go_so() {
        assert!(events().iter().all(|event| !event.is_quiet()));
        let quietly = |event| -> Event {
            match event {
                Event::Joined(event) => Joined { quiet: Some(Marker), ..event }.into(),
                Event::Left(event) => Left { quiet: Some(Marker), ..event }.into(),
                other => other,
            }
        };
        let quiet = events().map(quietly).into_iter().filter(Event::is_quiet);
        assert_eq!(quiet.count(), 2);
    }

    #[test]
    fn a_frame_is_the_same_wherever_it_is_appended() {
        for event in events() {
            let (mut alone, mut behind) = (Vec::new(), vec![7; 100]);
            event.encode(&mut alone);
            event.encode(&mut behind);
            assert_eq!(behind[100..], alone);
        }
    }
}
