//! What users do, at random, and what they make of what they hear.

use std::cell::Cell;
use std::rc::Rc;

use chatshelf_client::session::{Outcome, SessionEvent, TransferStatus, When};
use chatshelf_common::id::UploadKey;
use chatshelf_common::text::Topic;
use chatshelf_common::wire::frame::{Drop, Frame, Refused, Say, Style};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::samples::{file_name, message, nick};

use super::files::new_key;
use super::model::{LINE_MARK, Model};
use super::trace::told;
use super::user::{Process, Task, TaskState, User};

/// Sizes about which something changes.
const EDGES: [u64; 6] = [0, 1, 65_536, 131_072, 262_144, 524_288];

impl User {
    /// Does one thing, and plans the next.
    pub(super) fn act(&mut self, model: &mut Model) {
        let pause_ms = 2 * self.plan.heals_at_ms / (self.plan.deeds + 1);
        self.deed_at_ms = self.clock.now_ms() + self.rng.below(pause_ms.min(10_000) + 1);
        let takes_commands = self.process.as_ref().is_some_and(Process::takes_commands);
        if !takes_commands {
            return;
        }
        self.deeds -= 1;
        if self.may_moderate() && self.rng.one_in(3) {
            return self.moderate();
        }
        let Some(process) = &mut self.process else { return };
        let now = self.clock.instant();
        match self.rng.below(40) {
            0..10 if self.plan.is_flood => (0..self.rng.below(400)).for_each(|_| self.say()),
            0..14 => self.say(),
            14..17 => (0..self.rng.between(2, 20)).for_each(|_| self.say()),
            17 => self.tell(),
            18 => self.rename(),
            19 => self.set_topic(),
            20 => (0..self.rng.between(2, 12)).for_each(|_| self.upload(model)),
            21..27 => self.upload(model),
            27..33 => self.download(),
            33 => self.cancel(),
            34 => self.go_on_with_files(model),
            35 => process.deaf_until_ms = self.clock.now_ms() + self.rng.between(100, 60_000),
            36 => drop(process.link.session.reconnect_now(now)),
            37 => {
                told!(self.trace, self.name, "leaves");
                process.link.session.leave();
                process.link.close_if_done();
            }
            38 => self.kill(model),
            _ => self.take_off(),
        }
    }

    fn say(&mut self) {
        self.lines += 1;
        let mut text = format!("{LINE_MARK}{} {}", self.name, self.lines);
        let is_long = self.plan.is_flood || self.rng.one_in(4);
        let most = if is_long { self.plan.line_bytes } else { 40 };
        let length = text.len() + self.rng.up_to(most.saturating_sub(text.len()));
        text.extend(std::iter::repeat_n('.', length - text.len()));
        let Some(process) = &mut self.process else { return };
        let style = self.rng.pick(&[Style::SPEECH, Style::SPEECH, Style::ACTION]);
        if process.link.session.say(message(&text), style).is_ok() {
            told!(self.trace, self.name, "says {:.40}", text);
            process.said.push(text);
        }
    }

    fn tell(&mut self) {
        let Some(process) = &mut self.process else { return };
        let to = format!("user{}", self.rng.below(self.plan.users + 1));
        // It is only refused when too much waits.
        let _ = process.link.session.tell(nick(&to), message("psst"));
    }

    fn rename(&mut self) {
        let Some(process) = &mut self.process else { return };
        let to = format!("{}{}", self.name, self.rng.pick(&["", "-a", "-b"]));
        // It may be the one it has.
        let _ = process.link.session.rename(nick(&to));
    }

    fn set_topic(&mut self) {
        let Some(process) = &mut self.process else { return };
        let topic = Topic::new(&format!("{} {}", self.name, self.deeds)).ok();
        let topic = topic.filter(|_| !self.rng.one_in(4));
        // It is only refused when too much waits.
        let _ = process.link.session.set_topic(topic);
    }

