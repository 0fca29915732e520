//! What a session tells its front and asks of it: plain types, no behaviour of their own.

use std::fmt;

use chatshelf_common::id::{Digest, ItemId, Seq, TransferId};
use chatshelf_common::text::{FileName, Nick, Note};
use chatshelf_common::wire::frame::{Goodbye, Item, Refused, Told};
use chatshelf_common::wire::{Code, DecodeError, Event, FrameError};

/// File bytes in one block, the unit in which a session and its file keeper trade.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks of one transfer that may be on their way between session and file keeper.
pub const BLOCKS_IN_FLIGHT_MAX: u8 = 2;

/// Something the front should know of, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The server has answered the `Hello`; its limits are known.
    Greeted(ServerLimits),
    /// The nick can't be had; [`super::Session::rejoin`] asks for another.
    NickRefused {
        /// The nick that was asked for.
        nick: Nick,
        /// Why.
        code: Code,
        /// A nick that was free a moment ago.
        suggestion: Option<Nick>,
    },
    /// The nick is ours and the snapshot is whole: the room can be shown.
    JoinedRoom {
        /// The nick as the server holds it.
        nick: Nick,
        /// The newest event the snapshot holds; events up to it are history.
        seq: Seq,
    },
    /// Something happened in the room. The room has already taken it in.
    Happened {
        /// What.
        event: Event,
        /// Whether it is from before the join.
        when: When,
    },
    /// A private message, to us or (the receipt) from us.
    Told(Told),
    /// We were too slow for the room: these events will not come. The room is up to date.
    Gap {
        /// First event missed.
        from: Seq,
        /// Last event missed.
        to: Seq,
        /// Our own messages whose receipts may be among them.
        unconfirmed: usize,
    },
    /// A command was refused. Refused transfers come as [`SessionEvent::TransferEnded`].
    Refused(Refused),
    /// A transfer has begun on the wire.
    TransferStarted(TransferStatus),
    /// A transfer is over.
    TransferEnded(TransferStatus, Outcome),
    /// The server's last word.
    Goodbye(Goodbye),
}

/// Whether an event belongs to the time before the join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Shown, not applied: the snapshot holds it already.
    History,
    /// Just now.
    Live,
}

/// What the server said of itself in its `HelloAck` (PROTOCOL.md, "Joining").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Protocol version in use.
    pub version: u16,
    /// Name and version of the server program.
    pub software: Option<Note>,
    /// Largest file taken, in bytes.
    pub file_bytes_max: u64,
    /// Items the shelf holds.
    pub shelf_items_max: u32,
    /// Transfers one member may run at once; more wait in the session.
    pub transfers_max: u32,
    /// Most lines of history.
    pub history_max: u32,
}

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the shelf.
    Upload,
    /// From the shelf.
    Download,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not yet sent to the server: as many transfers as it allows are running.
    Queued,
    /// The server has been asked.
    Asked,
    /// Bytes are moving.
    Moving,
    /// All bytes are there; they are being verified and made durable.
    Verifying,
}

/// A transfer, as a front shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferStatus {
    /// Its number.
    pub transfer: TransferId,
    /// Which way.
    pub direction: Direction,
    /// The file's name, if it is known yet.
    pub name: Option<FileName>,
    /// The file's size in bytes, if it is known yet.
    pub size: Option<u64>,
    /// Bytes sent or received so far.
    pub moved: u64,
    /// How far it is.
    pub stage: Stage,
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has verified it and put it on the shelf.
    Uploaded(ItemId),
    /// Verified against the item's digest and kept.
    Downloaded,
    /// By our own [`super::Session::cancel`] or [`super::Session::leave`].
    Cancelled,
    /// By the server.
    Refused(Refused),
    /// The bytes received have another digest than the item.
    DigestMismatch,
    /// By the file keeper: the reason, for people.
    Failed(String),
}

