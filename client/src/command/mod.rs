//! What a person or a script asks for, as a type. Typed at a prompt ([`parse`]), chosen on the
//! screen or given on the command line, a request becomes the same [`Command`], once, and is never
//! text again.
//!
//! `table` has a row for each command of the prompt, `arguments` reads what stands behind one.
//! Pure: carrying a command out is the matter of `app`.

mod arguments;
mod moderation;
mod parse;
mod table;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::limits::{NICK_BYTES_MAX, TOPIC_BYTES_MAX};
use chatshelf_common::text::{FileName, Message, Nick, TextError, Topic};
use chatshelf_common::wire::frame::Moderate;

use crate::item::{ItemLine, ItemRef};
use crate::lang::{text_error, tr};
use crate::search::Words;
use crate::session::TransferHandle;

pub use arguments::{PathLine, message};
pub(crate) use moderation::looks_like_address;
pub use parse::{parse, say, yes_or_no};
pub use table::{Argument, HELP, Help, NOTIFY_LEVELS, SWITCH};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say it to the room.
    Say(Message),
    /// `/me`: say it as an action.
    Act(Message),
    /// `/msg`: say it to one member.
    Tell {
        /// To whom.
        to: Nick,
        /// What.
        text: Message,
    },
    /// `/nick`.
    Rename(Nick),
    /// `/topic` alone: show it.
    ShowTopic,
    /// `/topic TEXT`, or `None` for `/topic -`: clear it.
    SetTopic(Option<Topic>),
    /// `/who`.
    Who,
    /// `/files`.
    Files,
    /// `/upload`.
    Upload(Upload),
    /// `/download`.
    Download(Download),
    /// `/drop`.
    Drop(Vec<ItemRef>),
    /// `/link`.
    Link(ItemRef),
    /// `/cancel`, of this transfer or the latest.
    Cancel(Option<TransferHandle>),
    /// `/waiting`: what is not delivered yet.
    Waiting,
    /// `/reconnect`.
    Reconnect,
    /// `/stats`.
    Stats,
    /// `/help`.
    Help,
    /// `/clear`: of what is on the screen.
    Clear,
    /// `/notify`, alone to ask.
    Notify(Option<Notify>),
    /// `/ignore`, alone to ask.
    Ignore(Option<Nick>),
    /// `/unignore`.
    Unignore(Nick),
    /// `/joins`, alone to ask.
    Joins(Option<bool>),
    /// `/mouse`, alone to ask: whether clicks and the wheel come to us.
    Mouse(Option<bool>),
    /// `/copy`.
    Copy(Copied),
    /// `/find`: what was said with all these words.
    Find(Words),
    /// `/op`: become an operator.
    Op,
    /// `/kick`, `/ban`, `/unban`, `/lock` and `/unlock`: what only operators may do.
    Moderate(Moderate),
    /// `/redact`: take the text of a line away.
    Redact(LineRef),
    /// `/bans`.
    Bans,
    /// `/quit`.
    Quit,
}

/// A line of the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineRef {
    /// What this member said last, or the `nth` last, counted from 1.
    Of {
        /// Who said it.
        nick: Nick,
        /// Which.
        nth: usize,
    },
    /// By its place in the room log.
    Number(Seq),
}

impl Command {
    /// Fetches an item that was chosen, to the directory for downloads.
    #[must_use]
    pub fn fetch(item: ItemId) -> Self {
        let (items, to) = (vec![ItemRef::Number(item)], Destination::DownloadDir);
        Self::Download(Download::Items { items, to })
    }

    /// Puts files on the shelf, each under its own name.
    #[must_use]
    pub fn upload(paths: Vec<PathBuf>) -> Self {
        Self::Upload(Upload::Files { paths, name: None })
    }
}

/// What to put on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upload {
    /// What was typed: one path as it stands, or several.
    Typed(PathLine),
    /// These files; a single one perhaps under another name.
    Files {
        /// Where they are.
        paths: Vec<PathBuf>,
        /// The name to put it there by.
        name: Option<FileName>,
    },
    /// A temporary file of ours, whose own name and attributes mean nothing.
    Spooled {
        /// Where it is.
        path: PathBuf,
        /// The name to put it there by.
        name: FileName,
    },
}

/// What to fetch from the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Download {
    /// What was typed: an item, perhaps with a path, which begins in the directory for downloads.
    Typed(ItemLine),
    /// These items.
    Items {
        /// Which. One that is named twice is fetched once.
        items: Vec<ItemRef>,
        /// Where they go.
        to: Destination,
    },
}

/// Where a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the directory for downloads.
    DownloadDir,
    /// To this file or directory.
    Path(PathBuf),
    /// To this directory, which goes away with the program.
    Scratch(PathBuf),
}

/// What to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// A link in what was said, not a line of it.
    pub is_link: bool,
    /// Which, from the newest.
    pub nth: NonZeroUsize,
}

/// What rings the bell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// Nothing.
    Off,
    /// Private messages, and lines with our nick.
    #[default]
    Mentions,
    /// Every line of others.
    All,
}

impl Notify {
    /// Says what rings it.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Off => tr!("the bell rings for: off"),
            Self::Mentions => tr!("the bell rings for: mentions"),
            Self::All => tr!("the bell rings for: all"),
        }
    }
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such command.
    Unknown(String),
    /// A command with arguments that it does not take; how it is written.
    Usage(&'static str),
    /// Not a nick.
    Nick(TextError),
    /// Not a message.
    Message {
        /// Why.
        why: TextError,
        /// Bytes that it has.
        bytes: usize,
    },
    /// Not a topic.
    Topic(TextError),
    /// Not a time that a ban can last, though it looks like one.
    BanTime(String),
    /// Not an address to ban, though it looks like one.
    BanAddress(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Unknown(name) => {
                tr!("there is no command /{name}; /help lists them, // sends a slash", name)
            }
            Self::Usage(usage) => tr!("usage: {usage}", usage),
            Self::Nick(why) => tr!(
                "not a name: {why} (1 to {max} bytes: letters, digits, _ - .)",
                why = text_error(why),
                max = NICK_BYTES_MAX,
            ),
            Self::Message { why: TextError::TooLong { limit }, bytes } => {
                tr!("too long: a message holds {limit} bytes, this one has {bytes}", limit, bytes,)
            }
            Self::Message { why, .. } => {
                tr!("cannot send that message: {why}", why = text_error(why))
            }
            Self::Topic(why) => tr!(
                "not a topic: {why} (1 to {max} bytes)",
                why = text_error(why),
                max = TOPIC_BYTES_MAX,
            ),
            Self::BanTime(word) => tr!(
                "not banned: {word} is not a time such as 30m, 2h or 7d; begin a reason with \
                 another word",
                word,
            ),
            Self::BanAddress(whom) => {
                tr!("not banned: {whom} is not an address such as 192.0.2.7 or 2001:db8::1", whom)
            }
        };
        f.write_str(&text)
    }
}

impl std::error::Error for CommandError {}
