//! What operators do, in sentences that every front says alike. Pure functions; what came from
//! others is still as it came.

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{ACTIONS, Action, BanEntry, Moderate, Moderated};

use crate::lang::{because, tr};

/// An action's name in JSON: `lock_topic`; one that is not known is its number.
pub(crate) fn action_name(action: Action) -> String {
    let known = ACTIONS.iter().find(|(known, _)| *known == action);
    known.map_or_else(|| action.0.to_string(), |(_, name)| name.to_lowercase())
}

/// The text of a redacted line.
pub(crate) const REDACTED: &str = "[redacted]";

/// A text as it is shown: of a redacted one, spaces are left.
pub(crate) fn readable(text: &str) -> &str {
    let trimmed = text.trim_end();
    if trimmed == REDACTED { trimmed } else { text }
}

/// The same for people: a redacted line says so in their language.
pub(crate) fn displayed(text: &str) -> &str {
    match readable(text) {
        REDACTED => tr!("[redacted]"),
        text => text,
    }
}

/// What an operator did, as a sentence.
pub(crate) fn told(it: &Moderated) -> String {
    let nick = &it.nick;
    let whom = it.to.as_ref().map_or(tr!("an address"), |to| to.as_str());
    let text = match it.action {
        Action::OP => tr!("{nick} is an operator now", nick),
        Action::KICK => tr!("{nick} put {whom} out of the room", nick, whom),
        Action::BAN => match it.until {
            Some(until) => {
                tr!("{nick} banned {whom} for {time}", nick, whom, time = lasting(it.at, until))
            }
            None => tr!("{nick} banned {whom}", nick, whom),
        },
        Action::UNBAN => tr!("{nick} ended the ban of {whom}", nick, whom),
        Action::REDACT => tr!("{nick} redacted a line", nick),
        Action::LOCK_TOPIC => tr!("{nick} locked the topic", nick),
        Action::UNLOCK_TOPIC => tr!("{nick} unlocked the topic", nick),
        Action(other) => {
            tr!("{nick} used an operator's right that is new here ({other})", nick, other)
        }
    };
    explained(text, it.reason.as_ref())
}

/// A clause with the reason that was given for it, if one was.
pub(super) fn explained(text: String, reason: Option<&Note>) -> String {
    match reason {
        Some(reason) => because(text, reason),
        None => text,
    }
}

/// What an operator asked for, as it could have been typed.
pub(crate) fn typed(order: &Moderate) -> String {
    let to = order.to.as_ref().map_or("", |to| to.as_str());
    match order.action {
        Action::KICK => format!("/kick {to}"),
        Action::BAN => match order.address {
            Some(address) => format!("/ban {}", address.to_canonical()),
            None => format!("/ban {to}"),
        },
        Action::UNBAN => format!("/unban {}", order.ban.map_or(0, |ban| ban.0)),
        Action::REDACT => format!("/redact #{}", order.line.map_or(0, |line| line.0)),
        Action::LOCK_TOPIC => "/lock topic".to_owned(),
        Action::UNLOCK_TOPIC => "/unlock topic".to_owned(),
        other => format!("action {}", other.0),
    }
}

/// The bans, a line each, oldest first.
pub(crate) fn bans(bans: &[BanEntry], now: UnixMillis) -> Vec<String> {
    if bans.is_empty() {
        return vec![tr!("nobody is banned").to_owned()];
    }
    let mut lines = vec![tr!("{n} ban", "{n} bans", n = bans.len())];
    lines.extend(bans.iter().map(|it| format!("   {}", ban(it, now))));
    lines
}

/// A ban: number, whom, for how long, by whom, why.
pub(crate) fn ban(it: &BanEntry, now: UnixMillis) -> String {
    let address = it.address.map(|address| address.to_canonical().to_string());
    let of = [it.to.as_ref().map(ToString::to_string), address];
    let of = of.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let lasts = match it.until {
        Some(until) => {
            tr!("{time} more, by {nick}", time = lasting(now, until), nick = it.nick)
        }
        None => tr!("for good, by {nick}", nick = it.nick),
    };
    format!("{}  {of}  {}", it.ban, explained(lasts, it.reason.as_ref()))
}

/// How long it is from one moment to another, in the largest unit that is exact enough.
pub(crate) fn lasting(from: UnixMillis, until: UnixMillis) -> String {
    let seconds = until.0.saturating_sub(from.0).div_ceil(1000);
    match seconds {
        0..120 => tr!("{n} second", "{n} seconds", n = seconds),
        120..7_200 => tr!("{n} minute", "{n} minutes", n = seconds.div_ceil(60)),
        7_200..172_800 => tr!("{n} hour", "{n} hours", n = seconds.div_ceil(3_600)),
        _ => tr!("{n} day", "{n} days", n = seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Seq;
    use chatshelf_common::text::Nick;

    use super::*;

    #[test]
    fn every_action_is_a_sentence_of_its_own() {
        let nick = |name| Nick::new(name).unwrap();
        let of = |action| Moderated {
            to: Some(nick("bob")),
            ..Moderated::new(Seq(1), UnixMillis(5_000), nick("ada"), action)
        };
        let mut sentences: Vec<String> = ACTIONS.iter().map(|(it, _)| told(&of(*it))).collect();
        sentences.push(told(&of(Action(200))));
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), ACTIONS.len() + 1);
        let (until, reason) = (Some(UnixMillis(5_000 + 3_600_000)), Note::new("spam").ok());
        let ban = Moderated { until, reason, ..of(Action::BAN) };
        assert_eq!(told(&ban), "ada banned bob for 60 minutes: spam");
        assert_eq!(
            told(&Moderated { to: None, until: None, ..ban }),
            "ada banned an address: spam"
        );
        let names = [Action::LOCK_TOPIC, Action::UNLOCK_TOPIC].map(action_name);
        assert_eq!(names, ["lock_topic", "unlock_topic"]);
        assert_eq!(action_name(Action(200)), "200");
    }

    #[test]
    fn a_time_is_told_in_a_unit_that_suits_it() {
        let of = |seconds: u64| lasting(UnixMillis(7), UnixMillis(7 + 1000 * seconds));
        assert_eq!([of(1), of(90), of(600)], ["1 second", "90 seconds", "10 minutes"]);
        assert_eq!([of(7_200), of(604_800)], ["2 hours", "7 days"]);
    }
}
