//! The commands of the prompt: a row for each, with its names, its help, what Tab completes behind
//! it, and how its arguments are read.

use chatshelf_common::wire::frame::Action;

use super::arguments::{copied, member, message, nick, topic, word};
use super::moderation;
use super::{Command, CommandError, Download, Notify, PathLine, Upload};
use crate::item::{ItemLine, ItemRef};
use crate::quoting::unquoted;
use crate::search::Words;
use crate::session::TransferHandle;

/// Every level of [`Notify`], as it is written.
pub const NOTIFY_LEVELS: [(&str, Notify); 3] =
    [("off", Notify::Off), ("mentions", Notify::Mentions), ("all", Notify::All)];

/// What is on or off, as it is written.
pub const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];

/// One command of the prompt.
#[derive(Debug)]
pub struct Help {
    /// The names it goes by, the main one first.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What stands behind it.
    pub argument: Argument,
    /// Reads the arguments, without blanks around them.
    read: fn(&str) -> Result<Command, Misread>,
}

impl Help {
    /// The command that goes by this name, in any case.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        let lower = name.to_lowercase();
        HELP.iter().find(|help| help.names.contains(&lower.as_str()))
    }

    /// True for a command behind which stand local paths, which need not be text.
    pub(super) fn names_paths(&self) -> bool {
        matches!(self.argument, Argument::Path | Argument::Item)
    }

    /// The command with these arguments.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(&self, arguments: &str) -> Result<Command, CommandError> {
        (self.read)(arguments).map_err(|misread| match misread {
            Misread::Usage => CommandError::Usage(self.usage),
            Misread::Why(error) => error,
        })
    }
}

/// What can be completed behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing but the nicks of members, which fit anywhere.
    Text,
    /// A local path.
    Path,
    /// An item of the shelf.
    Item,
    /// One of the [`NOTIFY_LEVELS`].
    Level,
    /// One of [`SWITCH`].
    Switch,
    /// What can be locked: the topic.
    Lock,
}

/// Why arguments are none.
enum Misread {
    /// They are not of the form that the command takes.
    Usage,
    /// One of them is not what it must be.
    Why(CommandError),
}

impl From<CommandError> for Misread {
    fn from(error: CommandError) -> Self {
        Self::Why(error)
    }
}

type Read = Result<Command, Misread>;

/// A row without anything to complete.
const fn row(
    names: &'static [&'static str],
    usage: &'static str,
    does: &'static str,
    read: fn(&str) -> Read,
) -> Help {
    Help { names, usage, does, argument: Argument::Text, read }
}

impl Help {
    const fn completes(self, argument: Argument) -> Self {
        Self { argument, ..self }
    }
}

