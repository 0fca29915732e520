//! What servers send, except for the events of the room (PROTOCOL.md, "Frame types").

use super::{Allowance, BanEntry, Deadline, Figure, FigureKind, Frame, Item, Part, TopicState};
use crate::id::{Digest, ItemId, MessageId, ResumeToken, Seq, TransferId, UnixMillis};
use crate::text::{LinkBase, Message, Nick, Note};
use crate::wire::Code;

frames! {
    /// What a server may send, other than data frames and events.
    ///
    /// A client looks for an [`Event`](super::Event) first, since most frames are events:
    ///
    /// ```
    /// use chatshelf_common::wire::frame::{Event, ServerFrame};
    /// use chatshelf_common::wire::{DecodeError, Header};
    ///
    /// fn handle(header: Header, value: &[u8]) -> Result<(), DecodeError> {
    ///     match Event::decode(header.kind, value) {
    ///         Ok(event) => println!("event {}: {event:?}", event.seq()),
    ///         Err(DecodeError::UnknownType(_)) => match ServerFrame::decode(header.kind, value) {
    ///             Ok(frame) => println!("{frame:?}"),
    ///             // A newer server may send more, and says what an older client may skip.
    ///             Err(DecodeError::UnknownType(_)) if header.is_skippable() => {}
    ///             Err(why) => return Err(why),
    ///         },
    ///         Err(why) => return Err(why),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ServerFrame {
        /// Answers `Hello`: the version spoken and the server's limits.
        0x81 HelloAck {
            /// The version both sides speak from now on.
            req VERSION version: u16,
            /// Bits for extensions in use, of those that the client understands.
            opt CAPABILITIES capabilities: u32,
            /// Name and version of the program.
            opt SOFTWARE software: Note,
            /// Largest file the server takes, in bytes.
            req FILE_BYTES_MAX file_bytes_max: u64,
            /// Items the shelf holds.
            req SHELF_ITEMS_MAX shelf_items_max: u32,
            /// Transfers one member may run at once.
            req TRANSFERS_MAX transfers_max: u32,
            /// Most lines of history a new member can have.
            req HISTORY_MAX history_max: u32,
            /// What it allows this client, and its address, in a time.
            rep ALLOWANCE allowances: Allowance,
            /// Those of its deadlines that are not as PROTOCOL.md has them.
            rep DEADLINE deadlines: Deadline,
            /// What links to items begin with.
            opt LINK_BASE link_base: LinkBase,
        }
        /// The client is a member now. A snapshot at `seq` follows.
        0x82 Welcome {
            /// The nick as it is in the room.
            req NICK nick: Nick,
            /// The newest event that the snapshot includes.
            req SEQ seq: Seq,
            /// The first event that follows: of the history, or `seq` + 1.
            req FROM_SEQ from: Seq,
            /// Resumes this membership after a broken connection.
            req RESUME resume: ResumeToken,
        }
        /// The room's state at a seq, in one or more parts.
        0x83 Snapshot {
            /// The newest event that it includes.
            req SEQ seq: Seq,
            /// Which part of it this is.
            req PART part: Part,
            /// The topic, if there is one (first part only).
            opt SHELF_TOPIC topic: TopicState,
            /// Who is here.
            rep MEMBER members: Nick,
            /// What is on the shelf, oldest first.
            rep SHELF_ITEM items: Item,
        }
        /// The server does not do what was asked; the connection stays open.
        0x84 Refused {
            /// Why.
            req CODE code: Code,
            /// Type of the frame that it answers.
            req ABOUT about: u8,
            /// The limit that was exceeded.
            opt LIMIT limit: u64,
            /// The message it is about.
            opt MESSAGE_ID id: MessageId,
            /// The transfer it ends.
            opt TRANSFER transfer: TransferId,
            /// The item it is about.
            opt ITEM item: ItemId,
            /// A nick that is free.
            opt SUGGESTION suggestion: Nick,
            /// After how many milliseconds it may be asked for again.
            opt RETRY_MS retry_ms: u32,
            /// More, for people.
            opt DETAIL detail: Note,
        }
        /// The last frame: the server closes the connection.
        0x85 Goodbye {
            /// Why.
            req CODE code: Code,
            /// The limit that was exceeded.
            opt LIMIT limit: u64,
            /// Lowest version the server speaks (with [`Code::VERSION`]).
            opt VERSION_MIN version_min: u16,
            /// Highest version the server speaks (with [`Code::VERSION`]).
            opt VERSION_MAX version_max: u16,
            /// After how many milliseconds a new connection may be tried.
            opt RETRY_MS retry_ms: u32,
            /// More, for people.
            opt DETAIL detail: Note,
        }
        /// A message to one member, sent to its receiver and its sender.
        0x86 Told {
            /// When it was said, by the server's clock.
            req AT at: UnixMillis,
            /// The sender.
            req NICK from: Nick,
            /// The receiver.
            req TO to: Nick,
            /// The sender's number for it.
            req MESSAGE_ID id: MessageId,
            /// The message.
            req TEXT text: Message,
        }
        /// The client was too slow for the room: these events will not come. A snapshot follows.
        0x87 Gap {
            /// First event missed.
            req FROM_SEQ from: Seq,
            /// Last event missed; the snapshot is at this seq.
            req TO_SEQ to: Seq,
            /// The receiver's own nick, now.
            req NICK nick: Nick,
        }
        /// What the server has done, in numbers.
        0x88 Stats (skippable) {
            /// The numbers, each at most once.
            rep FIGURE figures: Figure,
        }
        /// The bans that hold, in one or more parts.
        0x89 Bans (skippable) {
            /// Which part of them this is.
            req PART part: Part,
            /// The bans, oldest first.
            rep BAN_ENTRY bans: BanEntry,
        }
        /// An upload may begin.
        0x90 UploadReady {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// First byte the server wants.
            req OFFSET offset: u64,
            /// BLAKE3 of the bytes before it, as the server has them; absent if there are none.
            opt DIGEST digest: Digest,
        }
        /// An upload is whole, verified, on disk and on the shelf.
        0x91 UploadStored {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// Its number on the shelf.
            req ITEM item: ItemId,
        }
        /// A download begins: data frames from `offset` to the item's size follow.
        0x92 DownloadReady {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// First byte that will be sent.
            req OFFSET offset: u64,
            /// The item.
            req SHELF_ITEM item: Item,
        }
        /// Asks for a `Pong`.
        0x30 ServerPing {}
        /// Answers a `Ping`.
        0x31 ServerPong {}
    }
}

