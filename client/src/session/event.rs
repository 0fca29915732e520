//! What a session tells its front: plain types, no behaviour of their own.

use std::fmt;
use std::time::{Duration, Instant};

use chatshelf_common::id::{ItemId, Seq, UploadKey};
use chatshelf_common::password::Password;
use chatshelf_common::rate::Rate;
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::{Goodbye, Moderate, Refused, Style, Told};
use chatshelf_common::wire::{Code, DecodeError, Event, FrameError};

use super::privacy::Privacy;
use super::server_limits::ServerLimits;
use crate::lang::tr;

/// Something the front should know of, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The server has answered a `Hello`; its limits are known.
    Greeted(ServerLimits),
    /// The nick was refused; [`super::Session::rejoin`] asks for another.
    NickRefused {
        /// The nick that was asked for.
        nick: Nick,
        /// Why.
        code: Code,
        /// A nick that was free a moment ago.
        suggestion: Option<Nick>,
    },
    /// The nick is ours and the first snapshot is whole: the room can be shown.
    JoinedRoom {
        /// The nick as the server holds it.
        nick: Nick,
        /// The newest event the snapshot holds; events up to it are history.
        seq: Seq,
    },
    /// The connection is gone, or an attempt at a new one has failed.
    Offline {
        /// Why.
        why: Loss,
        /// Attempts that have failed since the connection was lost: 0 says that it was lost now.
        attempts: u32,
        /// When the next attempt is due, from now on.
        retry_in: Duration,
    },
    /// On coming back, our nick was refused, and another is asked for instead.
    NickReplaced {
        /// The nick that we had.
        nick: Nick,
        /// Why it was refused.
        code: Code,
        /// The one asked for now.
        by: Nick,
    },
    /// In the room again, with a new snapshot.
    Back {
        /// The nick as the server holds it.
        nick: Nick,
        /// The newest event the snapshot holds; those up to it happened while we were away.
        seq: Seq,
    },
    /// What happened while we were away is no longer held by the server, in part: these events
    /// will not come.
    Missed {
        /// First event missed.
        from: Seq,
        /// Last event missed.
        to: Seq,
    },
    /// A crash has cost the server the events from here on; those that follow are others.
    Rewound {
        /// The first event that is another now.
        from: Seq,
    },
    /// We were too slow for the room: these events will not come. The room is up to date.
    Gap {
        /// First event missed.
        from: Seq,
        /// Last event missed.
        to: Seq,
    },
    /// Something happened in the room. The room has already taken it in.
    Happened {
        /// What.
        event: Event,
        /// Whether we were here.
        when: When,
    },
    /// A private message, to us or (the receipt) from us.
    Told(Told),
    /// A command was refused, and which, if that is known. Refused transfers come as
    /// [`SessionEvent::TransferEnded`].
    Refused(Refused, Option<PendingCommand>),
    /// Commands of ours have to wait before they are sent. Not told again until none has.
    Paced {
        /// What the server takes.
        rate: Rate,
    },
    /// The room asks for its password ([`Code::PASSWORD_NEEDED`]), or this was not it;
    /// [`super::Session::give_password`] shows one.
    PasswordWanted {
        /// Which of the two.
        code: Code,
    },
    /// The room asks for its password, which others could read. It was not sent, and the session is
    /// over.
    PasswordWithheld(Privacy),
    /// The password that was shown, of the room or of its operators, is not verified yet: others of
    /// this address are before it.
    PasswordWaits,
    /// The server has told the bans: [`super::Session::bans`].
    Bans,
    /// A command of ours waits for its answer for longer than is usual.
    Undelivered {
        /// The server has said nothing else either.
        is_silent: bool,
    },
    /// The server has told what it has done: [`super::Session::stats`].
    Stats,
    /// After [`SessionEvent::Undelivered`], on the same connection: all is answered.
    Delivered,
    /// The connection broke before this was answered: it may not have arrived, and is not
    /// repeated.
    Unanswered(Unanswered),
    /// A transfer has begun on the wire, for the first time.
    TransferStarted(TransferStatus),
    /// A transfer resumes behind what was moved before.
    TransferResumed(TransferStatus),
    /// A transfer of which something was moved must begin again.
    TransferRestarted(TransferStatus, Restart),
    /// An upload waits until the server takes more: [`Stage::Held`]. It has refused it for now.
    TransferHeld(TransferStatus, Refused),
    /// A transfer is over.
    TransferEnded(TransferStatus, Outcome),
    /// The server's last word, after which we do not come back.
    Goodbye(Goodbye),
    /// It was tried for long enough to come back; this is why the connection was lost at first.
    GaveUp(Loss),
}

/// Whether we were here when an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before we first came. Shown, not applied: the snapshot holds it already.
    History,
    /// While the connection was broken: news, but not applied either.
    Away,
    /// Just now.
    Live,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It broke or could not be made: the reason, for people.
    Link(String),
    /// The server ended it.
    Goodbye(Goodbye),
    /// Whoever answered turned it away before it was encrypted, so that this proves nothing.
    TurnedAway(Goodbye),
    /// Nothing was heard for this many seconds.
    Silent {
        /// Seconds of silence.
        seconds: u64,
    },
}

