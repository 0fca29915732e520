//! Every frame type, as tables: its number, its fields, which are required, optional (`opt`)
//! or repeatable (`rep`). PROTOCOL.md, "Frame types", says what each means.
//!
//! A table line is the only place where a frame's layout stands; encoder and decoder are made
//! from it (by the macros of `layout.rs`) and cannot differ.

use byteorder::{BigEndian, ByteOrder};

use crate::id::{
    Attributes, Digest, ItemId, MessageId, Mode, ResumeToken, Seq, TransferId, UnixMillis,
    UploadKey,
};
use crate::text::{FileName, Message, Nick, Note, Topic};
use crate::wire::Code;
use crate::wire::field::{self, DecodeError, FieldValue, Fields, Tag};
use crate::wire::header::{HEADER_BYTES, Header};

/// A frame whose value is a list of fields.
pub trait Frame: Sized {
    /// The frame's type number.
    const KIND: u8;

    /// Appends the fields.
    fn put_fields(&self, out: &mut Vec<u8>);

    /// Reads the frame from its fields.
    ///
    /// # Errors
    /// When a field is missing, repeated or not what it must be.
    fn take_fields(fields: &Fields<'_>) -> Result<Self, DecodeError>;

    /// Appends the whole frame: header, then fields.
    fn encode(&self, out: &mut Vec<u8>) {
        let head = out.len();
        out.extend_from_slice(&Header { kind: Self::KIND, flags: 0, length: 0 }.to_bytes());
        self.put_fields(out);
        let length = out.len() - head - HEADER_BYTES;
        BigEndian::write_u32(&mut out[head + 2..], length as u32);
    }

    /// The whole frame as bytes of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// The four bytes in a `Hello` that say the peer speaks this protocol.
pub const MAGIC: [u8; 4] = *b"CHSH";

frames! {
    /// What a client may send, data frames aside.
    ClientFrame {
        /// First of all: which versions the client speaks.
        0x01 Hello {
            /// [`MAGIC`].
            req MAGIC magic: [u8; 4],
            /// Lowest version the client speaks.
            req VERSION_MIN version_min: u16,
            /// Highest version the client speaks.
            req VERSION_MAX version_max: u16,
            /// Bits for extensions the client understands; none is defined yet.
            opt CAPABILITIES capabilities: u32,
            /// Name and version of the program.
            opt SOFTWARE software: Note,
        }
        /// Asks for a nick and enters the room.
        0x02 Join {
            /// The nick asked for.
            req NICK nick: Nick,
            /// Lines of history wanted: 0 for none, [`crate::limits::HISTORY_ALL`] for all;
            /// absent leaves it to the server.
            opt HISTORY history: u32,
            /// The newest event the client has, from an earlier connection: those after it are
            /// wanted, whatever `history` says.
            opt SINCE since: Seq,
            /// The server's time of the event `since`, by which the server knows it again.
            opt AT since_at: UnixMillis,
            /// From the `Welcome` of the membership that is to go on.
            opt RESUME resume: ResumeToken,
            /// Nobody need be shown that this member comes and goes.
            opt QUIET quiet: Marker,
        }
        /// A message to everyone.
        0x03 Say {
            /// Chosen by the client; comes back with the echo.
            req MESSAGE_ID id: MessageId,
            /// The message.
            req TEXT text: Message,
            /// How it is meant; absent is [`Style::SPEECH`].
            opt STYLE style: Style,
            /// It may have been said before: if the log has it, it is not said again.
            opt REPEAT repeat: Marker,
        }
        /// A message to one member.
        0x04 Tell {
            /// Chosen by the client; comes back with the receipt.
            req MESSAGE_ID id: MessageId,
            /// Who is to get it.
            req TO to: Nick,
            /// The message.
            req TEXT text: Message,
        }
        /// Asks for another nick.
        0x05 Rename {
            /// The nick asked for.
            req NICK nick: Nick,
        }
        /// Sets the topic, or clears it when absent.
        0x06 SetTopic {
            /// The topic.
            opt TOPIC topic: Topic,
        }
        /// Leaves; the server answers `Goodbye`.
        0x07 Leave {}
        /// Offers a file for the shelf.
        0x10 UploadOffer {
            /// The client's number for the transfer.
            req TRANSFER transfer: TransferId,
            /// The file's name.
            req NAME name: FileName,
            /// The file's size in bytes.
            req SIZE size: u64,
            /// By which it can be gone on with when it is interrupted.
            opt UPLOAD_KEY key: UploadKey,
            /// The file's permission bits at its sender.
            opt MODE mode: Mode,
            /// When its sender last changed it, by the sender's clock.
            opt MODIFIED modified: UnixMillis,
        }
        /// All bytes of an upload are sent.
        0x11 UploadDone {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// BLAKE3 of the whole file.
            req DIGEST digest: Digest,
        }
        /// Asks for a file of the shelf.
        0x12 DownloadRequest {
            /// The client's number for the transfer.
            req TRANSFER transfer: TransferId,
            /// Which item.
            req ITEM item: ItemId,
            /// First byte wanted; absent is 0.
            opt OFFSET offset: u64,
        }
        /// Ends a transfer early.
        0x13 Cancel {
            /// Which.
            req TRANSFER transfer: TransferId,
        }
        /// Takes an item off the shelf; answered by `Dropped`, which everyone gets.
        0x14 Drop {
            /// Which.
            req ITEM item: ItemId,
            /// The key it was uploaded with: proves whose it is.
            opt UPLOAD_KEY key: UploadKey,
        }
        /// Asks for a `Pong`.
        0x30 Ping {}
        /// Answers a `Ping`.
        0x31 Pong {}
    }
}

frames! {
    /// What a server may send, data frames aside.
    ServerFrame {
        /// Answers `Hello`: the version spoken and the server's limits.
        0x81 HelloAck {
            /// The version both sides speak from here on.
            req VERSION version: u16,
            /// Bits for extensions in force; none is defined yet.
            opt CAPABILITIES capabilities: u32,
            /// Name and version of the program.
            opt SOFTWARE software: Note,
            /// Largest file taken, in bytes.
            req FILE_BYTES_MAX file_bytes_max: u64,
            /// Items the shelf holds.
            req SHELF_ITEMS_MAX shelf_items_max: u32,
            /// Transfers one member may run at once.
            req TRANSFERS_MAX transfers_max: u32,
            /// Most lines of history a joiner can have.
            req HISTORY_MAX history_max: u32,
        }
        /// The join is accepted. A snapshot at `seq` follows.
        0x82 Welcome {
            /// The nick as it is in the room.
            req NICK nick: Nick,
            /// The newest event that the snapshot already holds.
            req SEQ seq: Seq,
            /// The first event that follows: of the history, or `seq` + 1.
            req FROM_SEQ from: Seq,
            /// What to show to have this membership back after a broken connection.
            req RESUME resume: ResumeToken,
        }
        /// The room's state at a seq, in one or more parts.
        0x83 Snapshot {
            /// The newest event that it holds.
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
        /// What was asked is not done; the connection goes on.
        0x84 Refused {
            /// Why.
            req CODE code: Code,
            /// Type of the frame it answers.
            req ABOUT about: u8,
            /// The limit that was passed.
            opt LIMIT limit: u64,
            /// The message it is about.
            opt MESSAGE_ID id: MessageId,
            /// The transfer it ends.
            opt TRANSFER transfer: TransferId,
            /// The item it is about.
            opt ITEM item: ItemId,
            /// A nick that is free.
            opt SUGGESTION suggestion: Nick,
            /// More, for people.
            opt DETAIL detail: Note,
        }
        /// The last frame: the server closes the connection.
        0x85 Goodbye {
            /// Why.
            req CODE code: Code,
            /// The limit that was passed.
            opt LIMIT limit: u64,
            /// Lowest version the server speaks (with [`Code::VERSION`]).
            opt VERSION_MIN version_min: u16,
            /// Highest version the server speaks (with [`Code::VERSION`]).
            opt VERSION_MAX version_max: u16,
            /// More, for people.
            opt DETAIL detail: Note,
        }
        /// A message to one member, sent to both ends.
        0x86 Told {
            /// Server's time of the message.
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
        /// The connection was too slow for the room: these events will not come. A snapshot follows.
        0x87 Gap {
            /// First event missed.
            req FROM_SEQ from: Seq,
            /// Last event missed; the snapshot is at this seq.
            req TO_SEQ to: Seq,
            /// The receiver's own nick by now.
            req NICK nick: Nick,
        }
        /// An upload may begin.
        0x90 UploadReady {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// First byte the server wants.
            req OFFSET offset: u64,
            /// BLAKE3 of the bytes before it, as the server has them; absent for none.
            opt DIGEST digest: Digest,
        }
        /// An upload is whole, verified, on disk and on the shelf.
        0x91 UploadStored {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// Its number on the shelf.
            req ITEM item: ItemId,
        }
        /// A download begins: data frames up to `size` follow.
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

frames! {
    /// What happened in the room: the frames of the room log, every one with its seq.
    Event {
        /// A member said something.
        0xC0 Said {
            /// Place in the log.
            req SEQ seq: Seq,
            /// Server's time.
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
        /// A member came.
        0xC1 Joined {
            /// Place in the log.
            req SEQ seq: Seq,
            /// Server's time.
            req AT at: UnixMillis,
            /// Who.
            req NICK nick: Nick,
            /// It is to be applied, but need not be shown.
            opt QUIET quiet: Marker,
        }
        /// A member is gone.
        0xC2 Left {
            /// Place in the log.
            req SEQ seq: Seq,
            /// Server's time.
            req AT at: UnixMillis,
            /// Who.
            req NICK nick: Nick,
            /// Why.
            req CODE code: Code,
            /// It is to be applied, but need not be shown.
            opt QUIET quiet: Marker,
        }
        /// A member has another nick.
        0xC3 Renamed {
            /// Place in the log.
            req SEQ seq: Seq,
            /// Server's time.
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
            /// Server's time.
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
            /// Server's time.
            req AT at: UnixMillis,
            /// The item.
            req SHELF_ITEM item: Item,
        }
        /// A file is no longer on the shelf.
        0xC6 Dropped {
            /// Place in the log.
            req SEQ seq: Seq,
            /// Server's time.
            req AT at: UnixMillis,
            /// Which.
            req ITEM item: ItemId,
            /// Its name.
            req NAME name: FileName,
            /// Who took it off; absent when a newer one took its place.
            opt NICK nick: Nick,
        }
        /// What happened under this number has been lost from the server's disk.
        0xC7 Forgotten {
            /// Place in the log.
            req SEQ seq: Seq,
            /// When the loss was found.
            req AT at: UnixMillis,
        }
    }
}

nested! {
    /// One file on the shelf.
    Item {
        /// Its number.
        req ITEM id: ItemId,
        /// Its name.
        req NAME name: FileName,
        /// Its size in bytes.
        req SIZE size: u64,
        /// BLAKE3 of its content.
        req DIGEST digest: Digest,
        /// Who put it there.
        req NICK nick: Nick,
        /// When it was whole.
        req AT at: UnixMillis,
        /// Its permission bits at its sender.
        opt MODE mode: Mode,
        /// When its sender last changed it, by the sender's clock.
        opt MODIFIED modified: UnixMillis,
    }
    /// The topic, with who set it and when.
    TopicState {
        /// The topic.
        req TOPIC topic: Topic,
        /// Who set it.
        req NICK nick: Nick,
        /// When.
        req AT at: UnixMillis,
    }
}

impl Hello {
    /// Of a client that speaks these versions and does not say what program it is.
    #[must_use]
    pub fn new(version_min: u16, version_max: u16) -> Self {
        Self { magic: MAGIC, version_min, version_max, capabilities: None, software: None }
    }
}

impl Join {
    /// Of someone who has not been here before.
    #[must_use]
    pub fn new(nick: Nick, history: Option<u32>) -> Self {
        Self { nick, history, since: None, since_at: None, resume: None, quiet: None }
    }
}

impl Say {
    /// Of something that is said for the first time.
    #[must_use]
    pub fn new(id: MessageId, text: Message, style: Option<Style>) -> Self {
        Self { id, text, style, repeat: None }
    }
}

impl UploadOffer {
    /// Of a file that will not be gone on with.
    #[must_use]
    pub fn new(transfer: TransferId, name: FileName, size: u64) -> Self {
        Self { transfer, name, size, key: None, mode: None, modified: None }
    }
}

impl Refused {
    /// A refusal without particulars.
    #[must_use]
    pub fn new(code: Code, about: u8) -> Self {
        let (limit, id, transfer, item) = (None, None, None, None);
        Self { code, about, limit, id, transfer, item, suggestion: None, detail: None }
    }
}

impl Item {
    /// An item of which mode and time of change are not known.
    #[must_use]
    pub fn new(
        id: ItemId,
        name: FileName,
        size: u64,
        digest: Digest,
        nick: Nick,
        at: UnixMillis,
    ) -> Self {
        Self { id, name, size, digest, nick, at, mode: None, modified: None }
    }

    /// The same, with what its sender's system said of it.
    #[must_use]
    pub fn with(self, Attributes { mode, modified }: Attributes) -> Self {
        Self { mode, modified, ..self }
    }

    /// What its sender's system said of it.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes { mode: self.mode, modified: self.modified }
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
        }
    }

    /// The server's time of the event.
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
        }
    }

    /// True for the coming and going of a member who joined quietly.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Joined(event) => event.quiet.is_some(),
            Self::Left(event) => event.quiet.is_some(),
            _ => false,
        }
    }

    /// True for what a joiner's history counts: the lines people said.
    #[must_use]
    pub fn is_line(&self) -> bool {
        matches!(self, Self::Said(_))
    }
}

/// How a message is meant. Unknown styles are shown as speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style(pub u8);

impl Style {
    /// Said.
    pub const SPEECH: Self = Self(0);
    /// Done: `/me waves`.
    pub const ACTION: Self = Self(1);
}

impl FieldValue for Style {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        u8::take(tag, bytes).map(Style)
    }
}