    fn upload(&mut self, model: &mut Model) {
        let is_big = !self.plan.is_narrow() && self.rng.one_in(self.plan.big_file_one_in);
        let size = if is_big {
            self.rng.between(1 << 20, 9 << 20)
        } else {
            let edges = if self.plan.is_narrow() { &EDGES[..3] } else { &EDGES[..] };
            let edge = self.rng.pick(edges);
            let size = edge.saturating_add_signed(self.rng.pick(&[-1, 0, 0, 1, 1_000]));
            if self.rng.one_in(2) { self.rng.below(size + 2) } else { size }
        };
        // The user's name and a number make every file another.
        let mut content = format!("{} {}", self.name, self.tasks.len()).into_bytes();
        content.extend(self.rng.bytes((size as usize).saturating_sub(content.len())));
        let content = Rc::new(content);
        model.shelf_mut().offered(&content);
        let name = format!("file {}", self.rng.below(4));
        self.tasks.push(Task {
            content,
            name: file_name(&name),
            key: Rc::new(Cell::new(UploadKey(new_key(&mut self.rng)))),
            has_key: !self.rng.one_in(4),
            state: TaskState::Interrupted,
            item: None,
        });
        self.offer(self.tasks.len() - 1);
    }

    fn offer(&mut self, number: usize) {
        let Some(process) = &mut self.process else { return };
        let task = &mut self.tasks[number];
        let (name, size) = (task.name.clone(), task.content.len() as u64);
        let key = task.has_key.then(|| task.key.get());
        match process.link.session.upload(name, size, key) {
            Ok(transfer) => {
                told!(self.trace, self.name, "uploads file {number}, {size} bytes, as {transfer}");
                task.state = TaskState::Running;
                process.files.upload(transfer, &task.content, &task.key);
                process.uploads.insert(transfer, number);
            }
            Err(why) => {
                told!(self.trace, self.name, "can't upload file {number}: {why}");
                task.state = TaskState::Over;
            }
        }
    }

    /// Offers again what an earlier process did not bring to an end.
    pub(super) fn go_on_with_files(&mut self, model: &Model) {
        for number in 0..self.tasks.len() {
            if self.tasks[number].state != TaskState::Interrupted {
                continue;
            }
            let Task { content, has_key, .. } = &self.tasks[number];
            if !has_key && model.shelf().has_copy(content) {
                self.tasks[number].state = TaskState::Over;
            } else {
                self.offer(number);
            }
        }
    }

    fn download(&mut self) {
        let Some(process) = &mut self.process else { return };
        let items = process.link.session.room().shelf();
        if items.is_empty() {
            return;
        }
        let item = items[self.rng.below(items.len() as u64) as usize].clone();
        let part = self.parts.remove(&item.id).filter(|(of, _)| *of == item);
        let bytes = part.map(|(_, bytes)| bytes).unwrap_or_default();
        self.fetch(item.id, bytes);
    }

    fn fetch(&mut self, item: chatshelf_common::id::ItemId, bytes: Vec<u8>) {
        let Some(process) = &mut self.process else { return };
        if let Ok(transfer) = process.link.session.download(item, bytes.len() as u64) {
            told!(self.trace, self.name, "downloads item {item} as {transfer}");
            process.files.download(transfer, bytes);
        }
    }

    /// Downloads everything that is on the shelf.
    pub(crate) fn download_all(&mut self) {
        let Some(process) = &self.process else { return };
        let items = process.link.session.room().shelf().to_vec();
        items.into_iter().for_each(|item| self.fetch(item.id, Vec::new()));
    }

    /// Cancels a transfer; where none runs, takes a file off instead.
    fn cancel(&mut self) {
        let Some(process) = &mut self.process else { return };
        let running: Vec<TransferStatus> = process.link.session.transfers().collect();
        let Some(status) = running.first() else { return self.take_off() };
        told!(self.trace, self.name, "cancels {}", status.transfer);
        // It may be too late.
        let _ = process.link.session.cancel(status.transfer);
    }

    /// Takes the oldest file of their own off the shelf, if there is one.
    fn take_off(&mut self) {
        let Some(process) = &mut self.process else { return };
        let shelf = process.link.session.room().shelf();
        let is_on_shelf = |task: &&Task| shelf.iter().any(|item| Some(item.id) == task.item);
        let Some(task) = self.tasks.iter().find(is_on_shelf) else { return };
        let (Some(item), key) = (task.item, task.has_key.then(|| task.key.get())) else { return };
        told!(self.trace, self.name, "takes item {item} off");
        // It is only refused when too much waits.
        let _ = process.link.session.drop_item(item, key);
    }

    /// Takes what the session tells.
    pub(super) fn hear(&mut self, model: &mut Model) {
        while let Some(process) = &mut self.process
            && let Some(event) = process.link.session.poll_event()
        {
            match event {
                SessionEvent::Happened { event, when } => {
                    let snapshot = process.link.session.room().snapshot_seq();
                    model.saw(&event, (when != When::Live).then_some(snapshot));
                    self.show(&event, when, model);
                }
                event => {
                    told!(self.trace, self.name, "hears {event:?}");
                    self.note(event, model);
                }
            }
        }
    }