/// What the session wants done with file content. Requests of one transfer are done in order.
#[derive(Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// Read exactly `length` bytes of the upload at `offset` into `buffer` (which is empty);
    /// answered by [`FileReply::Block`]. Offsets of one upload only grow, and only the first
    /// may be other than where the last read ended.
    Read {
        /// Which upload.
        transfer: TransferId,
        /// Bytes from the start of the file.
        offset: u64,
        /// Bytes wanted, 1 to [`BLOCK_BYTES`].
        length: usize,
        /// To be filled, for reuse of its memory.
        buffer: Vec<u8>,
    },
    /// A download begins: be ready to keep `item`. Not answered unless it fails.
    Create {
        /// Which download.
        transfer: TransferId,
        /// The item.
        item: Item,
    },
    /// Append the block to the download; answered by [`FileReply::Written`].
    Write {
        /// Which download.
        transfer: TransferId,
        /// The bytes, 1 to [`BLOCK_BYTES`].
        block: Vec<u8>,
    },
    /// Say the digest of the whole file: all that was read or written; answered by
    /// [`FileReply::Hashed`]. For an upload, fail if the file holds more than was read.
    Hash {
        /// Which transfer.
        transfer: TransferId,
    },
    /// The download is verified: keep it for good; answered by [`FileReply::Kept`].
    Keep {
        /// Which download.
        transfer: TransferId,
    },
    /// The transfer is over; forget it and remove what was not kept. Not answered.
    Discard {
        /// Which transfer.
        transfer: TransferId,
    },
}

/// The file keeper's answers. One for a transfer that is over is ignored.
#[derive(Debug, PartialEq, Eq)]
pub enum FileReply {
    /// The bytes asked for by [`FileRequest::Read`], all of them.
    Block {
        /// Which upload.
        transfer: TransferId,
        /// The bytes.
        block: Vec<u8>,
    },
    /// The block is written.
    Written {
        /// Which download.
        transfer: TransferId,
        /// The block's memory, for reuse.
        buffer: Vec<u8>,
    },
    /// The digest of the whole file.
    Hashed {
        /// Which transfer.
        transfer: TransferId,
        /// BLAKE3-256.
        digest: Digest,
    },
    /// The download has its final place.
    Kept {
        /// Which download.
        transfer: TransferId,
    },
    /// It can't be done; the transfer ends.
    Failed {
        /// Which transfer.
        transfer: TransferId,
        /// Why, for people.
        why: String,
    },
}

/// What a command needs to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Not in the room (yet, or any more).
    NotJoined,
    /// The file is larger than the server takes.
    FileTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The server allows no transfers at all.
    NoTransfers,
    /// That is our nick already.
    SameNick,
    /// No such transfer is running.
    NoSuchTransfer,
    /// All bytes are delivered and being checked; it can't be called back.
    TooLate,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJoined => f.write_str("not in the room"),
            Self::FileTooLarge { limit } => {
                write!(f, "it is larger than the server takes ({limit} bytes)")
            }
            Self::NoTransfers => f.write_str("the server allows no transfers"),
            Self::SameNick => f.write_str("that is your name already"),
            Self::NoSuchTransfer => f.write_str("no such transfer is running"),
            Self::TooLate => f.write_str("too late: it is being verified"),
        }
    }
}

impl std::error::Error for CommandError {}

/// Why a session can't go on: the server broke the protocol or fell silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The byte stream is no sequence of frames.
    Frame(FrameError),
    /// A frame's fields are not what they must be.
    Decode(DecodeError),
    /// A frame that may not come now.
    Unexpected(&'static str),
    /// Nothing was heard for this many seconds.
    Silent {
        /// Seconds of silence.
        seconds: u64,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = "the server sent something that can't be understood";
        match self {
            Self::Frame(error) => write!(f, "{sent}: {error}"),
            Self::Decode(error) => write!(f, "{sent}: {error}"),
            Self::Unexpected(what) => write!(f, "{sent}: {what}"),
            Self::Silent { seconds } => {
                write!(f, "nothing was heard from the server for {seconds} s")
            }
        }
    }
}

impl std::error::Error for SessionError {}

impl From<FrameError> for SessionError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<DecodeError> for SessionError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}
