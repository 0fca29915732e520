//! What is to be shown, in the order in which it happened, and how bad the worst of it was. Owns
//! the queue between those who tell and the view that shows.

use std::collections::VecDeque;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::text::Nick;
use chatshelf_common::web_link::ItemLink;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Told};

use crate::command::{Copied, Notify};
use crate::session::When;

/// Something to be shown. Its text is not yet made harmless for a terminal: some of it came from
/// others.
#[derive(Debug)]
pub(crate) enum News {
    /// We are in the room, under this nick, for the first time.
    Joined(Nick),
    /// The nick was refused; give another to [`super::App::rejoin`].
    NickRefused {
        /// A sentence that says so.
        text: String,
        /// A nick that was free a moment ago.
        suggestion: Option<Nick>,
    },
    /// The server has shown this key, which is unknown; answer by [`super::App::accept_key`] or
    /// [`super::App::refuse_key`].
    KeyUnknown(Fingerprint),
    /// A password is wanted; [`super::App::give_password`] takes it.
    PasswordWanted {
        /// A sentence that says why.
        text: String,
        /// It is the room's: nothing else can be done before it is verified.
        is_rooms: bool,
    },
    /// Something happened in the room.
    Room(Event),
    /// Something happened of which nothing is shown.
    Quietly,
    /// A private message, to us or from us.
    Told(Told),
    /// What follows, up to [`News::Now`], happened before; in words, and when.
    Before(String, When),
    /// What follows is live again.
    Now,
    /// A line about the room or ourselves.
    Notice(String),
    /// Something that was asked for has to wait, and why: for scripts, too.
    Waits(String),
    /// A transfer starts, waits or resumes: a line for a view without progress bars.
    Underway(String),
    /// Something that was asked for did not work.
    Failure(String),
    /// Where browsers find a file that was asked for.
    Link {
        /// The file.
        item: Item,
        /// Its links.
        link: ItemLink,
    },
    /// A command asked to see this.
    Answer(Answer),
}

/// What a view shows of its own knowledge, or of the session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Who is here.
    Members,
    /// The topic.
    Topic,
    /// What is on the shelf.
    Shelf,
    /// Who is banned.
    Bans,
    /// What of ours is not delivered yet.
    Waiting,
    /// What the server has done, and what this connection sees of it.
    Stats,
    /// The commands.
    Help,
    /// Nothing of what was shown before.
    Clear,
    /// Whose the mouse is from now on; `None` asks.
    Mouse(Option<bool>),
    /// That this is on the clipboard.
    Copy(Copied),
    /// What rings the bell from now on; `None` asks.
    Notify(Option<Notify>),
}

impl Answer {
    /// True for what the server may have changed since the connection broke.
    pub(super) fn is_of_the_room(self) -> bool {
        matches!(self, Self::Members | Self::Topic | Self::Shelf)
    }
}

/// The worst that was told of what was asked for, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worst {
    /// All of it worked.
    #[default]
    Nothing,
    /// The server refused some of it, or does not have it.
    Refused,
    /// Some of it failed.
    Failed,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct NewsQueue {
    queue: VecDeque<News>,
    worst: Worst,
}

impl NewsQueue {
    /// The next to be shown.
    pub(super) fn pop(&mut self) -> Option<News> {
        self.queue.pop_front()
    }

    pub(super) fn push(&mut self, news: News) {
        self.queue.push_back(news);
    }

    /// Adds a line about the room or ourselves.
    pub(super) fn notice(&mut self, text: impl Into<String>) {
        self.push(News::Notice(text.into()));
    }

    /// Adds that something asked for did not work.
    pub(super) fn failure(&mut self, text: impl Into<String>) {
        self.push(News::Failure(text.into()));
        self.worst = self.worst.max(Worst::Failed);
    }

    /// Adds that the server refuses something asked for, or does not have it.
    pub(super) fn refusal(&mut self, text: impl Into<String>) {
        self.push(News::Failure(text.into()));
        self.worst = self.worst.max(Worst::Refused);
    }

    /// The worst that was told so far, shown or not.
    pub(super) fn worst(&self) -> Worst {
        self.worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_come_out_in_their_order_and_the_worst_is_remembered() {
        let mut news = NewsQueue::default();
        news.notice("one");
        assert_eq!(news.worst(), Worst::Nothing);
        news.failure("two");
        news.refusal("three");
        let texts: Vec<String> = std::iter::from_fn(|| news.pop())
            .map(|news| match news {
                News::Notice(text) | News::Failure(text) => text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, ["one", "two", "three"]);
        assert_eq!(news.worst(), Worst::Failed, "a refusal after it is no better");
    }
}
