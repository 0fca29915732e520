//! What of the room is shown: not what ignored members say and do, and joins and leaves only if
//! they are wanted. Owns these two settings.

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;

use super::ignoring::{IGNORED_MAX, Ignored};
use crate::lang::tr;

/// The settings.
#[derive(Debug)]
pub(super) struct Filter {
    ignored: Ignored,
    joins: Joins,
}

/// Which joins and leaves are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    /// None.
    Hidden,
    /// Those of members who come to talk.
    Shown,
    /// Those of one-shot commands too: the view chooses.
    All,
}

impl Joins {
    /// As it is written on the command line or at the prompt.
    pub(super) fn shown(on: bool) -> Self {
        if on { Self::Shown } else { Self::Hidden }
    }
}

impl Filter {
    pub(super) fn new(ignored: Vec<Nick>, joins: Joins) -> Self {
        Self { ignored: Ignored::new(ignored), joins }
    }

    /// True for an event that is shown to us, who go by `us`.
    pub(super) fn shows(&self, event: &Event, us: &Nick) -> bool {
        let is_passage = matches!(event, Event::Joined(_) | Event::Left(_));
        let is_hidden = match self.joins {
            Joins::All => false,
            Joins::Shown => is_passage && event.is_quiet(),
            Joins::Hidden => is_passage,
        };
        !is_hidden && !actor(event).is_some_and(|nick| self.ignores(nick, us))
    }

    /// True for somebody whose words are not shown. Nobody ignores themselves.
    pub(super) fn ignores(&self, nick: &Nick, us: &Nick) -> bool {
        self.ignored.holds(nick) && !is_same(nick, us)
    }

    /// Follows who goes by which nick from here on.
    pub(super) fn note(&mut self, event: &Event) {
        self.ignored.note(event);
    }

    /// `/joins`: sets it, or only asks; the answer.
    pub(super) fn joins(&mut self, on: Option<bool>) -> String {
        if let Some(on) = on {
            self.joins = Joins::shown(on);
        }
        match self.joins {
            Joins::Hidden => tr!("joins and leaves are hidden").to_owned(),
            Joins::Shown | Joins::All => tr!("joins and leaves are shown").to_owned(),
        }
    }

    /// `/ignore` alone: who is ignored.
    pub(super) fn ignored(&self) -> String {
        match self.ignored.names() {
            names if names.is_empty() => tr!("nobody is ignored").to_owned(),
            names => tr!("ignored: {names}", names),
        }
    }

    /// `/ignore`: the answer.
    ///
    /// # Errors
    /// When it is our own name, or too many are ignored already.
    pub(super) fn ignore(&mut self, nick: Nick, us: &Nick) -> Result<String, String> {
        if is_same(&nick, us) {
            return Err(tr!("that is your own name").to_owned());
        }
        let name = nick.to_string();
        if self.ignored.add(nick) {
            Ok(tr!("{name} is ignored until you leave; /unignore {name} ends that", name))
        } else {
            Err(tr!("no more than {max} names can be ignored", max = IGNORED_MAX))
        }
    }

    /// `/unignore`: the answer.
    ///
    /// # Errors
    /// When that member is not ignored.
    pub(super) fn unignore(&mut self, nick: &Nick) -> Result<String, String> {
        if self.ignored.remove(nick) {
            Ok(tr!("{nick} is shown again", nick))
        } else {
            Err(tr!("{nick} is not ignored", nick))
        }
    }
}

/// Who did it.
fn actor(event: &Event) -> Option<&Nick> {
    match event {
        Event::Said(said) => Some(&said.nick),
        Event::Joined(joined) => Some(&joined.nick),
        Event::Left(left) => Some(&left.nick),
        Event::Renamed(renamed) => Some(&renamed.nick),
        Event::TopicChanged(change) => Some(&change.nick),
        Event::Shelved(shelved) => Some(&shelved.item.nick),
        Event::Dropped(dropped) => dropped.nick.as_ref(),
        Event::Moderated(it) => Some(&it.nick),
        Event::Forgotten(_) => None,
    }
}

fn is_same(one: &Nick, other: &Nick) -> bool {
    one.key() == other.key()
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{MessageId, Seq, UnixMillis};
    use chatshelf_common::text::Message;
    use chatshelf_common::wire::frame::{Joined, Marker, Said};

    use super::*;

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    fn joined(name: &str, is_quiet: bool) -> Event {
        let quiet = is_quiet.then_some(Marker);
        Joined { seq: Seq(1), at: UnixMillis(1), nick: nick(name), quiet }.into()
    }

    fn said(name: &str) -> Event {
        let (nick, text) = (nick(name), Message::new("hello").unwrap());
        let at = UnixMillis(1);
        Said { seq: Seq(1), at, nick, id: MessageId(1), text, style: None }.into()
    }

    #[test]
    fn joins_are_shown_as_they_are_set() {
        let us = nick("ada");
        for (joins, shown) in
            [(Joins::Hidden, [false; 2]), (Joins::Shown, [true, false]), (Joins::All, [true; 2])]
        {
            let filter = Filter::new(Vec::new(), joins);
            let events = [joined("bob", false), joined("bob", true)];
            assert_eq!(events.map(|event| filter.shows(&event, &us)), shown, "{joins:?}");
            assert!(filter.shows(&said("bob"), &us));
        }
        let mut filter = Filter::new(Vec::new(), Joins::Shown);
        assert_eq!(filter.joins(None), "joins and leaves are shown");
        assert_eq!(filter.joins(Some(false)), "joins and leaves are hidden");
        assert!(!filter.shows(&joined("bob", false), &us));
    }

    #[test]
    fn what_an_ignored_member_does_is_not_shown_and_nobody_ignores_themselves() {
        let us = nick("ada");
        let mut filter = Filter::new(vec![us.clone()], Joins::All);
        assert!(filter.shows(&said("Ada"), &us), "though it was asked for at the start");
        assert_eq!(filter.ignore(nick("ADA"), &us), Err("that is your own name".to_owned()));
        filter.ignore(nick("bob"), &us).unwrap();
        assert!(!filter.shows(&said("bob"), &us) && !filter.shows(&joined("BOB", false), &us));
        assert_eq!(filter.ignored(), "ignored: ada, bob");
        filter.unignore(&nick("bob")).unwrap();
        assert!(filter.unignore(&nick("bob")).is_err());
        assert!(filter.shows(&said("bob"), &us));
    }
}