/// Every command, in the order in which the help shows them.
pub static HELP: &[Help] = &[
    // "/help upload" is a question that the whole list answers as well.
    row(&["help", "?"], "/help", "list the commands", |_| Ok(Command::Help)),
    row(&["who", "names"], "/who", "who is here", |rest| alone(rest, Command::Who)),
    row(&["nick"], "/nick NAME", "change your name", |name| {
        Ok(Command::Rename(nick(some(name)?)?))
    }),
    row(&["me"], "/me TEXT", "say what you do: * ada waves", |text| {
        Ok(Command::Act(message(some(text)?)?))
    }),
    row(&["msg", "tell"], "/msg NAME TEXT", "say something to one member only", |rest| {
        let (to, text) = rest.split_once(char::is_whitespace).ok_or(Misread::Usage)?;
        Ok(Command::Tell { to: member(to)?, text: message(text.trim_start())? })
    }),
    row(
        &["topic"],
        "/topic [TEXT|-]",
        "show the topic, set it, or clear it (-)",
        |text| match text {
            "" => Ok(Command::ShowTopic),
            "-" => Ok(Command::SetTopic(None)),
            text => Ok(Command::SetTopic(Some(topic(text)?))),
        },
    ),
    row(&["files", "ls"], "/files", "what is on the shelf", |rest| alone(rest, Command::Files)),
    row(
        &["upload", "put", "send"],
        "/upload PATH...",
        "put files on the shelf; quote names with spaces, or type a single one as it is",
        |paths| Ok(Command::Upload(Upload::Typed(PathLine::new(some(paths)?)))),
    )
    .completes(Argument::Path),
    row(
        &["download", "get"],
        "/download ID|NAME [PATH]",
        "download a file from the shelf; of several with this NAME, the newest; #7 is always a number, \
         name:7 a name; PATH (in the download directory unless absolute) is a directory or a name; \
         quote names with spaces",
        |line| Ok(Command::Download(Download::Typed(ItemLine::new(some(line)?)))),
    )
    .completes(Argument::Item),
    row(
        &["drop", "remove"],
        "/drop ID|NAME",
        "take your own file off the shelf",
        |text| Ok(Command::Drop(vec![item(text)?])),
    )
    .completes(Argument::Item),
    row(&["link"], "/link ID|NAME", "a file's link for browsers, with a QR code", |text| {
        Ok(Command::Link(item(text)?))
    })
    .completes(Argument::Item),
    row(&["cancel"], "/cancel [ID]", "stop a transfer: this one, or the latest", |number| {
        let number = match number {
            "" => None,
            number => Some(number.trim_start_matches('#').parse().map_err(|_| Misread::Usage)?),
        };
        Ok(Command::Cancel(number.map(TransferHandle)))
    }),
    row(&["waiting"], "/waiting", "what you sent that is not delivered yet", |rest| {
        alone(rest, Command::Waiting)
    }),
    row(&["stats"], "/stats", "statistics of the server and of this connection", |rest| {
        alone(rest, Command::Stats)
    }),
    row(&["reconnect"], "/reconnect", "make a new connection now", |rest| {
        alone(rest, Command::Reconnect)
    }),
    row(&["clear"], "/clear", "clear the screen", |rest| alone(rest, Command::Clear)),
    row(&["notify"], "/notify [off|mentions|all]", "what rings the bell", |level| {
        Ok(Command::Notify(perhaps(level, &NOTIFY_LEVELS)?))
    })
    .completes(Argument::Level),
    row(
        &["ignore"],
        "/ignore [NAME]",
        "hide all that NAME says and does; alone, list who is ignored",
        |name| match name {
            "" => Ok(Command::Ignore(None)),
            name => Ok(Command::Ignore(Some(member(name)?))),
        },
    ),
    row(&["unignore"], "/unignore NAME", "see NAME again", |name| {
        Ok(Command::Unignore(member(some(name)?)?))
    }),
    row(&["joins"], "/joins [on|off]", "whether joins and leaves are shown", |on| {
        Ok(Command::Joins(perhaps(on, &SWITCH)?))
    })
    .completes(Argument::Switch),
    row(&["find", "search"], "/find WORDS", "what was said here with all these words", |words| {
        Ok(Command::Find(Words::new(words).ok_or(Misread::Usage)?))
    }),
    row(&["copy"], "/copy [link] [N]", "copy the last line or link, or the Nth last", |what| {
        Ok(Command::Copy(copied(what).ok_or(Misread::Usage)?))
    }),
    row(&["mouse"], "/mouse [on|off]", "use the mouse to click here, or to select text", |on| {
        Ok(Command::Mouse(perhaps(on, &SWITCH)?))
    })
    .completes(Argument::Switch),
    row(&["op"], "/op", "become an operator; asks for the password", |rest| {
        alone(rest, Command::Op)
    }),
    row(&["kick"], "/kick NAME [REASON]", "operators: put a member out of the room", |rest| {
        moderation::kick(rest).ok_or(Misread::Usage)
    }),
    row(
        &["ban"],
        "/ban NAME|ADDRESS [TIME] [REASON]",
        "operators: keep someone out; TIME is such as 30m, 2h or 7d",
        |rest| moderation::ban(rest)?.ok_or(Misread::Usage),
    ),
    row(&["unban"], "/unban NUMBER", "operators: end a ban; /bans has the numbers", |rest| {
        moderation::unban(rest).ok_or(Misread::Usage)
    }),
    row(&["bans"], "/bans", "operators: who is banned", |rest| alone(rest, Command::Bans)),
    row(
        &["redact"],
        "/redact NAME [N]",
        "operators: blank NAME's last or Nth last line",
        |rest| moderation::redact(rest).ok_or(Misread::Usage),
    ),
    row(&["lock"], "/lock topic", "operators: only operators may set the topic", |what| {
        moderation::lock(what, Action::LOCK_TOPIC).ok_or(Misread::Usage)
    })
    .completes(Argument::Lock),
    row(&["unlock"], "/unlock topic", "operators: anyone may set the topic again", |what| {
        moderation::lock(what, Action::UNLOCK_TOPIC).ok_or(Misread::Usage)
    })
    .completes(Argument::Lock),
    row(&["quit", "exit"], "/quit", "leave", |rest| alone(rest, Command::Quit)),
];

/// A command that takes no arguments.
fn alone(rest: &str, command: Command) -> Read {
    if rest.is_empty() { Ok(command) } else { Err(Misread::Usage) }
}

/// An argument that must be there.
fn some(text: &str) -> Result<&str, Misread> {
    if text.is_empty() { Err(Misread::Usage) } else { Ok(text) }
}

/// One item, perhaps quoted.
fn item(text: &str) -> Result<ItemRef, Misread> {
    let item = unquoted(some(text)?).ok_or(Misread::Usage)?;
    Ok(ItemRef::new(&item))
}

/// One of the words that are known, or none, which asks.
fn perhaps<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<Option<T>, Misread> {
    match text {
        "" => Ok(None),
        text => word(text, known).map(Some).ok_or(Misread::Usage),
    }
}
