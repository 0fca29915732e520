//! The crowd: all clients of the load test, driven from one poll, and what they have received.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chatshelf_common::id::{ItemId, MessageId};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Style;
use mio::{Events, Poll, Token};

use super::content::{Keeper, Pattern};
use crate::link::{Carrier, Link, Route};
use crate::session::{BLOCK_BYTES, Config, Outcome, Session, SessionEvent, TransferHandle};

/// Bytes of the time at the start of a line, with the space that follows.
pub(super) const STAMP_BYTES: usize = 17;
/// Connections that may be in progress at once: about what a server's backlog holds.
const CONNECTING_MAX: usize = 1000;
/// When nothing happens for this long, something is lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// One client.
#[derive(Debug)]
struct Member {
    link: Link,
    keeper: Keeper,
    /// Has been told of everyone.
    is_told: bool,
    /// Lines received, and a digest of them in their order.
    lines: usize,
    order: DefaultHasher,
    queued: bool,
}

impl Member {
    /// Serves the session's file requests.
    fn serve_files(&mut self, pattern: &Pattern) {
        while let Some(request) = self.link.session_mut().poll_file_request() {
            if let Some(reply) = self.keeper.handle(pattern, request) {
                self.link.session_mut().handle_file_reply(reply);
            }
        }
    }
}

/// All clients.
#[derive(Debug)]
pub(super) struct Crowd {
    poll: Poll,
    events: Events,
    size: usize,
    members: Vec<Member>,
    /// Members with something to do.
    ready: Vec<usize>,
    scratch: Vec<u8>,
    pattern: Pattern,
    started: Instant,
    last_news: Instant,
    pub(super) tally: Tally,
}

/// What all of them have received so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) joined: usize,
    /// Members who have been told of everyone.
    pub(super) told: usize,
    /// Lines received: by all together, and by the last member alone.
    pub(super) deliveries: usize,
    pub(super) received_by_last: usize,
    /// From the sending of a line to each of its deliveries, in microseconds.
    pub(super) latencies_us: Vec<u32>,
    pub(super) uploaded: Vec<ItemId>,
    pub(super) downloaded: usize,
    /// Bytes of files moved in either direction.
    pub(super) file_bytes: u64,
}

