//! One-shot commands: a front that has one thing done, shows what came of it, and leaves.
//!
//! Owns the order of that: join, ask, wait, print. `show` makes text and `json` objects of what is
//! shown, `intake` reads standard input, `reader` sees who reads standard output leave, `progress`
//! draws on a terminal.
//! Standard output gets what was asked for and nothing else.

mod intake;
mod json;
mod progress;
mod reader;
mod show;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::Event;
use tempfile::TempDir;

use crate::command::Command;
use crate::default_nick;
use crate::files::{Target, local_name};
use crate::front::{
    Answer, Desk, EXIT_DONE, EXIT_FAILED, Failure, Ground, Manner, News, Plan, View, exit_code,
    fail, no_start, target,
};
use crate::item::{ItemError, Shelf};
use crate::options::{Options, Output, Task, Wanted};
use crate::session::Reconnect;
use intake::Intake;
use progress::Progress;
use reader::Reader;
use show::Show;

/// Has it done; the exit code.
#[must_use]
pub fn run(options: Options, task: Task) -> u8 {
    exit_code(try_run(options, task))
}

fn try_run(mut options: Options, task: Task) -> Result<u8, Failure> {
    let ground = Ground::new()?;
    let nick = options.name.clone().unwrap_or_else(default_nick::find);
    let mut manner = Manner::new(true, options.reconnect).single();
    options.history = Some(0);
    if let Task::Tail { lines, follow, .. } = task {
        options.history = Some(lines);
        if follow && options.reconnect.is_none() {
            // Whoever follows has all the time there is.
            manner.reconnect = Some(Reconnect { give_up_after: None });
        }
    }
    let needs_space = matches!(task, Task::UploadInput(_) | Task::Download(_, Output::Stdout));
    let space = needs_space.then(tempfile::tempdir).transpose().map_err(no_start)?;
    let once = Once::new(task, space.as_ref(), &ground)?;
    let is_for_stdout = matches!(once.work, Work::Download(_, Output::Stdout));
    // Of a temporary file there is nothing to preserve, and we must be able to read it.
    options.preserve &= !is_for_stdout;
    let code = ground.run(once, Plan::new(options, nick, manner))?;
    match space {
        Some(space) if is_for_stdout && code == EXIT_DONE => print_file(space.path()),
        _ => Ok(code),
    }
}

/// Prints the one file of a directory. Whoever closed the output has seen enough.
fn print_file(dir: &Path) -> Result<u8, Failure> {
    let print = || -> io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            io::copy(&mut File::open(entry?.path())?, &mut io::stdout().lock())?;
        }
        io::Write::flush(&mut io::stdout())
    };
    match print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::unwritten(&error)),
        _ => Ok(EXIT_DONE),
    }
}

/// The front.
struct Once {
    work: Work,
    /// Where a download goes that is for standard output.
    space: Option<std::path::PathBuf>,
    show: Show,
    progress: Progress,
    /// Of what is shown for as long as somebody reads it.
    reader: Option<Reader>,
    /// What is shown now happened before.
    is_past: bool,
}

/// What is left to be asked for.
enum Work {
    Say(Message),
    SayInput(Intake<String>),
    Upload(Vec<String>, Option<chatshelf_common::text::FileName>),
    UploadInput(Intake<String>, chatshelf_common::text::FileName),
    Download(Wanted, Output),
    Ask(Command),
    /// Until all of history is there.
    SeePast,
    /// Until somebody ends it.
    Follow,
    /// Nothing.
    Wait,
}

impl Once {
    fn new(task: Task, space: Option<&TempDir>, ground: &Ground) -> Result<Self, Failure> {
        let mut json = false;
        let work = match task {
            Task::Send(Some(text)) => Work::Say(text),
            Task::Send(None) => Work::SayInput(Intake::text(ground.waker()).map_err(no_start)?),
            Task::Upload(files, name) => Work::Upload(files, name),
            Task::UploadInput(name) => {
                let dir = space.map_or(Path::new("."), TempDir::path);
                let path = dir.join(local_name(&name));
                Work::UploadInput(Intake::spool(path, ground.waker()).map_err(no_start)?, name)
            }
            Task::Download(wanted, output) => Work::Download(wanted, output),
            Task::List { json: as_json } => {
                json = as_json;
                Work::Ask(Command::Files)
            }
            Task::Who { json: as_json } => {
                json = as_json;
                Work::Ask(Command::Who)
            }
            Task::Tail { follow, json: as_json, .. } => {
                json = as_json;
                if follow { Work::Follow } else { Work::SeePast }
            }
        };
        let follows = matches!(work, Work::Follow);
        let reader = follows.then(|| Reader::watch(ground.waker())).transpose();
        Ok(Self {
            work,
            space: space.map(|space| space.path().to_owned()),
            show: Show::new(json),
            progress: Progress::new(),
            reader: reader.map_err(no_start)?,
            is_past: false,
        })
    }

