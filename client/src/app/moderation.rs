//! What operators do, in sentences that every front says alike. Pure functions; what came from
//! others is still as it came.

use chatshelf_common::id::UnixMillis;
use chatshelf_common::wire::frame::{ACTIONS, Action, BanEntry, Moderate, Moderated};

use crate::units::count;

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

/// What an operator did, as a sentence.
pub(crate) fn told(it: &Moderated) -> String {
    let nick = &it.nick;
    let whom = it.to.as_ref().map_or("an address", |to| to.as_str());
    let mut text = match it.action {
        Action::OP => format!("{nick} is an operator now"),
        Action::KICK => format!("{nick} put {whom} out of the room"),
        Action::BAN => match it.until {
            Some(until) => format!("{nick} banned {whom} for {}", lasting(it.at, until)),
            None => format!("{nick} banned {whom}"),
        },
        Action::UNBAN => format!("{nick} ended the ban of {whom}"),
        Action::REDACT => format!("{nick} redacted a line"),
        Action::LOCK_TOPIC => format!("{nick} locked the topic"),
        Action::UNLOCK_TOPIC => format!("{nick} unlocked the topic"),
        other => format!("{nick} used an operator's right that is new here ({})", other.0),
    };
    if let Some(reason) = &it.reason {
        text.push_str(&format!(": {reason}"));
    }
    text
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
        return vec!["nobody is banned".to_owned()];
    }
    let mut lines = vec![count(bans.len(), "ban", "bans")];
    lines.extend(bans.iter().map(|it| format!("   {}", ban(it, now))));
    lines
}

/// A ban: number, whom, for how long, by whom, why.
pub(crate) fn ban(it: &BanEntry, now: UnixMillis) -> String {
    let address = it.address.map(|address| address.to_canonical().to_string());
    let of = [it.to.as_ref().map(ToString::to_string), address];
    let of = of.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let lasts = match it.until {
        Some(until) => format!("{} more", lasting(now, until)),
        None => "for good".to_owned(),
    };
    let reason = it.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!("{}  {of}  {lasts}, by {}{reason}", it.ban, it.nick)
}

/// How long it is from one moment to another, in the largest unit that is exact enough.
pub(crate) fn lasting(from: UnixMillis, until: UnixMillis) -> String {
    let seconds = until.0.saturating_sub(from.0).div_ceil(1000);
    match seconds {
        0..120 => count(seconds as usize, "second", "seconds"),
        120..7_200 => count(seconds.div_ceil(60) as usize, "minute", "minutes"),
        7_200..172_800 => count(seconds.div_ceil(3_600) as usize, "hour", "hours"),
        _ => count(seconds.div_ceil(86_400) as usize, "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Seq;
    use chatshelf_common::text::{Nick, Note};

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