    fn note(&mut self, event: SessionEvent, model: &mut Model) {
        let Some(process) = &mut self.process else { return };
        match event {
            SessionEvent::NickRefused { suggestion, nick: refused, .. } => {
                let other = nick(&format!("{}-c", self.name));
                let other = suggestion.filter(|it| *it != refused).unwrap_or(other);
                process.link.session.rejoin(other);
            }
            SessionEvent::PasswordWanted { .. } => {
                let password = self.room_password();
                let Some(process) = &mut self.process else { return };
                process.link.session.give_password(password);
            }
            SessionEvent::Bans => self.note_bans(),
            SessionEvent::Refused(refused, _) => {
                self.note_refusal(&refused);
                self.note_refused_rights(&refused);
            }
            SessionEvent::TransferEnded(status, outcome) => self.note_end(&status, &outcome, model),
            SessionEvent::Goodbye(goodbye) => {
                let codes = [
                    Code::LEFT,
                    Code::STORAGE_FAILED,
                    // Before the first welcome there is nothing to come back to.
                    Code::SHUTTING_DOWN,
                    Code::ROOM_FULL,
                    Code::TOO_MANY_CONNECTIONS,
                    Code::NOT_JOINED_IN_TIME,
                    Code::TOO_SLOW,
                    Code::TIMED_OUT,
                    Code::KICKED,
                    Code::BANNED,
                ];
                assert!(codes.contains(&goodbye.code), "{}: {goodbye:?}", self.name);
            }
            SessionEvent::GaveUp(why) => panic!("{} gave up: {why:?}", self.name),
            _ => {}
        }
    }

    /// A line is shown once, unless the server may have forgotten that it had it.
    fn show(&mut self, event: &Event, when: When, model: &Model) {
        if let Event::Moderated(it) = event
            && when == When::Live
        {
            self.note_moderated(it);
        }
        let (Event::Said(said), Some(process)) = (event, &mut self.process) else { return };
        process.rights.saw_line(said.seq);
        if !said.text.as_str().starts_with(LINE_MARK) {
            return;
        }
        let text = said.text.as_str().to_owned();
        let may_come_again = model.is_forgotten(&text);
        let times = process.shown.entry(text).or_default();
        *times += 1;
        let is_once = *times == 1 || may_come_again;
        assert!(is_once, "{} is shown a line again ({when:?}): {said:?}", self.name);
    }

    fn note_refusal(&self, refused: &Refused) {
        assert_ne!(refused.about, Say::KIND, "{} is refused a line: {refused:?}", self.name);
        if refused.about == Drop::KIND && refused.code == Code::NOT_YOURS {
            let has_key = |task: &Task| task.item == refused.item && task.has_key;
            assert!(!self.tasks.iter().any(has_key), "{}: {refused:?}", self.name);
        }
    }

    fn note_end(&mut self, status: &TransferStatus, outcome: &Outcome, model: &Model) {
        let Some(process) = &mut self.process else { return };
        if let Outcome::Refused(refused) = outcome {
            let codes = [
                Code::TOO_MANY_TRANSFERS,
                Code::ITEM_DROPPED,
                Code::ITEM_UNKNOWN,
                Code::STORAGE_FAILED,
                Code::STORAGE_FULL,
                Code::CANCELLED,
                Code::STALLED,
                // By what an earlier process had sent, and came late.
                Code::REPLACED,
            ];
            assert!(codes.contains(&refused.code), "{}: {refused:?}", self.name);
        }
        assert_ne!(*outcome, Outcome::DigestMismatch, "{}: {status:?}", self.name);
        let Some(number) = process.uploads.remove(&status.transfer) else { return };
        let task = &mut self.tasks[number];
        let is_interrupted = match outcome {
            Outcome::Interrupted => true,
            Outcome::Refused(refused) => refused.code == Code::REPLACED,
            _ => false,
        };
        task.state = if is_interrupted { TaskState::Interrupted } else { TaskState::Over };
        if let Outcome::Uploaded(item) = outcome {
            task.item = Some(*item);
            assert!(
                model.shelf().has_copy(&task.content),
                "{}: {status:?} is not there",
                self.name
            );
        }
    }
}
