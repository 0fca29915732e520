//! What a line typed at the prompt means. Pure: text in, a typed [`Command`] or a sentence that
//! says what is wrong; shared by every front that has a prompt.

use std::fmt;
use std::num::NonZeroUsize;

use chatshelf_common::id::ItemId;
use chatshelf_common::limits::{MESSAGE_BYTES_MAX, NICK_BYTES_MAX, TOPIC_BYTES_MAX};
use chatshelf_common::text::{Message, Nick, TextError, Topic};

use crate::item::{ItemError, Shelf};
use crate::search::Words;
use crate::session::{Room, TransferHandle};
use crate::text::cleaned;

/// A line, understood.
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
    /// `/upload …`, to be resolved by [`resolve_upload`].
    Upload(String),
    /// `/download …`, to be resolved by [`resolve_download`] when the shelf is known.
    Download(String),
    /// `/drop`, of the item that this text means.
    Drop(String),
    /// `/cancel`, of this transfer or the latest.
    Cancel(Option<TransferHandle>),
    /// `/waiting`: what is not delivered yet.
    Waiting,
    /// `/reconnect`.
    Reconnect,
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
    /// `/quit`.
    Quit,
}

/// What is to be copied.
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

/// Every level, as it is written.
pub const NOTIFY_LEVELS: [(&str, Notify); 3] =
    [("off", Notify::Off), ("mentions", Notify::Mentions), ("all", Notify::All)];

