//! One-shot commands: a front end that does one thing, shows the result, and leaves.
//!
//! Owns the order of that: join, ask, wait, print. `show` prints text, `json` makes objects, `grep`
//! filters, `stdin` reads standard input, `stdout_watch` notices when its reader leaves, `sink`
//! writes a download to a pipe or a device, `progress` draws on a terminal. Standard output gets
//! what was asked for and nothing else. `forget` needs no room.

mod find;
mod forget;
mod grep;
mod json;
mod progress;
mod show;
mod sink;
mod stdin;
mod stdout_watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Action;
use mio::Waker;

use crate::app::{
    Answer, App, EXIT_DONE, EXIT_FAILED, Failure, Ground, Manner, Mode, News, Plan, View,
    exit_code, fail, no_start,
};
use crate::command::{Command, Destination, Download, LineRef, Upload};
use crate::default_nick;
use crate::files::local_name;
use crate::options::{Options, Output, Task};
use crate::plain_error::plain_error;
use crate::session::{Reconnect, When};
use grep::Grep;
use progress::Progress;
use show::Show;
use sink::Sink;
use stdin::{NoInput, Stdin};
use stdout_watch::StdoutWatch;

pub use find::{find, offer};
pub use forget::forget;

/// Carries out the task; returns the exit code.
#[must_use]
pub fn run(options: Options, task: Task) -> u8 {
    exit_code(try_run(options, task))
}

fn try_run(mut options: Options, task: Task) -> Result<u8, Failure> {
    let ground = Ground::new()?;
    let nick = options.name.clone().unwrap_or_else(default_nick::find);
    let mut manner = Manner::new(Mode::Single, options.reconnect);
    options.history = Some(0);
    if let Task::AsOperator(Command::Redact(LineRef::Of { .. })) = task {
        // The line may be far back.
        options.history = Some(HISTORY_ALL);
    }
    if let Task::Tail { lines, follow, ref grep, .. } = task {
        // The words may be far back.
        options.history = Some(if grep.is_some() { HISTORY_ALL } else { lines });
        if follow && options.reconnect.is_none() {
            // Following has no end, so neither has reconnecting.
            manner.reconnect = Some(Reconnect { give_up_after: None });
        }
    }
    let sink = match &task {
        Task::Download(_, output) => Sink::of(output)?,
        _ => None,
    };
    let needs_space = sink.is_some() || matches!(task, Task::UploadInput(_));
    // A temporary file needs no attributes, and must stay readable for us.
    options.preserve &= sink.is_none();
    let space = needs_space.then(tempfile::tempdir).transpose().map_err(no_start)?;
    let once = Once::new(task, space.as_ref().map(|space| space.path().to_owned()), &ground)?;
    let code = ground.run(once, Plan::new(options, nick, manner))?;
    match (sink, space) {
        (Some(sink), Some(space)) if code == EXIT_DONE => sink.pour(space.path()),
        _ => Ok(code),
    }
}

/// The front end.
struct Once {
    work: Work,
    /// A directory for temporary files: a download on its way to a sink, or standard input.
    space: Option<PathBuf>,
    waker: Arc<Waker>,
    show: Show,
    progress: Progress,
    /// Watches for the end of a command that runs as long as somebody reads its output.
    reader: Option<StdoutWatch>,
    /// When the events that come now were, unless they are live.
    past: Option<When>,
    /// What was said is what was asked for.
    shows_talk: bool,
    grep: Option<Grep>,
}

/// What is left to do.
enum Work {
    Do(Command),
    /// Become an operator, then do this.
    AsOperator(Command),
    /// Say standard input, once all of it is there.
    SayInput(Stdin<String>),
    /// Upload standard input, once the server's limit is known,
    UploadInput(FileName),
    /// and all of it is in a file.
    Spool(Stdin<PathBuf>, FileName),
    /// Wait until all of the history has arrived.
    SeePast,
    /// Show what happens until interrupted.
    Follow,
    /// Nothing: wait for the answers.
    Wait,
}

