//! How long lines take in a room of ten of which one talks.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chatshelf_common::id::MessageId;
use chatshelf_common::text::Message;
use chatshelf_common::wire::frame::Say;
use chatshelf_common::wire::{Event, Frame};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::client::{Client, HANG, Incoming};
use super::results::Latency;

const MEMBERS: usize = 10;

/// From one line to the next. It does not wait for anyone to have read the line before.
const INTERVAL: Duration = Duration::from_millis(2);

/// Bytes of a line.
const LINE_BYTES: usize = 100;

/// Has them talk for a while.
pub(super) fn measure(address: SocketAddr, duration: Duration) -> io::Result<Latency> {
    let mut room = Room::join(address)?;
    let mut events = Events::with_capacity(MEMBERS);
    let (mut due, mut said) = (Duration::ZERO, 0);
    loop {
        let now = room.epoch.elapsed();
        while due <= now && due < duration {
            room.say()?;
            said += MEMBERS;
            due += INTERVAL;
        }
        let timeout = if due < duration {
            due.saturating_sub(now)
        } else if room.heard.len() == said {
            return Ok(Latency::of(room.heard));
        } else if now > duration + HANG {
            return Err(io::Error::new(ErrorKind::TimedOut, "lines did not come"));
        } else {
            HANG
        };
        match room.poll.poll(&mut events, Some(timeout)) {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in &events {
            room.hear(event.token())?;
        }
    }
}

struct Room {
    poll: Poll,
    members: Vec<Client<TcpStream>>,
    epoch: Instant,
    heard: Vec<Duration>,
}

impl Room {
    fn join(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut members = Vec::new();
        for n in 0..MEMBERS {
            let mut member = Client::join(address)?.into_polled()?;
            poll.registry().register(member.stream(), Token(n), Interest::READABLE)?;
            members.push(member);
        }
        Ok(Self { poll, members, epoch: Instant::now(), heard: Vec::new() })
    }

    /// The first member says a line, whose number is the time of it.
    fn say(&mut self) -> io::Result<()> {
        let text = Message::new(&"x".repeat(LINE_BYTES)).map_err(io::Error::other)?;
        let mut say = Say::new(MessageId(0), text, None);
        say.id = MessageId(self.epoch.elapsed().as_nanos() as u64);
        // A line is short of what a socket takes, even where several wait: it goes whole or fails.
        self.members[0].stream().write_all(&say.to_bytes())
    }

    /// A member reads all that there is.
    fn hear(&mut self, token: Token) -> io::Result<()> {
        let member = &mut self.members[token.0];
        loop {
            match member.receive() {
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                received => received?,
            }
            let now = self.epoch.elapsed();
            for incoming in member.take_inbox() {
                if let Incoming::Event(Event::Said(said)) = incoming {
                    self.heard.push(now.saturating_sub(Duration::from_nanos(said.id.0)));
                }
            }
        }
    }
}