/// A field that says what it has to say by being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker;

impl FieldValue for Marker {
    fn put(&self, _out: &mut Vec<u8>) {}

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() { Ok(Self) } else { Err(DecodeError::Length(tag)) }
    }
}

/// Which part of a snapshot a frame is; a snapshot of one part is first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Forget the state held before.
    pub first: bool,
    /// The snapshot is whole after this part.
    pub last: bool,
}

impl FieldValue for Part {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.first) | u8::from(self.last) << 1);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        match u8::take(tag, bytes)? {
            bits @ 0..=3 => Ok(Self { first: bits & 1 != 0, last: bits & 2 != 0 }),
            _ => Err(DecodeError::Value(tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> [Event; 8] {
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
            TopicChanged { seq, at, nick, topic: None }.into(),
            Shelved { seq, at, item }.into(),
            Dropped { seq, at, item: ItemId(1), name, nick: None }.into(),
            Forgotten { seq, at }.into(),
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
    fn a_frame_is_the_same_wherever_it_is_appended() {
        for event in events() {
            let (mut alone, mut behind) = (Vec::new(), vec![7; 100]);
            event.encode(&mut alone);
            event.encode(&mut behind);
            assert_eq!(behind[100..], alone);
        }
    }

    #[test]
    fn parts_are_two_bits() {
        for bits in 0..4 {
            let part = Part::take(Tag::PART, &[bits]).unwrap();
            assert_eq!((part.first, part.last), (bits % 2 == 1, bits > 1));
            let mut out = Vec::new();
            part.put(&mut out);
            assert_eq!(out, [bits]);
        }
        assert_eq!(Part::take(Tag::PART, &[4]), Err(DecodeError::Value(Tag::PART)));
    }
}