impl Once {
    fn new(task: Task, space: Option<PathBuf>, ground: &Ground) -> Result<Self, Failure> {
        let mut json = false;
        let mut grep = None;
        let work = match task {
            Task::Do(command) => Work::Do(command),
            Task::AsOperator(command) => Work::AsOperator(command),
            Task::Bans { json: as_json } => {
                json = as_json;
                Work::AsOperator(Command::Bans)
            }
            Task::SendInput => Work::SayInput(Stdin::text(ground.waker()).map_err(no_start)?),
            Task::UploadInput(name) => Work::UploadInput(name),
            Task::Download(items, output) => {
                let to = match (&space, output) {
                    (Some(space), _) => Destination::Scratch(space.clone()),
                    (None, Output::Path(path)) => Destination::Path(path),
                    (None, Output::DownloadDir | Output::Stdout) => Destination::DownloadDir,
                };
                Work::Do(Command::Download(Download::Items { items, to }))
            }
            Task::Link { item, json: as_json } => {
                json = as_json;
                Work::Do(Command::Link(item))
            }
            Task::List { json: as_json } => {
                json = as_json;
                Work::Do(Command::Files)
            }
            Task::Who { json: as_json } => {
                json = as_json;
                Work::Do(Command::Who)
            }
            Task::Stats { json: as_json } => {
                json = as_json;
                Work::Do(Command::Stats)
            }
            Task::Tail { lines, grep: words, follow, json: as_json } => {
                json = as_json;
                grep = words.map(|words| Grep::new(words, lines));
                if follow { Work::Follow } else { Work::SeePast }
            }
        };
        let follows = matches!(work, Work::Follow);
        let shows_talk = follows || matches!(work, Work::SeePast);
        let reader = follows.then(|| StdoutWatch::watch(ground.waker())).transpose();
        Ok(Self {
            work,
            space,
            waker: ground.waker(),
            show: Show::new(json),
            progress: Progress::new(),
            reader: reader.map_err(no_start)?,
            past: None,
            shows_talk,
            grep,
        })
    }

    /// Does what can be done now; true when that was all.
    fn ask(&mut self, app: &mut App, now: Instant) -> bool {
        match std::mem::replace(&mut self.work, Work::Wait) {
            Work::Do(command) => app.carry_out(command, now),
            Work::AsOperator(command) => {
                self.work = Work::Do(command);
                app.carry_out(Command::Op, now);
                return false;
            }
            Work::SayInput(intake) => match intake.poll() {
                None => {
                    self.work = Work::SayInput(intake);
                    return false;
                }
                Some(Ok(text)) => match crate::command::message(&text) {
                    Ok(message) => app.carry_out(Command::Say(message), now),
                    Err(error) => app.fail(error.to_string(), now),
                },
                Some(Err(why)) => no_input(why, app, now),
            },
            Work::UploadInput(name) => match self.spool(&name, app) {
                Ok(intake) => {
                    self.work = Work::Spool(intake, name);
                    return false;
                }
                Err(error) => app.fail(plain_error(&error), now),
            },
            Work::Spool(intake, name) => match intake.poll() {
                None => {
                    self.work = Work::Spool(intake, name);
                    return false;
                }
                Some(Ok(path)) => {
                    app.carry_out(Command::Upload(Upload::Spooled { path, name }), now);
                }
                Some(Err(why)) => no_input(why, app, now),
            },
            Work::SeePast if !app.session().room().is_caught_up() => {
                self.work = Work::SeePast;
                return false;
            }
            Work::SeePast | Work::Wait => {}
            Work::Follow => {
                self.work = Work::Follow;
                return false;
            }
        }
        true
    }

    /// Starts to write standard input to a file, as much as the server accepts.
    fn spool(&self, name: &FileName, app: &App) -> io::Result<Stdin<PathBuf>> {
        let dir = self.space.as_deref().unwrap_or(Path::new("."));
        let limit = app.session().limits().map_or(0, |limits| limits.file_bytes_max);
        Stdin::spool(dir.join(local_name(name)), limit, Arc::clone(&self.waker))
    }

