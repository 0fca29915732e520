//! The desk: a session on its link, the file thread, and what is remembered between them for as
//! long as the program runs. What is done with them is in `commands`, `transfers` and `shutdown`.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chatshelf_common::id::ItemId;
use chatshelf_common::text::{FileName, Nick};

use super::ignoring::Ignored;
use super::patience::Patience;
use super::rate::Rate;
use super::reconnect::{Away, Backfill};
use super::shutdown::Leaving;
use super::transcript::Transcript;
use super::transfers::{Kept, Opening};
use super::{EXIT_FAILED, EXIT_UNREACHABLE, Failure, News};
use crate::command::Command;
use crate::files::{Files, Target};
use crate::link::{Link, LinkError};
use crate::session::{Reconnect, Session, TransferHandle, TransferStatus};

/// How long a script tries to come back, unless it is told otherwise.
const SCRIPT_RECONNECT: Duration = Duration::from_secs(30);
/// Paths of downloads that wait to be taken: a one-shot command takes them, others never do.
const LANDED_MAX: usize = 1000;

/// How commands are carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// In order and to the end, each waiting for those it depends on; then the program leaves, and
    /// its exit code tells whether all of it worked. Otherwise somebody sits there and sees.
    pub(crate) script: bool,
    /// One thing is asked for: the exit code tells whether it was refused.
    pub(crate) single: bool,
    /// Nobody chose the nick: if it is taken, another will do.
    pub(crate) any_nick: bool,
    /// Who joins and leaves is shown.
    pub(crate) joins: bool,
    /// How the session comes back when its connection breaks; `None` for one that then ends.
    pub(crate) reconnect: Option<Reconnect>,
}

impl Manner {
    /// Comes back for so many seconds (0: not at all), or, when it is not said how long, for ever;
    /// a script for a while.
    pub(crate) fn new(script: bool, seconds: Option<u32>) -> Self {
        let give_up_after = match seconds {
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => script.then_some(SCRIPT_RECONNECT),
        };
        let reconnect = (seconds != Some(0)).then_some(Reconnect { give_up_after });
        Self { script, single: false, any_nick: false, joins: true, reconnect }
    }

    /// The same for a script of one command.
    pub(crate) fn single(self) -> Self {
        Self { single: true, any_nick: true, ..self }
    }
}

/// What the loop works on.
pub(crate) struct Desk {
    pub(super) link: Link,
    pub(super) files: Files,
    /// `HOST:PORT` of the server.
    pub(super) place: String,
    pub(super) manner: Manner,
    /// The nick that somebody chose: that of a command may be another by now, if it was taken.
    pub(super) name: Nick,
    pub(super) download_dir: PathBuf,
    pub(super) ignored: Ignored,
    news: VecDeque<News>,
    pub(super) batch: Backfill,
    pub(super) away: Away,
    pub(super) paces: HashMap<TransferHandle, Rate>,
    pub(super) kept: HashMap<TransferHandle, Kept>,
    /// What the file thread looks for, by ticket.
    pub(super) opening: HashMap<u64, Opening>,
    pub(super) last_ticket: u64,
    /// A command that must wait.
    pub(super) held: Option<Command>,
    /// The nick was refused: another one is waited for.
    pub(super) choosing: bool,
    /// `/quit` or the end of input: leave when all is done.
    pub(super) quitting: bool,
    /// `/quit` was said once while transfers ran.
    pub(super) quit_warned: bool,
    /// Something that was asked for did not work.
    pub(super) failed: bool,
    /// Something that was asked for was refused by the server.
    pub(super) refused: bool,
    /// We were in the room.
    pub(super) arrived: bool,
    /// Nicks that were refused before we were.
    pub(super) nicks_refused: u32,
    /// Where downloads have gone, until somebody takes that.
    landed: VecDeque<PathBuf>,
    /// Our uploads that were put on the shelf, the latest.
    pub(super) uploaded: VecDeque<(ItemId, FileName)>,
    /// What was said, to be searched.
    pub(super) transcript: Transcript,
    pub(super) leaving: Option<Leaving>,
    pub(super) patience: Patience,
    pub(super) end: Option<Result<u8, Failure>>,
}