impl Crowd {
    /// A crowd of `size`; none of it is connected yet.
    pub(super) fn new(size: usize) -> Result<Self, String> {
        let poll = Poll::new().map_err(|why| format!("cannot poll: {why}"))?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            size,
            members: Vec::with_capacity(size),
            ready: Vec::new(),
            scratch: vec![0; BLOCK_BYTES],
            pattern: Pattern::new(),
            started: Instant::now(),
            last_news: Instant::now(),
            tally: Tally::default(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many files the server keeps.
    pub(super) fn shelf_items_max(&self) -> usize {
        let limits = self.members.first().and_then(|member| member.link.session().limits());
        limits.map_or(1, |limits| limits.shelf_items_max as usize)
    }

    /// Lets more clients connect to the server, as many as may at once. False when all have.
    pub(super) fn connect_more(
        &mut self,
        address: SocketAddr,
        carrier: impl Fn() -> Carrier,
    ) -> Result<bool, String> {
        while self.members.len() < self.size {
            if self.members.len() - self.tally.joined >= CONNECTING_MAX {
                return Ok(true);
            }
            let number = self.members.len();
            let nick = Nick::new(&format!("load{number}")).map_err(|why| why.to_string())?;
            // A client that loses its connection fails the test, so it does not reconnect. Message
            // ids need not be random: only their sender sees them.
            let config = Config {
                nick,
                history: Some(0),
                seed: number as u64,
                reconnect: None,
                quiet: false,
                keepalive: crate::session::KEEPALIVE,
            };
            let session = Session::new(config, Instant::now());
            let link = Link::connect(
                Route::fixed(vec![address]),
                carrier(),
                session,
                self.poll.registry(),
                Token(number),
                Instant::now(),
            );
            let link = link.map_err(of_client(number))?;
            self.members.push(Member {
                link,
                keeper: Keeper::default(),
                is_told: false,
                lines: 0,
                order: DefaultHasher::new(),
                queued: false,
            });
        }
        Ok(false)
    }

    /// Lets one client say a line of `bytes` bytes that begins with the time.
    pub(super) fn say(&mut self, number: usize, bytes: usize) -> Result<MessageId, String> {
        let stamp = self.started.elapsed().as_micros();
        let text = format!("{stamp:016} {}", "x".repeat(bytes - STAMP_BYTES));
        let text = Message::new(&text).map_err(|why| why.to_string())?;
        let said = self.members[number].link.session_mut().say(text, Style::SPEECH);
        self.enqueue(number);
        said.map_err(|why| why.to_string())
    }

    /// Lets one client upload a file.
    pub(super) fn upload(&mut self, number: usize, name: &str, size: u64) -> Result<(), String> {
        let member = &mut self.members[number];
        let file = FileName::new(name).map_err(|why| why.to_string())?;
        let begun: Result<TransferHandle, _> = member.link.session_mut().upload(file, size, None);
        member.keeper.begin(begun.map_err(|why| why.to_string())?, name);
        self.enqueue(number);
        Ok(())
    }

    /// Lets one client download an item.
    pub(super) fn download(&mut self, number: usize, item: ItemId) -> Result<(), String> {
        let begun = self.members[number].link.session_mut().download(item, 0);
        begun.map_err(|why| format!("download: {why}"))?;
        self.enqueue(number);
        Ok(())
    }

    /// Serves every client that has something to do; waits for that at most `patience`.
    pub(super) fn turn(&mut self, patience: Duration) -> Result<(), String> {
        let patience = if self.ready.is_empty() { patience } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => self.events.clear(),
            polled => polled.map_err(|why| format!("poll: {why}"))?,
        }
        let now = Instant::now();
        let mut ready = std::mem::take(&mut self.ready);
        for event in &self.events {
            let number = event.token().0;
            let member = &mut self.members[number];
            member.link.handle_ready(event);
            if !std::mem::replace(&mut member.queued, true) {
                ready.push(number);
            }
        }
        if !ready.is_empty() {
            self.last_news = now;
        } else if self.last_news.elapsed() > SILENCE_MAX {
            return Err(format!("nothing happened for {} s", SILENCE_MAX.as_secs()));
        }
        for number in ready {
            self.serve(number, now)?;
        }
        Ok(())
    }

    fn enqueue(&mut self, number: usize) {
        if !std::mem::replace(&mut self.members[number].queued, true) {
            self.ready.push(number);
        }
    }

    fn serve(&mut self, number: usize, now: Instant) -> Result<(), String> {
        let registry = self.poll.registry();
        let member = &mut self.members[number];
        member.queued = false;
        member.link.receive(registry, &mut self.scratch, now).map_err(of_client(number))?;
        while let Some(event) = member.link.session_mut().poll_event() {
            let is_last = number + 1 == self.size;
            note(member, event, &mut self.tally, is_last, self.started)
                .map_err(of_client(number))?;
        }
        if !member.is_told && member.link.session().room().members().len() == self.size {
            member.is_told = true;
            self.tally.told += 1;
        }
        member.serve_files(&self.pattern);
        member.link.transmit(registry, &mut self.scratch, now).map_err(of_client(number))?;
        // What was sent has made room for the next block; no event says so.
        member.serve_files(&self.pattern);
        if member.link.wants_turn() {
            self.enqueue(number);
        }
        Ok(())
    }

    /// Checks that everyone received the same lines in the same order, `expected` of them.
    pub(super) fn check_order(&self, expected: usize) -> Result<(), String> {
        let Some(first) = self.members.first() else { return Ok(()) };
        for (number, member) in self.members.iter().enumerate() {
            if member.lines != expected {
                return Err(format!("client {number} got {} of {expected} lines", member.lines));
            }
            if member.order.finish() != first.order.finish() {
                return Err(format!(
                    "client {number} got other lines than client 0, or in another order"
                ));
            }
        }
        Ok(())
    }
}

/// An error, with the client that has it.
fn of_client<E: Display>(number: usize) -> impl Fn(E) -> String {
    move |why| format!("client {number}: {why}")
}

/// Notes an event of a client.
fn note(
    member: &mut Member,
    event: SessionEvent,
    tally: &mut Tally,
    is_last: bool,
    started: Instant,
) -> Result<(), String> {
    match event {
        SessionEvent::JoinedRoom { .. } => tally.joined += 1,
        SessionEvent::Happened { event: Event::Said(said), .. } => {
            member.lines += 1;
            (said.seq, said.nick.as_str(), said.id, said.text.as_str()).hash(&mut member.order);
            tally.deliveries += 1;
            tally.received_by_last += usize::from(is_last);
            if let Some(stamp) = said.text.as_str().get(..STAMP_BYTES - 1)
                && let Ok(sent_us) = stamp.parse::<u128>()
            {
                let taken = started.elapsed().as_micros().saturating_sub(sent_us);
                tally.latencies_us.push(u32::try_from(taken).unwrap_or(u32::MAX));
            }
        }
        SessionEvent::TransferEnded(status, outcome) => {
            tally.file_bytes += status.moved;
            match outcome {
                Outcome::Uploaded(item) => tally.uploaded.push(item),
                Outcome::Downloaded => tally.downloaded += 1,
                failed => return Err(format!("a transfer failed: {failed:?}")),
            }
        }
        SessionEvent::Gap { from, to } => {
            return Err(format!("too slow: events {from} to {to} were not sent"));
        }
        SessionEvent::NickRefused { nick, code, .. } => return Err(format!("{nick}: {code}")),
        SessionEvent::Refused(refused, _) => return Err(refused.code.to_string()),
        SessionEvent::Goodbye(goodbye) => return Err(goodbye.code.to_string()),
        SessionEvent::Happened { .. }
        | SessionEvent::Greeted(_)
        | SessionEvent::Told(_)
        | SessionEvent::Paced { .. }
        // A receipt may be slow here; one that never comes is found in the end.
        | SessionEvent::Undelivered { .. }
        | SessionEvent::Delivered
        | SessionEvent::TransferStarted(_)
        | SessionEvent::TransferHeld(..) => {}
        // Nothing reconnects here, and nothing is resumed.
        other => return Err(format!("{other:?}")),
    }
    Ok(())
}