    /// Shows an event of the room, if it was asked for.
    fn happened(&mut self, event: &Event, app: &App) {
        let own = app.session().nick();
        if let Some(grep) = &mut self.grep
            && !grep.passes(event)
        {
            return;
        }
        match (&self.work, event) {
            (Work::Follow, event) if !is_own_way(event, own) => self.show.event(event),
            (_, event) if self.shows_talk && self.past.is_some() => self.show.event(event),
            // A name like ours may have done the same before we came.
            _ if self.past == Some(When::History) => {}
            // Our own uploads, once they are on the shelf.
            (_, Event::Shelved(shelved)) if shelved.item.nick == *own => {
                self.show.item(shelved.item.id, &shelved.item.name);
            }
            (_, Event::Dropped(dropped)) if dropped.nick.as_ref() == Some(own) => {
                self.show.item(dropped.item, &dropped.name);
            }
            (_, Event::Moderated(it)) if it.nick == *own && it.action != Action::OP => {
                self.show.event(event);
            }
            _ => {}
        }
    }
}

/// Reports why standard input could not be used.
fn no_input(why: NoInput, app: &mut App, now: Instant) {
    match why {
        NoInput::TooLarge(text) => app.refuse(text, now),
        NoInput::Failed(text) => app.fail(text, now),
    }
}

/// True for our own joining and leaving, which is no news.
fn is_own_way(event: &Event, own: &Nick) -> bool {
    match event {
        Event::Joined(joined) => joined.nick == *own,
        Event::Left(left) => left.nick == *own,
        _ => false,
    }
}

impl View for Once {
    fn take_input(&mut self, app: &mut App, now: Instant) {
        if app.takes_commands() && self.ask(app, now) {
            app.end_of_input();
        }
    }

    fn is_unfinished(&self) -> bool {
        !matches!(self.work, Work::Follow | Work::Wait)
    }

    fn show(&mut self, news: News, app: &App, _now: Instant) {
        match news {
            News::Before(_, when) => {
                self.past = Some(when);
                if let Some(grep) = &mut self.grep {
                    grep.begin(when == When::History);
                }
            }
            News::Now => {
                self.past = None;
                let found = self.grep.as_mut().map(Grep::take).unwrap_or_default();
                found.iter().for_each(|event| self.show.event(event));
            }
            News::Room(event) => self.happened(&event, app),
            News::Told(told) if matches!(self.work, Work::Follow) => {
                if self.grep.as_ref().is_none_or(|grep| grep.fits(&told)) {
                    self.show.told(&told, app);
                }
            }
            News::Link { item, link } => self.show.link(&item, &link),
            News::Answer(Answer::Members) => self.show.members(app.session()),
            News::Answer(Answer::Stats) => self.show.stats(app.session(), app.encryption()),
            News::Answer(Answer::Bans) => self.show.bans(app.session().bans()),
            News::Answer(Answer::Shelf) => self.show.shelf(app.session().room()),
            News::Notice(text) => self.progress.notice(&text),
            // A script that stands still says why, also where nobody looks yet.
            News::Waits(text) | News::Failure(text) => {
                self.progress.clear();
                let _ = fail(&text, EXIT_FAILED);
            }
            News::Joined(_)
            | News::NickRefused { .. }
            | News::KeyUnknown(_)
            | News::PasswordWanted { .. }
            | News::Told(_)
            | News::Underway(_)
            | News::Quietly
            | News::Answer(_) => {}
        }
    }

    fn end_turn(&mut self, app: &mut App, now: Instant) {
        for path in app.take_landed() {
            if self.space.is_none() {
                self.show.path(&path);
            }
        }
        self.progress.draw(app, now);
        self.show.flush();
    }

    fn is_broken(&self) -> bool {
        self.show.is_broken() || self.reader.as_ref().is_some_and(StdoutWatch::is_gone)
    }

    fn close(&mut self) -> io::Result<()> {
        self.progress.clear();
        self.show.close()
    }
}