    /// Asks for what can be asked for now; true when that was all.
    fn ask(&mut self, desk: &mut Desk, now: Instant) -> bool {
        match std::mem::replace(&mut self.work, Work::Wait) {
            Work::Say(text) => desk.carry_out(Command::Say(text), now),
            Work::SayInput(intake) => match intake.poll() {
                None => {
                    self.work = Work::SayInput(intake);
                    return false;
                }
                Some(Ok(text)) => match crate::command::message(&text) {
                    Ok(message) => desk.carry_out(Command::Say(message), now),
                    Err(error) => desk.fail(error.to_string(), now),
                },
                Some(Err(why)) => desk.fail(why, now),
            },
            Work::Upload(files, name) => {
                for file in files {
                    desk.upload(file, name.clone());
                }
            }
            Work::UploadInput(intake, name) => match intake.poll() {
                None => {
                    self.work = Work::UploadInput(intake, name);
                    return false;
                }
                Some(Ok(path)) => desk.upload_spooled(path, name),
                Some(Err(why)) => desk.fail(why, now),
            },
            Work::Download(wanted, output) => self.download(&wanted, &output, desk, now),
            Work::Ask(command) => desk.carry_out(command, now),
            Work::SeePast if !desk.session().room().is_caught_up() => {
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

    fn download(&self, wanted: &Wanted, output: &Output, desk: &mut Desk, now: Instant) {
        let room = desk.session().room();
        let found = match wanted {
            Wanted::Latest => room.shelf().last().map(|item| item.id).ok_or(None),
            Wanted::Named(text) => Shelf::of(room).item(text).map_err(Some),
        };
        let item = match found {
            Ok(item) => item,
            Err(None) => return desk.refusal("the shelf is empty"),
            Err(Some(error @ ItemError::NotOnShelf(_))) => return desk.refusal(error.to_string()),
            Err(Some(error)) => return desk.fail(error.to_string(), now),
        };
        let place = match (output, &self.space) {
            (Output::Stdout, Some(space)) => Target::Directory(space.clone()),
            (Output::Path(path), _) => target(Path::new(""), &path.to_string_lossy()),
            _ => desk.downloads(),
        };
        if let Err(error) = desk.fetch(item, place, now) {
            desk.fail(error.to_string(), now);
        }
    }

    /// What happens in the room, if it was asked for.
    fn happened(&mut self, event: &Event, desk: &Desk) {
        let own = desk.session().nick();
        match (&self.work, event) {
            (Work::Follow, event) if !is_own_way(event, own) => self.show.event(event),
            // Our own uploads are shown when they are on the shelf.
            (_, event) if self.is_past => self.show.event(event),
            (_, Event::Shelved(shelved)) if shelved.item.nick == *own => {
                self.show.stored(&shelved.item);
            }
            _ => {}
        }
    }
}

/// True for our own coming and going, which is no news.
fn is_own_way(event: &Event, own: &Nick) -> bool {
    match event {
        Event::Joined(joined) => joined.nick == *own,
        Event::Left(left) => left.nick == *own,
        _ => false,
    }
}

impl View for Once {
    fn take_input(&mut self, desk: &mut Desk, now: Instant) {
        if desk.takes_commands() && self.ask(desk, now) {
            desk.end_of_input();
        }
    }

    fn is_unfinished(&self) -> bool {
        !matches!(self.work, Work::Follow | Work::Wait)
    }

    fn show(&mut self, news: News, desk: &Desk, _now: Instant) {
        match news {
            News::Before(..) => self.is_past = true,
            News::Now => self.is_past = false,
            News::Room(event) => self.happened(&event, desk),
            News::Told(told) if matches!(self.work, Work::Follow) => self.show.told(&told, desk),
            News::Answer(Answer::Members) => self.show.members(desk.session()),
            News::Answer(Answer::Shelf) => self.show.shelf(desk.session().room()),
            News::Notice(text) => self.progress.notice(&text),
            News::Failure(text) => {
                self.progress.clear();
                let _ = fail(&text, EXIT_FAILED);
            }
            News::Joined(_)
            | News::NickRefused { .. }
            | News::Told(_)
            | News::Underway(_)
            | News::Answer(_) => {}
        }
    }

    fn end_turn(&mut self, desk: &mut Desk, now: Instant) {
        if let Some(path) = desk.take_landed()
            && self.space.is_none()
        {
            self.show.path(&path);
        }
        self.progress.draw(desk, now);
        self.show.flush();
    }

    fn is_broken(&self) -> bool {
        self.show.is_broken() || self.reader.as_ref().is_some_and(Reader::is_gone)
    }

    fn close(&mut self) -> io::Result<()> {
        self.progress.clear();
        self.show.close()
    }
}