impl Stats {
    /// The value of a figure; none if the server does not give it.
    #[must_use]
    pub fn value(&self, kind: FigureKind) -> Option<u64> {
        self.figures.iter().find(|figure| figure.kind == kind).map(|figure| figure.value)
    }
}

impl Refused {
    /// A refusal that gives only its reason.
    ///
    /// ```
    /// use chatshelf_common::wire::Code;
    /// use chatshelf_common::wire::frame::{Frame, Refused, Rename};
    ///
    /// let refused = Refused::new(Code::NICK_TAKEN, Rename::KIND);
    /// assert_eq!(refused.code.to_string(), "that name is taken");
    /// ```
    #[must_use]
    pub fn new(code: Code, about: u8) -> Self {
        Self {
            code,
            about,
            limit: None,
            id: None,
            transfer: None,
            item: None,
            suggestion: None,
            retry_ms: None,
            detail: None,
        }
    }
}

impl Goodbye {
    /// A goodbye that gives only its reason.
    ///
    /// ```
    /// use chatshelf_common::wire::Code;
    /// use chatshelf_common::wire::frame::Goodbye;
    ///
    /// assert_eq!(Goodbye::new(Code::LEFT).detail, None);
    /// ```
    #[must_use]
    pub fn new(code: Code) -> Self {
        let (version_min, version_max) = (None, None);
        Self { code, limit: None, version_min, version_max, retry_ms: None, detail: None }
    }
}
