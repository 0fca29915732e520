//! Clauses that every front says alike: codes, refusals, goodbyes, what an event was. Pure
//! functions; what came from others is still as it came.

use std::time::Duration;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::frame::{
    Goodbye, Item, Joined, Left, Refused, Renamed, Style, TopicChanged,
};
use chatshelf_common::wire::{Code, Event};

use crate::app::moderation;
use crate::lang::{self, tr};
use crate::link::Encryption;
use crate::session::{PendingCommand, Room, Session};
use crate::units::{self, size};

/// Characters that are shown of a text that is only to be known again.
const SHORTENED_CHARS_MAX: usize = 60;
/// Lines that wait and are shown; more are counted.
const WAITING_NAMED_MAX: usize = 20;

/// Who is here, at most so many by name.
pub(crate) fn members(room: &Room, named_max: usize) -> String {
    let here = room.members().len();
    let mut members: Vec<&Nick> = room.members().collect();
    members.sort_by_cached_key(|nick| nick.folded());
    let mut names: Vec<&str> = members.into_iter().take(named_max).map(Nick::as_str).collect();
    let more = tr!("and {more} more (/who)", more = here - names.len());
    if names.len() < here {
        names.push(&more);
    }
    tr!("{n} here: {names}", n = here, names = names.join(", "))
}

/// What the user may rely on.
pub(crate) fn encryption(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Verified => tr!("encrypted, verified"),
        Encryption::Unverified => tr!("encrypted, not verified"),
        Encryption::None => tr!("not encrypted"),
    }
}

/// What to know before saying whether a server's key is the right one.
pub(crate) fn key_question(server: &str, key: Fingerprint) -> [String; 3] {
    [
        tr!("You have not been to {server} before. Its key has the fingerprint", server),
        key.to_string(),
        tr!("Whoever runs the server can see the right one in its first lines. Is it the same?")
            .to_owned(),
    ]
}

/// What is on the shelf, oldest first.
pub(crate) fn shelf(room: &Room) -> Vec<String> {
    if room.shelf().is_empty() {
        return vec![tr!("the shelf is empty").to_owned()];
    }
    let mut lines = vec![on_shelf(room.shelf().len())];
    lines.extend(room.shelf().iter().map(|item| {
        let Item { id, name, size: bytes, nick, digest, .. } = item;
        format!("   {id}  {name}  {}  {nick}  {digest:.16}", size(*bytes))
    }));
    lines
}

/// How much is on the shelf.
pub(crate) fn on_shelf(files: usize) -> String {
    tr!("on the shelf: {n} file", "on the shelf: {n} files", n = files)
}

/// The topic, with who set it.
pub(crate) fn topic(room: &Room) -> String {
    match room.topic() {
        Some(state) => tr!("topic: {topic} (by {nick})", topic = state.topic, nick = state.nick),
        None => tr!("there is no topic").to_owned(),
    }
}

/// A command of ours as it was typed, on one line and not too long.
pub(crate) fn typed(command: &PendingCommand) -> String {
    let text = match command {
        PendingCommand::Say { text, style } if *style == Style::ACTION => format!("/me {text}"),
        PendingCommand::Say { text, .. } => text.to_string(),
        PendingCommand::Tell { to, text } => format!("/msg {to} {text}"),
        PendingCommand::Rename(nick) => format!("/nick {nick}"),
        PendingCommand::Topic(Some(topic)) => format!("/topic {topic}"),
        PendingCommand::Topic(None) => "/topic -".to_owned(),
        PendingCommand::Drop { item, .. } => format!("/drop #{item}"),
        PendingCommand::Op(_) => "/op".to_owned(),
        PendingCommand::Moderate(order) => moderation::typed(order),
    };
    shortened(&text)
}

/// The beginning of a text, on one line.
pub(crate) fn shortened(text: &str) -> String {
    beginning(text, text.lines().next(), SHORTENED_CHARS_MAX)
}

