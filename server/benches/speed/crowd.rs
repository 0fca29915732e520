//! The members of a room, all on one poll: they join, say lines, and count what they hear by a
//! mark in it, so that no parser of ours is in the way.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::contenders::{Contender, MARK, Newcomer, Step};
use crate::interrupt;
use crate::stream::Stream;

/// Connections that may be on their way into the room at once.
const ARRIVING_MAX: usize = 100;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Longest time in which nothing happens.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Everyone in one room.
pub(crate) struct Crowd<'a> {
    contender: &'a dyn Contender,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    members: Vec<Member>,
    mark: Finder<'static>,
    line_number: u64,
}

struct Member {
    stream: Stream,
    newcomer: Option<Newcomer>,
    id: String,
    unsent: Vec<u8>,
    /// The end of what was read last: a mark may go on in what comes next.
    tail: Vec<u8>,
    heard: u64,
    said: u64,
}

/// What people say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// Members who speak: the first so many.
    pub(crate) senders: usize,
    /// Lines of each that are on their way at once.
    pub(crate) in_flight: usize,
    /// Lines in all.
    pub(crate) lines: u64,
    /// No line is begun after so long.
    pub(crate) time_max: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Lines heard, of all members together.
    pub(crate) deliveries: u64,
    pub(crate) time: Duration,
    /// From a line's being written to each member's having read it, in microseconds; of one
    /// sender only, since only then it is known which line it is.
    pub(crate) latencies_us: Vec<u32>,
}