/// What is on or off, as it is written.
pub const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = NOTIFY_LEVELS.iter().find(|(_, level)| level == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// No such command.
    Unknown(String),
    /// A command with arguments it does not take.
    Usage(&'static Help),
    /// Not a nick.
    Nick(TextError),
    /// Not a message.
    Message(TextError, usize),
    /// Not a topic.
    Topic(TextError),
    /// Not an item of the shelf.
    Item(ItemError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "there is no command /{name}; /help lists them, // sends a slash")
            }
            Self::Usage(help) => write!(f, "usage: {}", help.usage),
            Self::Nick(why) => {
                write!(f, "not a name: {why} (1 to {NICK_BYTES_MAX} bytes: letters, digits, _ - .)")
            }
            Self::Message(TextError::TooLong { limit }, length) => {
                write!(f, "too long: a message holds {limit} bytes, this one has {length}")
            }
            Self::Message(why, _) => write!(f, "that message can't be sent: {why}"),
            Self::Topic(why) => write!(f, "not a topic: {why} (1 to {TOPIC_BYTES_MAX} bytes)"),
            Self::Item(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for CommandError {}

/// One line of the help.
#[derive(Debug, PartialEq, Eq)]
pub struct Help {
    /// The names it goes by, the main one first.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub does: &'static str,
}

macro_rules! help {
    ($($constant:ident $names:expr, $usage:literal, $does:literal;)*) => {
        $(static $constant: Help = Help { names: $names, usage: $usage, does: $does };)*

        /// Every command, in the order in which the help shows them.
        pub static HELP: &[&Help] = &[$(&$constant),*];
    };
}

help! {
    HELP_HELP &["help", "?"], "/help", "list the commands";
    WHO &["who", "names"], "/who", "who is here";
    NICK &["nick"], "/nick NAME", "take another name";
    ME &["me"], "/me TEXT", "say what you do: * ada waves";
    MSG &["msg", "tell"], "/msg NAME TEXT", "say something to one member only";
    TOPIC &["topic"], "/topic [TEXT|-]", "show the topic, set it, or clear it (-)";
    FILES &["files", "ls"], "/files", "what is on the shelf";
    UPLOAD &["upload", "put", "send"], "/upload PATH...",
        "put files on the shelf; quote names with spaces, or type a single one as it is";
    DOWNLOAD &["download", "get"], "/download ID|NAME [PATH]",
        "fetch a file of the shelf; of several of one NAME it is the newest; #7 is always a number, \
         name:7 a name; PATH (in the download directory unless absolute) is a directory or a name; \
         quote names with spaces";
    DROP &["drop", "remove"], "/drop ID|NAME", "take a file off the shelf that you put there";
    CANCEL &["cancel"], "/cancel [ID]", "stop a transfer: this one, or the latest";
    WAITING &["waiting"], "/waiting", "what of yours is not delivered yet";
    RECONNECT &["reconnect"], "/reconnect", "make a new connection now";
    CLEAR &["clear"], "/clear", "clear the screen";
    NOTIFY &["notify"], "/notify [off|mentions|all]", "what rings the bell";
    IGNORE &["ignore"], "/ignore [NAME]", "hide all that NAME says and does; alone, list who is ignored";
    UNIGNORE &["unignore"], "/unignore NAME", "see NAME again";
    JOINS &["joins"], "/joins [on|off]", "whether joins and leaves are shown";
    FIND &["find", "search"], "/find WORDS", "what was said here with all these words";
    COPY &["copy"], "/copy [link] [N]", "copy the last line or link, or the Nth last";
    MOUSE &["mouse"], "/mouse [on|off]", "whether the mouse clicks here, or selects text";
    QUIT &["quit", "exit"], "/quit", "leave";
}

/// Understands a line. An empty one (or only blanks) is nothing.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn parse(line: &str) -> Result<Option<Command>, CommandError> {
    if let Some(rest) = line.strip_prefix('/') {
        return match rest.strip_prefix('/') {
            Some(_) => say(rest),
            None => command(rest).map(Some),
        };
    }
    say(line)
}

/// Says a text, whatever it begins with.
///
/// # Errors
/// When it can't be a message.
pub fn say(line: &str) -> Result<Option<Command>, CommandError> {
    let text = cleaned(line);
    if text.trim().is_empty() { Ok(None) } else { message(&text).map(Command::Say).map(Some) }
}

/// A message, of what was typed or piped in.
pub(crate) fn message(text: &str) -> Result<Message, CommandError> {
    let text = cleaned(text);
    Message::new(&text).map_err(|why| CommandError::Message(why, text.len()))
}

fn command(line: &str) -> Result<Command, CommandError> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let lower = name.to_lowercase();
    let Some(help) = HELP.iter().find(|help| help.names.contains(&lower.as_str())) else {
        return Err(CommandError::Unknown(name.to_owned()));
    };
    let usage = Err(CommandError::Usage(help));
    match (help.names[0], rest) {
        ("help", "") => Ok(Command::Help),
        ("clear", "") => Ok(Command::Clear),
        ("notify", "") => Ok(Command::Notify(None)),
        ("notify", word) => match NOTIFY_LEVELS.iter().find(|(name, _)| *name == word) {
            Some((_, level)) => Ok(Command::Notify(Some(*level))),
            None => usage,
        },
        ("mouse", "") => Ok(Command::Mouse(None)),
        ("mouse", word) => match SWITCH.iter().find(|(name, _)| *name == word) {
            Some((_, on)) => Ok(Command::Mouse(Some(*on))),
            None => usage,
        },
        ("copy", what) => copied(what).map(Command::Copy).map_or(usage, Ok),
        ("ignore", "") => Ok(Command::Ignore(None)),
        ("ignore", name) => Ok(Command::Ignore(Some(member(name)?))),
        ("joins", "") => Ok(Command::Joins(None)),
        ("joins", word) => match SWITCH.iter().find(|(name, _)| *name == word) {
            Some((_, on)) => Ok(Command::Joins(Some(*on))),
            None => usage,
        },
        // "/help upload" is a question that the whole list answers as well.
        ("help", _) => Ok(Command::Help),
        ("who", "") => Ok(Command::Who),
        ("files", "") => Ok(Command::Files),
        ("quit", "") => Ok(Command::Quit),
        ("waiting", "") => Ok(Command::Waiting),
        ("reconnect", "") => Ok(Command::Reconnect),
        ("topic", "") => Ok(Command::ShowTopic),
        ("topic", "-") => Ok(Command::SetTopic(None)),
        ("topic", text) => topic(text).map(|topic| Command::SetTopic(Some(topic))),
        ("cancel", "") => Ok(Command::Cancel(None)),
        ("cancel", number) => match number.trim_start_matches('#').parse() {
            Ok(number) => Ok(Command::Cancel(Some(TransferHandle(number)))),
            Err(_) => usage,
        },
        ("who" | "files" | "quit" | "waiting" | "reconnect" | "clear", _) | (_, "") => usage,
        ("unignore", name) => Ok(Command::Unignore(member(name)?)),
        ("nick", name) => nick(name).map(Command::Rename),
        ("find", words) => Words::new(words).map(Command::Find).map_or(usage, Ok),
        ("me", text) => message(text).map(Command::Act),
        ("msg", rest) => match rest.split_once(char::is_whitespace) {
            Some((to, text)) => {
                Ok(Command::Tell { to: member(to)?, text: message(text.trim_start())? })
            }
            None => usage,
        },
        ("upload", paths) => Ok(Command::Upload(paths.to_owned())),
        ("drop", what) => unquoted(what).map(Command::Drop).map_or(usage, Ok),
        ("download", what) => Ok(Command::Download(what.to_owned())),
        _ => usage,
    }
}