/// At most so many characters of a line of a text, marked unless they are the whole text.
pub(super) fn beginning(text: &str, line: Option<&str>, chars_max: usize) -> String {
    let mut beginning: String = line.unwrap_or_default().chars().take(chars_max).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

/// What of ours is not delivered yet, oldest first.
pub(crate) fn waiting(session: &Session) -> Vec<String> {
    let lines = session.outstanding();
    if lines == 0 {
        return vec![tr!("all that you have said is delivered").to_owned()];
    }
    let mut told =
        vec![tr!("not delivered yet: {n} line", "not delivered yet: {n} lines", n = lines)];
    told.extend(session.pending_commands().take(WAITING_NAMED_MAX).map(|(command, is_sent)| {
        let state = match is_sent {
            true => tr!("sent, no receipt"),
            false if session.is_joined() => tr!("waiting its turn"),
            false => tr!("kept"),
        };
        format!("   {}  {}", typed(command), tr!("({state})", state))
    }));
    if lines > WAITING_NAMED_MAX {
        let more = tr!("and {more} more", more = lines - WAITING_NAMED_MAX);
        told.push(format!("   {more}"));
    }
    told
}

/// A number that a nick always has, to choose its colour by.
pub(crate) fn nick_number(nick: &Nick) -> u32 {
    nick.folded()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// An event that is not talk, as a sentence.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Said(said) => format!("{}: {}", said.nick, said.text),
        Event::Joined(Joined { nick, .. }) => tr!("{nick} joined", nick),
        Event::Left(Left { nick, code: Code::LEFT, .. }) => tr!("{nick} left", nick),
        Event::Left(Left { nick, code, .. }) => {
            tr!("{nick} left: {why}", nick, why = self::code(*code))
        }
        Event::Renamed(Renamed { nick, to, .. }) => tr!("{nick} is now {to}", nick, to),
        Event::TopicChanged(TopicChanged { nick, topic: Some(topic), .. }) => {
            tr!("{nick} set the topic: {topic}", nick, topic)
        }
        Event::TopicChanged(change) => tr!("{nick} cleared the topic", nick = change.nick),
        Event::Shelved(shelved) => {
            let Item { id: item, name, size: bytes, nick, .. } = &shelved.item;
            let size = size(*bytes);
            tr!("{nick} put {name} on the shelf (number {item}, {size})", nick, name, item, size)
        }
        Event::Dropped(dropped) => {
            let (item, name) = (dropped.item, &dropped.name);
            match &dropped.nick {
                Some(nick) => {
                    tr!("{nick} took {name} (number {item}) off the shelf", nick, name, item)
                }
                None => tr!("{name} (number {item}) dropped from the shelf", name, item),
            }
        }
        Event::Moderated(it) => moderation::told(it),
        Event::Forgotten(_) => tr!("an event is lost from the server's disk here").to_owned(),
    }
}

/// A code as half a sentence; one that is not known with its number.
pub(crate) fn code(code: Code) -> String {
    let known = chatshelf_common::wire::code::CODES.iter().any(|(known, _)| *known == code);
    let meaning = lang::text(code.meaning());
    if known { meaning.to_owned() } else { tr!("{meaning} (code {code})", meaning, code = code.0) }
}

/// Why something was refused, with the limit and what the server adds.
pub(crate) fn refusal(refused: &Refused) -> String {
    let mut text = over_limit(refused);
    if let Some(nick) = &refused.suggestion {
        text = free(text, nick);
    }
    detailed(text, refused.retry_ms, refused.detail.as_ref())
}

/// The same for a request that will be repeated once the server allows it, after this time.
pub(crate) fn refusal_for_now(refused: &Refused, wait: Duration) -> String {
    let what = over_limit(refused);
    let text = tr!("{what}; it continues in {time}", what, time = units::wait(wait));
    moderation::explained(text, refused.detail.as_ref())
}

/// Why something was refused, with the limit.
fn over_limit(refused: &Refused) -> String {
    let text = code(refused.code);
    match (refused.limit, refused.code) {
        (Some(bytes), Code::FILE_TOO_LARGE) => {
            tr!(
                "{what} (the limit is {size}, {bytes} bytes)",
                what = text,
                size = size(bytes),
                bytes
            )
        }
        (Some(bytes), Code::TEXT_TOO_LONG) => {
            tr!("{what} (the limit is {bytes} bytes)", what = text, bytes)
        }
        (limit, code) => limited(text, limit, code),
    }
}

/// A clause with the limit that was reached.
fn limited(what: String, limit: Option<u64>, code: Code) -> String {
    match (limit, code) {
        (None, _) => what,
        (Some(bytes), Code::TOO_MUCH_UPLOADED | Code::TOO_MUCH_SENT | Code::FRAME_TOO_LONG) => {
            tr!("{what} (the limit is {limit})", what, limit = units::limit(bytes))
        }
        (Some(limit), _) => tr!("{what} (the limit is {limit})", what, limit),
    }
}

