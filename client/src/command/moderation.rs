//! What stands behind the commands of operators, read into the types that the room takes. Pure.

use std::net::{IpAddr, Ipv6Addr};

use chatshelf_common::id::{BanId, Seq};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::frame::{Action, Moderate};
use jiff::{Span, SpanRelativeTo};

use super::{Command, LineRef};

/// `NAME [REASON]`.
pub(super) fn kick(rest: &str) -> Option<Command> {
    let (name, reason) = first_word(rest);
    let to = Some(nick(name)?);
    let order = Moderate { to, reason: note(reason), ..Moderate::new(Action::KICK) };
    Some(Command::Moderate(order))
}

/// `NAME|ADDRESS [TIME] [REASON]`; a time is a number with its unit, such as `30m` or `7d`.
pub(super) fn ban(rest: &str) -> Option<Command> {
    let (whom, rest) = first_word(rest);
    let (word, behind) = first_word(rest);
    let seconds = seconds(word);
    let reason = note(if seconds.is_some() { behind } else { rest });
    let order = Moderate { seconds, reason, ..Moderate::new(Action::BAN) };
    Some(Command::Moderate(match whom.parse::<IpAddr>() {
        Ok(address) => Moderate { address: Some(as_ipv6(address)), ..order },
        Err(_) => Moderate { to: Some(nick(whom)?), ..order },
    }))
}

/// The number of a ban.
pub(super) fn unban(rest: &str) -> Option<Command> {
    let ban = Some(BanId(rest.trim_start_matches('#').parse().ok()?));
    Some(Command::Moderate(Moderate { ban, ..Moderate::new(Action::UNBAN) }))
}

/// `topic`, the only thing that can be locked.
pub(super) fn lock(rest: &str, action: Action) -> Option<Command> {
    (rest == "topic").then(|| Command::Moderate(Moderate::new(action)))
}

/// `NAME [N]` or `#SEQ`.
pub(super) fn redact(rest: &str) -> Option<Command> {
    if let Some(number) = rest.strip_prefix('#') {
        return Some(Command::Redact(LineRef::Number(Seq(number.parse().ok()?))));
    }
    let (name, nth) = first_word(rest);
    let nth = if nth.is_empty() { 1 } else { nth.parse().ok().filter(|nth| *nth > 0)? };
    Some(Command::Redact(LineRef::Of { nick: nick(name)?, nth }))
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// The name of somebody who may be here, whatever names are given today.
fn nick(name: &str) -> Option<Nick> {
    Nick::from_bytes(name.as_bytes()).ok()
}

fn note(text: &str) -> Option<Note> {
    (!text.is_empty()).then(|| Note::lossy(text))
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// How long a ban lasts. A day has 24 hours; months and years have no length.
fn seconds(word: &str) -> Option<u32> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let span: Span = word.parse().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    u32::try_from(time.as_secs()).ok().filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(command: Option<Command>) -> Moderate {
        match command {
            Some(Command::Moderate(order)) => order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_ban_is_of_a_name_or_an_address_for_a_time_and_a_reason() {
        let of = |rest| {
            let it = order(ban(rest));
            let whom = it.to.map(|to| to.to_string());
            let address = it.address.map(|address| address.to_canonical().to_string());
            let reason = it.reason.map(|reason| reason.as_str().to_owned());
            (whom.or(address).unwrap(), it.seconds, reason.unwrap_or_default())
        };
        assert_eq!(of("bob"), ("bob".into(), None, String::new()));
        assert_eq!(of("bob 30m too loud"), ("bob".into(), Some(1800), "too loud".into()));
        assert_eq!(of("bob  too loud"), ("bob".into(), None, "too loud".into()));
        assert_eq!(of("192.0.2.7 7d"), ("192.0.2.7".into(), Some(604_800), String::new()));
        assert_eq!(of("2001:db8::1 spam"), ("2001:db8::1".into(), None, "spam".into()));
        assert_eq!(of("bob 3 strikes"), ("bob".into(), None, "3 strikes".into()));
        assert!(ban("").is_none() && ban("a/b").is_none());
    }

    #[test]
    fn other_orders_name_whom_and_what() {
        let it = order(kick("bob enough now"));
        assert_eq!((it.to.unwrap().as_str(), it.reason.unwrap().as_str()), ("bob", "enough now"));
        assert_eq!(order(unban("#7")).ban, Some(BanId(7)));
        assert_eq!(order(lock("topic", Action::LOCK_TOPIC)).action, Action::LOCK_TOPIC);
        assert!(unban("bob").is_none() && lock("", Action::LOCK_TOPIC).is_none());
        let nick = Nick::new("bob").unwrap();
        let of = |nth| Some(Command::Redact(LineRef::Of { nick: nick.clone(), nth }));
        assert_eq!((redact("bob"), redact("bob 3")), (of(1), of(3)));
        assert_eq!(redact("#43"), Some(Command::Redact(LineRef::Number(Seq(43)))));
        assert!(redact("bob 0").is_none() && redact("bob x").is_none() && redact("#x").is_none());
    }
}