fn nick(name: &str) -> Result<Nick, CommandError> {
    Nick::new(name).map_err(CommandError::Nick)
}

/// The name of somebody who may be here, whatever names are given today.
fn member(name: &str) -> Result<Nick, CommandError> {
    Nick::from_bytes(name.as_bytes()).map_err(CommandError::Nick)
}

fn topic(text: &str) -> Result<Topic, CommandError> {
    Topic::new(&cleaned(text).replace('\t', " ")).map_err(CommandError::Topic)
}

/// `[link] [N]`.
fn copied(text: &str) -> Option<Copied> {
    let mut words = text.split_whitespace().peekable();
    let is_link = words.next_if(|word| matches!(*word, "link" | "links")).is_some();
    let nth = words.next().map_or(Ok(NonZeroUsize::MIN), str::parse).ok()?;
    words.next().is_none().then_some(Copied { is_link, nth })
}

/// The whole text, or what the quotes around it hold.
fn unquoted(text: &str) -> Option<String> {
    if !text.starts_with(['"', '\'']) {
        return Some(text.to_owned());
    }
    let mut words = words(text)?;
    if words.len() == 1 { words.pop().filter(|word| !word.is_empty()) } else { None }
}

/// Splits as a shell would, save that `#` begins no comment, and that on Windows a backslash is
/// part of a path.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    /// Stands for `#` while the text is split; no character that has a meaning.
    const HASH: &str = "\u{f0023}";
    let mut text = text.replace('#', HASH);
    if cfg!(windows) {
        text = text.replace('\\', "\\\\");
    }
    let words = shell_words::split(&text).ok()?;
    Some(words.into_iter().map(|word| word.replace(HASH, "#")).collect())
}

/// The paths that `/upload` means; `~/` is not expanded yet. `exists` tells what is there.
///
/// The whole text is a path if there is such a file. Otherwise it is split as a shell would, and may
/// be several: `My\ photo.jpg`, `'My photo.jpg'`, `a.txt b.txt`. If none of these is there either, it
/// is the whole text that is not to be found.
#[must_use]
pub fn resolve_upload(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    if exists(text) {
        return vec![text.to_owned()];
    }
    match words(text) {
        Some(words) if words.len() == 1 || words.iter().any(|word| exists(word)) => words,
        _ => vec![text.to_owned()],
    }
}

/// Which item `/download` means, and where it is to go (`None`: the download directory).
///
/// The first word is a number or a name, and the second a path; or the whole text is a name.
///
/// # Errors
/// When the text is no such thing, could mean two, or nothing on the shelf has the name.
pub fn resolve_download(text: &str, room: &Room) -> Result<(ItemId, Option<String>), CommandError> {
    match Shelf::of(room).item_and_path(text, words(text)) {
        Some(found) => found.map_err(CommandError::Item),
        None => Err(CommandError::Usage(&DOWNLOAD)),
    }
}