/// Something that we want of the room, until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingCommand {
    /// Saying something to everyone.
    Say {
        /// What.
        text: Message,
        /// As speech or action.
        style: Style,
    },
    /// Saying something to one member.
    Tell {
        /// To whom.
        to: Nick,
        /// What.
        text: Message,
    },
    /// Asking for this nick.
    Rename(Nick),
    /// Setting the topic, or clearing it.
    Topic(Option<Topic>),
    /// Taking an item off the shelf.
    Drop {
        /// Which.
        item: ItemId,
        /// The key it was uploaded with, if we have it.
        key: Option<UploadKey>,
    },
    /// Asking to be an operator.
    Op(Password),
    /// Something that an operator wants done.
    Moderate(Moderate),
}

/// A command whose answer was lost with its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// A private message.
    Tell {
        /// To whom.
        to: Nick,
    },
    /// Asking for this nick.
    Rename(Nick),
    /// Setting the topic, or clearing it.
    Topic(Option<Topic>),
    /// What the server has done.
    Stats,
    /// What only operators may do.
    Moderation,
}

/// Why a transfer begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The server has kept no part of the upload.
    NothingKept,
    /// What the server has kept is not how the file begins.
    FileDiffers,
    /// The file was changed while it was sent.
    FileChanged,
}

/// Names a transfer to the front and the file keeper for as long as the session lives. On the
/// wire it has another number with each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferHandle(pub u32);

impl fmt::Display for TransferHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
    /// It had begun when the connection broke, and waits to resume.
    Waiting,
    /// An upload that waits until the server takes more.
    Held {
        /// When it is offered again.
        until: Instant,
    },
    /// The server has been asked.
    Asked,
    /// What the server has kept is compared with the file.
    Comparing,
    /// Bytes are moving.
    Moving,
    /// All bytes are there; they are being verified and made durable.
    Verifying,
}

/// A transfer, as a front shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferStatus {
    /// Its number.
    pub transfer: TransferHandle,
    /// Which way.
    pub direction: Direction,
    /// The file's name, if it is known yet.
    pub name: Option<FileName>,
    /// The item that is downloaded.
    pub item: Option<ItemId>,
    /// The file's size in bytes, if it is known yet.
    pub size: Option<u64>,
    /// Bytes of the file sent or received so far.
    pub moved: u64,
    /// How far it is.
    pub stage: Stage,
}

#[cfg(test)]
impl TransferStatus {
    /// An upload of `notes.iso` on its way, for tests.
    pub(crate) fn underway(moved: u64, size: u64) -> Self {
        Self {
            transfer: TransferHandle(1),
            direction: Direction::Upload,
            name: FileName::new("notes.iso").ok(),
            item: None,
            size: Some(size),
            moved,
            stage: Stage::Moving,
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has verified it and put it on the shelf.
    Uploaded(ItemId),
    /// Verified against the item's digest and kept.
    Downloaded,
    /// By our own [`super::Session::cancel`].
    Cancelled,
    /// The session has ended before it was done; another one may resume it.
    Interrupted,
    /// By the server.
    Refused(Refused),
    /// The bytes received have another digest than the item.
    DigestMismatch,
    /// By the file keeper: the reason, for people.
    Failed(String),
}

impl Outcome {
    /// True when a later attempt can resume it.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::Refused(refused) => {
                matches!(refused.code, Code::STALLED | Code::REPLACED | Code::TOO_MANY_TRANSFERS)
            }
            _ => false,
        }
    }
}

/// What a command needs to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Not in the room (yet, or any more).
    NotJoined,
    /// There is no connection, and as much as may be is waiting for one.
    TooMuchWaiting,
    /// The server allows no transfers at all.
    NoTransfers,
    /// That is our nick already.
    SameNick,
    /// No such transfer is running.
    NoSuchTransfer,
    /// All bytes are delivered and being checked; it can't be called back.
    TooLate,
    /// The server does not know the question.
    NoStats,
    /// The room has no operators.
    NoOperators,
    /// Others could read the password, so it was not sent.
    NotPrivate(Privacy),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJoined => tr!("not in the room"),
            Self::TooMuchWaiting => {
                tr!("not connected, and too much is waiting for the connection already")
            }
            Self::NoTransfers => tr!("the server allows no transfers"),
            Self::SameNick => tr!("that is your name already"),
            Self::NoSuchTransfer => tr!("no such transfer is running"),
            Self::TooLate => tr!("too late: it is being verified"),
            Self::NoStats => {
                tr!("the server gives no statistics: it is older than this program")
            }
            Self::NoOperators => tr!("this room has no operators"),
            Self::NotPrivate(why) => {
                return f.write_str(&tr!("the password was not sent: {why}", why));
            }
        })
    }
}

impl std::error::Error for CommandError {}

/// Why a session cannot continue: the server broke the protocol or fell silent.
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
    /// It talks, but did not let you into the room for this many seconds.
    NotLetIn {
        /// Seconds that we waited.
        seconds: u64,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = |what: &dyn fmt::Display| {
            tr!("the server sent something that cannot be understood: {what}", what)
        };
        f.write_str(&match self {
            Self::Frame(error) => sent(error),
            Self::Decode(error) => sent(error),
            Self::Unexpected(what) => sent(what),
            Self::Silent { seconds: s } => tr!("nothing was heard from the server for {s} s", s),
            Self::NotLetIn { seconds: s } => {
                tr!("the server did not let you into the room within {s} s", s)
            }
        })
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
