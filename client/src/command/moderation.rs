//! What stands behind the commands of operators, read into the types that the room takes. Pure.

use std::net::{IpAddr, Ipv6Addr};

use chatshelf_common::id::{BanId, Seq};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::frame::{Action, Moderate};
use jiff::{Span, SpanRelativeTo};

use super::arguments::member;
use super::{Command, CommandError, LineRef};

/// `NAME [REASON]`.
pub(super) fn kick(rest: &str) -> Option<Command> {
    let (name, reason) = first_word(rest);
    let to = Some(nick(name)?);
    let order = Moderate { to, reason: note(reason), ..Moderate::new(Action::KICK) };
    Some(Command::Moderate(order))
}

/// `NAME|ADDRESS [TIME] [REASON]`; a time is a number with its unit, such as `30m` or `7d`. What
/// looks like a time must be one: a ban for good is no reading of a slip.
pub(super) fn ban(rest: &str) -> Result<Option<Command>, CommandError> {
    let (whom, rest) = first_word(rest);
    if whom.is_empty() {
        return Ok(None);
    }
    let (word, behind) = first_word(rest);
    let (seconds, reason) = match looks_like_time(word) {
        true => (Some(seconds(word).ok_or(CommandError::BanTime(word.into()))?), behind),
        false => (None, rest),
    };
    let order = Moderate { seconds, reason: note(reason), ..Moderate::new(Action::BAN) };
    Ok(Some(Command::Moderate(match whom.parse::<IpAddr>() {
        Ok(address) => Moderate { address: Some(as_ipv6(address)), ..order },
        Err(_) => Moderate { to: Some(name_to_ban(whom)?), ..order },
    })))
}

fn name_to_ban(whom: &str) -> Result<Nick, CommandError> {
    member(whom).map_err(|why| match looks_like_address(whom) {
        true => CommandError::BanAddress(whom.into()),
        false => why,
    })
}

/// True for what is unlikely to be meant as a name: `10.77.0.300`, `2001:db8::/32`, `fe80::1%eth0`.
pub(crate) fn looks_like_address(whom: &str) -> bool {
    let head = whom.trim_start_matches('[').split(['/', '%', ']']).next().unwrap_or_default();
    let of_ipv6 = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let of_ipv4 = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '*');
    (head.contains(':') && head.chars().all(of_ipv6))
        || (head.contains('.') && head.chars().all(of_ipv4))
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

/// True for a word that begins as a time does: with a number, a sign before it, or as `P1D`.
fn looks_like_time(word: &str) -> bool {
    let unsigned = word.trim_start_matches(['+', '-', '\u{2212}', '.', ',']);
    let number = match unsigned.strip_prefix(['P', 'p']) {
        Some(iso) => iso.trim_start_matches(['T', 't']),
        None => unsigned,
    };
    number.starts_with(char::is_numeric)
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
            let it = order(ban(rest).unwrap());
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
        assert_eq!(of("bob 1d12h 3 strikes"), ("bob".into(), Some(129_600), "3 strikes".into()));
        assert_eq!(of("bob please stop"), ("bob".into(), None, "please stop".into()));
        assert_eq!(of("1984"), ("1984".into(), None, String::new()));
        assert_eq!(ban(""), Ok(None));
        assert!(matches!(ban("a/b"), Err(CommandError::Nick(_))));
    }

    #[test]
    fn what_looks_like_a_time_and_is_none_is_no_reason() {
        for word in [
            "1y",
            "2mo",
            "0m",
            "0.5s",
            "90",
            "30M",
            "50000d",
            "P1D",
            "pt5m",
            "-1h",
            "+1h",
            ".5h",
            "\u{2212}1h",
            "\u{ff13}0m",
            "30分钟",
            "2nd",
            "1h30",
            "30m,",
            "99999999999999999999d",
        ] {
            for rest in [format!("bob {word}"), format!("bob  {word} spam")] {
                assert_eq!(ban(&rest), Err(CommandError::BanTime(word.into())), "{rest}");
            }
        }
        for rest in ["bob 30 m", "bob 3 warnings ignored"] {
            assert!(matches!(ban(rest), Err(CommandError::BanTime(_))), "{rest}");
        }
        let why = ban("bob 90").unwrap_err().to_string();
        assert!(why.starts_with("not banned: 90 is not a time such as 30m"), "{why}");
    }

    #[test]
    fn what_looks_like_an_address_and_is_none_is_no_name() {
        for whom in [
            "10.77.0.0/24",
            "2001:db8::/32",
            "fe80::1%eth0",
            "[2001:db8::1]",
            "10.0.0.7:9000",
            "2001:db8::12345",
            "::",
            "1:2",
            "10.77.0.*",
        ] {
            let is_address = whom.parse::<IpAddr>().is_ok();
            let refused = Err(CommandError::BanAddress(whom.into()));
            assert!(is_address || ban(whom) == refused, "{whom}");
        }
        // These could be names, if somebody has them.
        for whom in ["10.77.0.300", "10.77.0", "1.2.3", "010.077.000.003", "10.0.0.1-10.0.0.9"] {
            assert!(looks_like_address(whom) && order(ban(whom).unwrap()).to.is_some(), "{whom}");
        }
        for whom in ["bob", "a.b", "1984", "bad.cafe", "7up", "v1.2"] {
            assert!(!looks_like_address(whom), "{whom}");
        }
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