impl<'a> Crowd<'a> {
    /// Lets `count` members join. All are in the room when it returns, and have been told of one
    /// another.
    ///
    /// # Errors
    /// When one can't, or nothing happens for too long.
    pub(crate) fn join(
        contender: &'a dyn Contender,
        address: SocketAddr,
        count: usize,
    ) -> io::Result<Self> {
        let mut crowd = Self {
            contender,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; READ_BYTES],
            members: Vec::with_capacity(count),
            mark: Finder::new(MARK.as_bytes()),
            line_number: 0,
        };
        let mut joined = 0;
        while joined < count {
            while crowd.members.len() < count && crowd.members.len() - joined < ARRIVING_MAX {
                crowd.connect(address)?;
            }
            crowd.turn(|_, _, _| {})?;
            joined = crowd.members.iter().filter(|member| member.newcomer.is_none()).count();
        }
        // What a server tells of the last newcomer comes before a line that is said now.
        let talk = Talk { senders: 1, in_flight: 1, lines: 1, time_max: SILENCE_MAX };
        crowd.talk(talk, MARK)?;
        Ok(crowd)
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<()> {
        let number = self.members.len();
        // Not to wait for it would bring nothing: over loopback it is the system that answers.
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both)?;
        self.members.push(Member {
            stream: Stream::new(stream, self.contender.carrier())?,
            newcomer: Some(Newcomer { number, ..Newcomer::default() }),
            id: String::new(),
            unsent: self.contender.greeting(number),
            tail: Vec::new(),
            heard: 0,
            said: 0,
        });
        self.members[number].send()
    }

    /// Says lines and waits until everyone has heard them. The last member's hearing opens the
    /// senders' windows.
    ///
    /// # Errors
    /// When a connection ends, or nothing happens for too long.
    pub(crate) fn talk(&mut self, talk: Talk, text: &str) -> io::Result<Heard> {
        for member in &mut self.members {
            (member.heard, member.said) = (0, 0);
        }
        let (begun, mut written, mut heard) = (Instant::now(), Vec::new(), Heard::default());
        let (mut said, mut is_closed) = (0, false);
        while !is_closed || self.members.iter().any(|member| member.heard < self.due(member, said))
        {
            let last = self.members.last().map_or(0, |member| self.passed(member));
            let window = (talk.senders * talk.in_flight) as u64;
            let now = Instant::now();
            while !is_closed && said - last < window {
                let sender = said as usize % talk.senders;
                // All that this sender may say at this moment goes out at once.
                let burst = if talk.senders == 1 { window - (said - last) } else { 1 };
                let burst = burst.min(talk.lines - said);
                self.say(sender, burst, text)?;
                written.extend((0..burst).map(|_| now));
                said += burst;
                is_closed = said == talk.lines || now - begun > talk.time_max;
            }
            self.turn(|heard_before, count, now| {
                heard.deliveries += count;
                if talk.senders == 1 {
                    let lines = heard_before as usize..(heard_before + count) as usize;
                    let latency = |sent: &Instant| (now - *sent).as_micros() as u32;
                    heard.latencies_us.extend(written[lines].iter().map(latency));
                }
            })?;
        }
        heard.time = begun.elapsed();
        Ok(heard)
    }

    /// Lines that have passed a member, its own included.
    fn passed(&self, member: &Member) -> u64 {
        if self.contender.echoes() { member.heard } else { member.heard + member.said }
    }

    /// Lines that a member has to hear when so many were said.
    fn due(&self, member: &Member, said: u64) -> u64 {
        if self.contender.echoes() { said } else { said - member.said }
    }

    fn say(&mut self, sender: usize, lines: u64, text: &str) -> io::Result<()> {
        let member = &mut self.members[sender];
        for _ in 0..lines {
            self.line_number += 1;
            member.unsent.extend(self.contender.line(&member.id, self.line_number, text));
        }
        member.said += lines;
        member.send()
    }

    /// Serves everyone who has something to do, waiting for it. `hear` is told how many lines a
    /// member had heard before, how many it hears now, and when that is.
    fn turn(&mut self, mut hear: impl FnMut(u64, u64, Instant)) -> io::Result<()> {
        interrupt::check()?;
        self.poll.poll(&mut self.events, Some(SILENCE_MAX))?;
        if self.events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "nothing happens any more"));
        }
        for event in &self.events {
            let member = &mut self.members[event.token().0];
            if event.is_writable() {
                member.send()?;
            }
            if event.is_readable() {
                while let Some(count) = member.receive(&mut self.buffer)? {
                    let bytes = &self.buffer[..count];
                    member.arrive(self.contender, bytes)?;
                    let lines = member.count(&self.mark, bytes);
                    if lines > 0 {
                        hear(member.heard, lines, Instant::now());
                        member.heard += lines;
                    }
                    if count < self.buffer.len() && member.stream.is_short() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Member {
    fn send(&mut self) -> io::Result<()> {
        self.stream.push()?;
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// The next bytes, or none for now.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(buffer) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hangs up")),
            Ok(count) => Ok(Some(count)),
            Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Goes on into the room, if it is not there.
    fn arrive(&mut self, contender: &dyn Contender, bytes: &[u8]) -> io::Result<()> {
        let Some(newcomer) = &mut self.newcomer else { return Ok(()) };
        newcomer.received.extend_from_slice(bytes);
        loop {
            match contender.arrive(newcomer) {
                Step::Wait => return Ok(()),
                Step::Send(bytes) => self.unsent.extend(bytes),
                Step::Joined => {
                    self.id = std::mem::take(&mut newcomer.id);
                    self.newcomer = None;
                    return Ok(());
                }
            }
            while !self.unsent.is_empty() {
                let count = self.stream.write(&self.unsent)?;
                self.unsent.drain(..count);
            }
        }
    }

    /// Marks in these bytes, or begun in those before.
    fn count(&mut self, mark: &Finder<'_>, bytes: &[u8]) -> u64 {
        let overlap = MARK.len() - 1;
        let mut found = mark.find_iter(bytes).count();
        if !self.tail.is_empty() {
            self.tail.extend_from_slice(&bytes[..bytes.len().min(overlap)]);
            found += mark.find_iter(&self.tail).count();
        }
        let end = if bytes.len() < overlap && !self.tail.is_empty() { &self.tail } else { bytes };
        let end = &end[end.len().saturating_sub(overlap)..];
        let begun = memchr::memchr(MARK.as_bytes()[0], end);
        self.tail = begun.map_or_else(Vec::new, |place| end[place..].to_vec());
        found as u64
    }
}
