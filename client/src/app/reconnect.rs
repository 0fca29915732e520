//! Losing the connection and coming back, as people are told it: few lines however long it takes.
//! Owns what is remembered of one absence; decides nothing about connections.

use std::time::Duration;

use chatshelf_common::id::Seq;

use super::exit::{EXIT_FAILED, Failure};
use super::format;
use super::news::NewsQueue;
use crate::lang::tr;
use crate::link::LinkError;
use crate::session::{Loss, SessionError, Unanswered};

/// Where the connection is, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is one, or the first is being made.
    #[default]
    Connected,
    /// It is given up for a new one, on request.
    Renewing,
    /// It is lost.
    Away,
    /// The same, and it was said that what is typed is kept.
    Keeping,
}

impl Stage {
    fn may_become(self, next: Self) -> bool {
        match next {
            Self::Connected | Self::Away => true,
            Self::Renewing => self == Self::Connected,
            Self::Keeping => self == Self::Away,
        }
    }
}

/// One absence.
#[derive(Debug, Default)]
pub(super) struct Reconnection(Stage);

impl Reconnection {
    fn go(&mut self, next: Stage) {
        debug_assert!(self.0.may_become(next), "{:?} to {next:?}", self.0);
        self.0 = next;
    }

    /// A new connection is asked for in place of one that stands.
    pub(super) fn renew(&mut self) {
        if self.0 == Stage::Connected {
            self.go(Stage::Renewing);
        }
    }

    /// We are back in the room.
    pub(super) fn back(&mut self) {
        self.go(Stage::Connected);
    }

    /// Something was typed without a connection: true when somebody should be told that it is kept.
    pub(super) fn keep(&mut self) -> bool {
        let is_first = self.0 == Stage::Away;
        if is_first {
            self.go(Stage::Keeping);
        }
        is_first
    }

    /// Tells that there is no connection: when it is lost, then after one attempt, two, four and so
    /// on. Whoever sits there is told how to try at once.
    pub(super) fn tell_offline(
        &mut self,
        why: &Loss,
        attempts: u32,
        retry_in: Duration,
        is_script: bool,
        news: &mut NewsQueue,
    ) {
        let s = seconds(retry_in);
        if attempts == 0 {
            let is_renewing = self.0 == Stage::Renewing;
            self.go(Stage::Away);
            if is_renewing {
                return news.notice(tr!("making a new connection"));
            }
            let text = match why {
                Loss::Goodbye(goodbye) => format::said_goodbye(goodbye),
                Loss::Link(_) | Loss::Silent { .. } | Loss::TurnedAway(_) => {
                    tr!("connection lost: {why}", why = reason(why))
                }
            };
            news.notice(match is_script {
                true => tr!("{what}; trying again in {s} s", what = text, s),
                false => {
                    tr!("{what}; trying again in {s} s (/reconnect tries now)", what = text, s)
                }
            });
        } else if attempts.is_power_of_two() {
            news.notice(tr!(
                "no connection after {n} attempt: {why}; trying again in {s} s",
                "no connection after {n} attempts: {why}; trying again in {s} s",
                n = attempts,
                why = reason(why),
                s,
            ));
        }
    }
}

/// Says that events of the room cannot be shown.
pub(super) fn missed(why: &str, from: Seq, to: Seq) -> String {
    tr!(
        "{why}: {n} event of the room cannot be shown",
        "{why}: {n} events of the room cannot be shown",
        n = to.0.saturating_sub(from.0).saturating_add(1),
        why,
    )
}

/// Says that the connection broke before the answer to a command came.
pub(super) fn unanswered(what: &Unanswered) -> String {
    let what = match what {
        Unanswered::Tell { to } => tr!("your private message to {to}", to),
        Unanswered::Rename(nick) => tr!("your request for the name {nick}", nick),
        Unanswered::Topic(_) => tr!("your topic").to_owned(),
        Unanswered::Stats => tr!("your question for statistics").to_owned(),
        Unanswered::Moderation => tr!("what you asked for as an operator").to_owned(),
    };
    tr!("{what} may not have arrived: the connection broke", what)
}

/// Says why we no longer try to come back to `server`.
pub(super) fn gave_up(why: &Loss, server: &str) -> Failure {
    match why {
        Loss::Goodbye(goodbye) => Failure::new(format::said_goodbye(goodbye), EXIT_FAILED),
        Loss::Link(_) | Loss::Silent { .. } | Loss::TurnedAway(_) => {
            Failure::lost_link(server, reason(why))
        }
    }
}

/// The reason of a loss as half a sentence.
fn reason(why: &Loss) -> String {
    match why {
        Loss::Link(why) => why.clone(),
        Loss::Goodbye(goodbye) => format::goodbye(goodbye),
        Loss::TurnedAway(goodbye) => format::turned_away(goodbye),
        Loss::Silent { seconds } => {
            LinkError::Session(SessionError::Silent { seconds: *seconds }).to_string()
        }
    }
}

/// A wait in whole seconds: one that is over at once is said to be one second.
fn seconds(wait: Duration) -> f64 {
    wait.as_secs_f64().ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::news::News;

    const WAIT: Duration = Duration::from_millis(700);

    fn told(reconnection: &mut Reconnection, attempts: u32) -> Option<String> {
        let mut news = NewsQueue::default();
        let why = Loss::Link("it broke".to_owned());
        reconnection.tell_offline(&why, attempts, WAIT, false, &mut news);
        match news.pop() {
            Some(News::Notice(text)) => Some(text),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_long_absence_is_summarised_in_a_few_lines() {
        let mut reconnection = Reconnection::default();
        let lines: Vec<String> = (0..20).filter_map(|n| told(&mut reconnection, n)).collect();
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert_eq!(
            lines[0],
            "connection lost: it broke; trying again in 1 s (/reconnect tries now)"
        );
        assert_eq!(lines[1], "no connection after 1 attempt: it broke; trying again in 1 s");
    }

    #[test]
    fn one_that_was_asked_for_is_no_loss() {
        let mut reconnection = Reconnection::default();
        reconnection.renew();
        assert_eq!(told(&mut reconnection, 0).unwrap(), "making a new connection");
        reconnection.back();
        assert!(told(&mut reconnection, 0).unwrap().starts_with("connection lost"));
    }

    #[test]
    fn it_is_said_once_in_an_absence_that_what_is_typed_is_kept() {
        let mut reconnection = Reconnection::default();
        assert!(!reconnection.keep(), "there is a connection");
        for _ in 0..2 {
            told(&mut reconnection, 0);
            assert!(reconnection.keep() && !reconnection.keep());
            reconnection.back();
        }
    }

    #[test]
    fn what_was_missed_is_counted() {
        assert_eq!(missed("away", Seq(5), Seq(5)), "away: 1 event of the room cannot be shown");
        assert!(missed("away", Seq(0), Seq(u64::MAX)).starts_with("away: 18446744073709551615 "));
    }
}