impl Desk {
    pub(super) fn new(
        link: Link,
        files: Files,
        place: String,
        download_dir: PathBuf,
        manner: Manner,
    ) -> Self {
        let name = link.session().nick().clone();
        Self {
            link,
            name,
            files,
            place,
            manner,
            download_dir,
            ignored: Ignored::default(),
            news: VecDeque::new(),
            batch: Backfill::default(),
            away: Away::default(),
            paces: HashMap::new(),
            kept: HashMap::new(),
            opening: HashMap::new(),
            last_ticket: 0,
            held: None,
            choosing: false,
            quitting: false,
            quit_warned: false,
            failed: false,
            refused: false,
            arrived: false,
            nicks_refused: 0,
            landed: VecDeque::new(),
            uploaded: VecDeque::new(),
            transcript: Transcript::default(),
            leaving: None,
            patience: Patience::default(),
            end: None,
        }
    }

    /// The session, to look at.
    pub(crate) fn session(&self) -> &Session {
        self.link.session()
    }

    pub(super) fn session_mut(&mut self) -> &mut Session {
        self.link.session_mut()
    }

    /// `HOST:PORT` of the server.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Measures the lag anew.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.session_mut().probe(now);
    }

    /// Running and queued transfers, those under way with their pace.
    pub(crate) fn transfers(&self) -> impl Iterator<Item = (TransferStatus, Option<&Rate>)> {
        let pace = |status: &TransferStatus| self.paces.get(&status.transfer);
        self.session().transfers().map(move |status| {
            let pace = pace(&status);
            (status, pace)
        })
    }

    /// Asks for another nick, after [`News::NickRefused`].
    pub(crate) fn rejoin(&mut self, nick: Nick) {
        self.choosing = false;
        self.session_mut().rejoin(nick);
    }

    /// The next thing to be shown.
    pub(super) fn poll_news(&mut self, now: Instant) -> Option<News> {
        self.collect(now);
        self.news.pop_front()
    }

    /// Adds something to be shown, behind what the session has told by now.
    pub(super) fn tell(&mut self, news: News, now: Instant) {
        self.collect(now);
        self.news.push_back(news);
    }

    /// Adds something that the session is telling just now.
    pub(super) fn push(&mut self, news: News) {
        self.news.push_back(news);
    }

    /// Adds a line about the room or ourselves.
    pub(super) fn notice(&mut self, text: impl Into<String>) {
        self.news.push_back(News::Notice(text.into()));
    }

    /// Adds that something asked for did not work, and remembers it for the exit code.
    pub(super) fn failure(&mut self, text: impl Into<String>) {
        self.failed = true;
        self.news.push_back(News::Failure(text.into()));
    }

    /// Adds that something asked for is not to be had of the server, and remembers it for the exit
    /// code.
    pub(crate) fn refusal(&mut self, text: impl Into<String>) {
        self.refused = true;
        self.news.push_back(News::Failure(text.into()));
    }

    /// Where downloads go for which no place is named.
    pub(crate) fn downloads(&self) -> Target {
        Target::Directory(self.download_dir.clone())
    }

    /// Where downloads have gone since this was asked last.
    pub(crate) fn take_landed(&mut self) -> VecDeque<PathBuf> {
        std::mem::take(&mut self.landed)
    }

    /// Remembers where a download has gone, as long as the last [`LANDED_MAX`] are not taken.
    pub(super) fn landed(&mut self, path: PathBuf) {
        self.landed.push_back(path);
        if self.landed.len() > LANDED_MAX {
            self.landed.pop_front();
        }
    }

    /// Adds that what a front was told did not work: a line that is no command, say.
    pub(crate) fn fail(&mut self, text: impl Into<String>, now: Instant) {
        self.collect(now);
        self.failure(text);
    }

    /// The run is over, unless it is already.
    pub(super) fn finish(&mut self, end: Result<u8, Failure>) {
        self.end.get_or_insert(end);
    }

    /// The run is over, and badly.
    pub(crate) fn give_up(&mut self, failure: Failure) {
        self.finish(Err(failure));
    }

    /// Looks how serving the link went.
    pub(super) fn check_link(&mut self, result: Result<(), LinkError>) {
        let Err(error) = result else { return };
        if let Some(code) = self.leaving_code() {
            log::info!("while leaving: {error}");
            return self.finish(Ok(code));
        }
        let place = &self.place;
        let failure = match &error {
            LinkError::Connect(_) => {
                Failure::new(format!("cannot connect to {place}: {error}"), EXIT_UNREACHABLE)
            }
            _ => Failure::new(format!("lost the connection to {place}: {error}"), EXIT_FAILED),
        };
        self.finish(Err(failure));
    }

    /// All has been done that will be: tells what is left to tell.
    pub(super) fn close(&mut self) {
        self.collect(Instant::now());
        self.flush_batch();
        self.say_what_is_lost();
    }
}