const _: () = assert!(MESSAGE_BYTES_MAX < crate::input::LINE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use chatshelf_common::id::{Digest, ResumeToken, Seq, UnixMillis};
    use chatshelf_common::text::FileName;
    use chatshelf_common::wire::frame::{Frame, HelloAck, Item, Part, Snapshot, Welcome};

    use super::*;
    use crate::session::{Config, Session};

    fn said(line: &str) -> String {
        match parse(line) {
            Ok(Some(Command::Say(text))) => text.as_str().to_owned(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn plain_lines_are_said_and_two_slashes_are_one() {
        assert_eq!(said("hello"), "hello");
        assert_eq!(said("  /quit"), "  /quit");
        assert_eq!(said("//etc/hosts"), "/etc/hosts");
        assert_eq!(said("//"), "/");
        assert_eq!(said("\x1b[31mred\x1b[0m\x07"), "red");
        for nothing in ["", "   ", "\t", "\x1b[2J", "\x07"] {
            assert_eq!(parse(nothing), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_with_both_lengths() {
        assert_eq!(said(&"m".repeat(8192)).len(), 8192);
        let error = parse(&"m".repeat(8193)).unwrap_err().to_string();
        assert!(error.contains("8192") && error.contains("8193"), "{error}");
        assert!(parse(&format!("/me {}", "m".repeat(8193))).is_err());
        // What does not travel does not count.
        assert_eq!(said(&format!("\x1b[1m{}", "m".repeat(8192))).len(), 8192);
    }

    #[test]
    fn every_command_is_known_by_all_its_names_in_any_case() {
        for help in HELP {
            for name in help.names {
                for line in [format!("/{name}"), format!("/{} a b", name.to_uppercase())] {
                    assert!(!matches!(parse(&line), Err(CommandError::Unknown(_))), "{line}");
                }
            }
        }
        assert_eq!(parse("/ls"), Ok(Some(Command::Files)));
        assert_eq!(parse("/exit "), Ok(Some(Command::Quit)));
    }

    #[test]
    fn unknown_commands_are_said_so_and_never_sent() {
        for line in ["/frobnicate", "/", "/ hello", "/usr/bin"] {
            assert!(matches!(parse(line), Err(CommandError::Unknown(_))), "{line}");
        }
    }

    #[test]
    fn bad_arguments_get_the_usage_line() {
        for line in [
            "/me",
            "/nick",
            "/msg",
            "/msg bob",
            "/upload",
            "/download ",
            "/drop",
            "/unignore",
            "/cancel x",
            "/quit now",
            "/notify x",
            "/joins maybe",
            "/mouse maybe",
            "/copy 0",
            "/find",
            "/copy link x",
            "/copy 1 2",
        ] {
            let error = parse(line).unwrap_err();
            assert!(matches!(error, CommandError::Usage(_)), "{line}: {error}");
            let name = line.split(' ').next().unwrap();
            assert!(error.to_string().starts_with(&format!("usage: {name}")), "{error}");
        }
        assert!(matches!(parse("/nick a b"), Err(CommandError::Nick(_))));
    }

    #[test]
    fn arguments_are_understood() {
        let command = |line| parse(line).unwrap().unwrap();
        let to = Nick::new("bob").unwrap();
        let text = Message::new("see  you").unwrap();
        assert_eq!(command("/msg bob  see  you"), Command::Tell { to, text });
        assert_eq!(command("/cancel #3"), Command::Cancel(Some(TransferHandle(3))));
        assert_eq!(command("/cancel"), Command::Cancel(None));
        assert_eq!(command("/drop #3"), Command::Drop("#3".into()));
        assert_eq!(command("/drop 'a b'"), Command::Drop("a b".into()));
        assert_eq!(command("/topic"), Command::ShowTopic);
        assert_eq!(command("/notify all"), Command::Notify(Some(Notify::All)));
        assert_eq!(command("/notify"), Command::Notify(None));
        assert_eq!(command("/joins off"), Command::Joins(Some(false)));
        assert_eq!(command("/joins"), Command::Joins(None));
        assert_eq!(command("/mouse off"), Command::Mouse(Some(false)));
        let copied =
            |is_link, nth: usize| Command::Copy(Copied { is_link, nth: nth.try_into().unwrap() });
        assert_eq!([command("/copy"), command("/copy 3")], [copied(false, 1), copied(false, 3)]);
        assert_eq!(
            [command("/copy link"), command("/copy link 2")],
            [copied(true, 1), copied(true, 2)]
        );
        let bob = Nick::new("bob").unwrap();
        assert_eq!(command("/ignore"), Command::Ignore(None));
        assert_eq!(command("/ignore bob"), Command::Ignore(Some(bob.clone())));
        assert_eq!(command("/unignore bob "), Command::Unignore(bob));
        assert_eq!(command("/topic -"), Command::SetTopic(None));
        assert_eq!(command("/upload a b.txt"), Command::Upload("a b.txt".into()));
        assert_eq!(command("/put \"a b.txt\""), Command::Upload("\"a b.txt\"".into()));
    }

    #[test]
    fn an_upload_is_a_path_as_it_stands_or_what_a_shell_would_make_of_it() {
        let resolve = |text, there: &[&str]| resolve_upload(text, |path| there.contains(&path));
        let photo = "My photo.jpg";
        for text in [photo, "My\\ photo.jpg", "'My photo.jpg'", "\"My photo.jpg\""] {
            if cfg!(unix) || !text.contains('\\') {
                assert_eq!(resolve(text, &[photo]), [photo], "{text}");
            }
        }
        assert_eq!(resolve("a.txt 'b c'", &["a.txt", "b c"]), ["a.txt", "b c"]);
        assert_eq!(resolve("a.txt missing", &["a.txt"]), ["a.txt", "missing"]);
        assert_eq!(resolve("it's", &["it's"]), ["it's"], "a path before a quote");
        assert_eq!(resolve("'a b'", &["'a b'", "a b"]), ["'a b'"]);
        assert_eq!(resolve("no such file", &[]), ["no such file"], "is what was not found");
        assert_eq!(resolve("'open", &["open"]), ["'open"]);
        assert_eq!(resolve("~/'a b'", &[]), ["~/a b"]);
    }

    /// A session whose shelf holds these, oldest first, numbered from 1.
    fn with_shelf(names: &[&str]) -> Session {
        let nick = Nick::new("ada").unwrap();
        let now = Instant::now();
        let config = Config {
            nick: nick.clone(),
            history: None,
            seed: 0,
            reconnect: None,
            quiet: false,
            keepalive: crate::session::KEEPALIVE,
        };
        let mut session = Session::new(config, now);
        session.handle_connected(now);
        let item = |(number, name): (usize, &&str)| {
            let (id, name) = (ItemId(number as u64 + 1), FileName::new(name).unwrap());
            Item::new(id, name, 0, Digest([0; 32]), nick.clone(), UnixMillis(0))
        };
        let ack = HelloAck {
            version: 1,
            capabilities: None,
            software: None,
            file_bytes_max: 1,
            shelf_items_max: 5,
            transfers_max: 1,
            history_max: 1,
        };
        let welcome =
            Welcome { nick: nick.clone(), seq: Seq(1), from: Seq(2), resume: ResumeToken([0; 24]) };
        let snapshot = Snapshot {
            seq: Seq(1),
            part: Part { first: true, last: true },
            topic: None,
            members: vec![nick.clone()],
            items: names.iter().enumerate().map(item).collect(),
        };
        for bytes in [ack.to_bytes(), welcome.to_bytes(), snapshot.to_bytes()] {
            session.handle_bytes(&bytes, now).unwrap();
        }
        session
    }

    #[test]
    fn a_download_is_named_by_number_or_name_with_or_without_a_path() {
        let session = with_shelf(&["a.txt", "my notes.txt", "a.txt", "it's", "77"]);
        let resolve = |text| resolve_download(text, session.room());
        let found = |id, path: Option<&str>| Ok((ItemId(id), path.map(str::to_owned)));
        assert_eq!(resolve("1"), found(1, None));
        assert_eq!(resolve("#2 sub/"), found(2, Some("sub/")));
        assert_eq!(resolve("2 #dir"), found(2, Some("#dir")));
        assert_eq!(resolve("a.txt"), found(3, None), "the newest of the name");
        assert_eq!(resolve("a.txt 'b c.txt'"), found(3, Some("b c.txt")));
        assert_eq!(resolve("my notes.txt"), found(2, None), "the whole text is a name");
        assert_eq!(resolve("\"my notes.txt\" x"), found(2, Some("x")));
        assert_eq!(resolve("it's"), found(4, None), "though its quote is open");
        assert_eq!(resolve("name:77"), found(5, None));
        assert!(matches!(resolve("77"), Err(CommandError::Item(ItemError::NumberOrName(..)))));
        assert_eq!(resolve("99"), found(99, None), "the server knows what became of it");
        let unknown = ItemError::NotOnShelf("nope".into());
        assert_eq!(resolve("nope"), Err(CommandError::Item(unknown)));
        assert!(matches!(resolve("1 a b"), Err(CommandError::Usage(_))));
        assert!(matches!(resolve("'open"), Err(CommandError::Usage(_))));
    }
}
