//! Half sentences that every front says alike: codes, refusals, goodbyes, what an event was. Pure
//! functions; what came from others is still as it came.

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Goodbye, Item, Refused, Style};
use chatshelf_common::wire::{Code, Event};

use crate::app::moderation;
use crate::session::{PendingCommand, Room, Session};
use crate::units::{count, size};

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
    let more = format!("and {} more (/who)", here - names.len());
    if names.len() < here {
        names.push(&more);
    }
    format!("{here} here: {}", names.join(", "))
}

/// What the user may rely on: an encrypted connection is always to a server whose key was verified.
pub(crate) fn encryption(is_encrypted: bool) -> &'static str {
    if is_encrypted { "encrypted, verified" } else { "not encrypted" }
}

/// What to know before saying whether a server's key is the right one.
pub(crate) fn key_question(server: &str, key: Fingerprint) -> [String; 3] {
    [
        format!("You have not been to {server} before. Its key has the fingerprint"),
        key.to_string(),
        "Whoever runs the server can see the right one in its first lines. Is it the same?".into(),
    ]
}

/// What is on the shelf, oldest first.
pub(crate) fn shelf(room: &Room) -> Vec<String> {
    if room.shelf().is_empty() {
        return vec!["the shelf is empty".to_owned()];
    }
    let files = count(room.shelf().len(), "file", "files");
    let mut lines = vec![format!("on the shelf: {files}")];
    lines.extend(room.shelf().iter().map(|item| {
        let Item { id, name, size: bytes, nick, digest, .. } = item;
        format!("   {id}  {name}  {}  {nick}  {digest:.16}", size(*bytes))
    }));
    lines
}

/// The topic, with who set it.
pub(crate) fn topic(room: &Room) -> String {
    match room.topic() {
        Some(state) => format!("topic: {} (by {})", state.topic, state.nick),
        None => "there is no topic".to_owned(),
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
        return vec!["all that you have said is delivered".to_owned()];
    }
    let mut told = vec![format!("not delivered yet: {}", count(lines, "line", "lines"))];
    told.extend(session.pending_commands().take(WAITING_NAMED_MAX).map(|(command, is_sent)| {
        let state = match is_sent {
            true => "sent, no receipt",
            false if session.is_joined() => "waits its turn",
            false => "kept",
        };
        format!("   {}  ({state})", typed(command))
    }));
    if lines > WAITING_NAMED_MAX {
        told.push(format!("   and {} more", lines - WAITING_NAMED_MAX));
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
        Event::Joined(joined) => format!("{} joined", joined.nick),
        Event::Left(left) if left.code == Code::LEFT => format!("{} left", left.nick),
        Event::Left(left) => format!("{} left: {}", left.nick, code(left.code)),
        Event::Renamed(renamed) => format!("{} is now {}", renamed.nick, renamed.to),
        Event::TopicChanged(change) => match &change.topic {
            Some(topic) => format!("{} set the topic: {topic}", change.nick),
            None => format!("{} cleared the topic", change.nick),
        },
        Event::Shelved(shelved) => {
            let Item { id: item, name, size: bytes, nick, .. } = &shelved.item;
            let size = size(*bytes);
            format!("{nick} put {name} on the shelf (number {item}, {size})")
        }
        Event::Dropped(dropped) => {
            let (item, name) = (dropped.item, &dropped.name);
            match &dropped.nick {
                Some(nick) => format!("{nick} took {name} (number {item}) off the shelf"),
                None => format!("{name} (number {item}) dropped from the shelf"),
            }
        }
        Event::Moderated(it) => moderation::told(it),
        Event::Forgotten(_) => "an event is lost from the server's disk here".to_owned(),
    }
}

/// A code as half a sentence; one that is not known with its number.
pub(crate) fn code(code: Code) -> String {
    let known = chatshelf_common::wire::code::CODES.iter().any(|(known, _)| *known == code);
    if known { code.to_string() } else { format!("{code} (code {})", code.0) }
}

/// Why something was refused, with the limit and what the server adds.
pub(crate) fn refusal(refused: &Refused) -> String {
    let mut text = code(refused.code);
    match (refused.limit, refused.code) {
        (Some(limit), Code::FILE_TOO_LARGE) => {
            text.push_str(&format!(" (the limit is {}, {limit} bytes)", size(limit)));
        }
        (Some(limit), Code::TEXT_TOO_LONG) => {
            text.push_str(&format!(" (the limit is {limit} bytes)"));
        }
        (Some(limit), _) => text.push_str(&format!(" (the limit is {limit})")),
        (None, _) => {}
    }
    if let Some(nick) = &refused.suggestion {
        text.push_str(&format!("; {nick} is free"));
    }
    text.push_str(&retry(refused.retry_ms));
    if let Some(detail) = &refused.detail {
        text.push_str(&format!(": {detail}"));
    }
    text
}

/// When to try again, if the server has said so.
fn retry(retry_ms: Option<u32>) -> String {
    let seconds = retry_ms.map(|ms| ms.div_ceil(1000));
    seconds.map_or(String::new(), |seconds| format!("; try again in {seconds} s"))
}

/// That the server said goodbye, and why, as a sentence.
pub(crate) fn said_goodbye(goodbye: &Goodbye) -> String {
    format!("the server said goodbye: {}", self::goodbye(goodbye))
}

/// Why the server said goodbye; for a version, which side is older.
pub(crate) fn goodbye(goodbye: &Goodbye) -> String {
    use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
    let mut text = code(goodbye.code);
    if goodbye.code == Code::VERSION {
        text = match (goodbye.version_min, goodbye.version_max) {
            (Some(min), _) if min > VERSION_MAX => {
                format!(
                    "this program is older than the server: it speaks version {VERSION_MAX}, the server {min} or later"
                )
            }
            (_, Some(max)) if max < VERSION_MIN => {
                format!(
                    "the server is older than this program: it speaks version {max}, this program {VERSION_MIN} or later"
                )
            }
            _ => text,
        };
    }
    if goodbye.code == Code::NOT_ENCRYPTED {
        text.push_str("; leave out --no-tls");
    }
    if let Some(limit) = goodbye.limit {
        text.push_str(&format!(" (the limit is {limit})"));
    }
    text.push_str(&retry(goodbye.retry_ms));
    if let Some(detail) = &goodbye.detail {
        text.push_str(&format!(": {detail}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use chatshelf_common::text::Note;

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
        refused.code = Code::NICK_TAKEN;
        refused.suggestion = Some(nick("ada2"));
        assert!(refusal(&refused).contains("ada2 is free"));
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