/// A clause with a name that is free.
pub(crate) fn free(what: String, nick: &Nick) -> String {
    tr!("{what}; {nick} is free", what, nick)
}

/// A clause with when to try again and what the server adds, if it has said so.
fn detailed(mut what: String, retry_ms: Option<u32>, detail: Option<&Note>) -> String {
    if let Some(retry_ms) = retry_ms {
        what = tr!(
            "{what}; try again in {time}",
            what,
            time = units::wait(Duration::from_millis(retry_ms.into()))
        );
    }
    moderation::explained(what, detail)
}

/// That the server said goodbye, and why, as a sentence.
pub(crate) fn said_goodbye(goodbye: &Goodbye) -> String {
    tr!("the server ended the connection: {why}", why = self::goodbye(goodbye))
}

/// Why a connection was turned away before it was encrypted. A text of the other side's choice is
/// not shown: nobody knows who has written it.
pub(crate) fn turned_away(goodbye: &Goodbye) -> String {
    let why =
        detailed(limited(code(goodbye.code), goodbye.limit, goodbye.code), goodbye.retry_ms, None);
    tr!("it was refused without encryption, so this may not be the server's word: {why}", why)
}

/// Why the server said goodbye; for a version, which side is older.
pub(crate) fn goodbye(goodbye: &Goodbye) -> String {
    use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
    let mut text = code(goodbye.code);
    if goodbye.code == Code::VERSION {
        text = match (goodbye.version_min, goodbye.version_max) {
            (Some(min), _) if min > VERSION_MAX => {
                tr!(
                    "this program is older than the server: it speaks version {ours}, the server \
                     {theirs} or later",
                    ours = VERSION_MAX,
                    theirs = min,
                )
            }
            (_, Some(max)) if max < VERSION_MIN => {
                tr!(
                    "the server is older than this program: it speaks version {theirs}, this \
                     program {ours} or later",
                    theirs = max,
                    ours = VERSION_MIN,
                )
            }
            _ => text,
        };
    }
    if goodbye.code == Code::NOT_ENCRYPTED {
        text = tr!("{what}; leave out --no-tls", what = text);
    }
    detailed(limited(text, goodbye.limit, goodbye.code), goodbye.retry_ms, goodbye.detail.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    #[test]
    fn refusals_carry_the_number() {
        let mut refused = Refused {
            limit: Some(1000),
            detail: Some(Note::lossy("ask the admin")),
            ..Refused::new(Code::FILE_TOO_LARGE, 0x10)
        };
        let text = refusal(&refused);
        assert!(text.contains("1000 bytes") && text.ends_with(": ask the admin"), "{text}");
        let detail = Note::new("20 KiB at once, then 1 KiB in 1 s").ok();
        let (limit, retry_ms) = (Some(20_480), Some(3_480_000));
        let slow = Refused { limit, retry_ms, detail, ..Refused::new(Code::TOO_MUCH_SENT, 0x10) };
        let text = refusal(&slow);
        let expected = " (the limit is 20.0 KiB); try again in 58 min: 20 KiB at once, then";
        assert!(text.contains(expected), "{text}");
        for minutes in [58, 28] {
            let text = refusal_for_now(&slow, Duration::from_secs(60 * minutes));
            assert!(text.contains(&format!("; it continues in {minutes} min: ")), "{text}");
        }
        refused.code = Code::NICK_TAKEN;
        refused.suggestion = Some(nick("ada2"));
        assert!(refusal(&refused).contains("ada2 is free"));
    }

    #[test]
    fn a_refusal_without_encryption_is_told_as_one() {
        let goodbye = Goodbye {
            limit: Some(4),
            retry_ms: Some(10_000),
            detail: Some(Note::lossy("leave out the key")),
            ..Goodbye::new(Code::TOO_MANY_FROM_ADDRESS)
        };
        let expected = "it was refused without encryption, so this may not be the server's word: \
                        too many connections come from this address (the limit is 4); try again \
                        in 10 s";
        assert_eq!(turned_away(&goodbye), expected);
    }

    #[test]
    fn a_version_goodbye_says_which_side_is_older() {
        let with = |min, max| {
            goodbye(&Goodbye {
                version_min: Some(min),
                version_max: Some(max),
                ..Goodbye::new(Code::VERSION)
            })
        };
        assert!(with(2, 3).starts_with("this program is older"));
        assert!(with(0, 0).starts_with("the server is older"));
    }
}
