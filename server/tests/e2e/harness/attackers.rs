//! Peers that mean no good, in numbers: some send next to nothing, some never read, some send
//! garbage, and all come back when they are thrown out.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_testkit::raw::{hello, hello_and_join};
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::samples::content;
use chatshelf_testkit::wait::{HANG, read_some};
use socket2::SockRef;

/// How many of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// Say nothing, or a byte of their greeting now and then.
    pub(crate) slow: usize,
    /// Join and never read.
    pub(crate) deaf: usize,
    /// Send garbage, before the greeting, after it or as members.
    pub(crate) garbage: usize,
}

/// What became of them so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections made, by all together.
    pub(crate) connections: AtomicUsize,
    /// Connections of each kind that the server has ended.
    pub(crate) slow_ended: AtomicUsize,
    pub(crate) deaf_ended: AtomicUsize,
    pub(crate) garbage_ended: AtomicUsize,
}

#[cfg(target_os = "linux")]
impl Tally {
    /// Connections that the server has ended, of all kinds.
    pub(crate) fn ended(&self) -> usize {
        let counters = [&self.slow_ended, &self.deaf_ended, &self.garbage_ended];
        counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}

/// They, at work on threads of their own.
pub(crate) struct Attackers {
    is_over: Arc<AtomicBool>,
    pub(crate) tally: Arc<Tally>,
    threads: Vec<JoinHandle<()>>,
}

impl Attackers {
    /// Lets them loose on a server. From one round to the next they wait `pause`.
    pub(crate) fn start(address: SocketAddr, numbers: Numbers, pause: Duration) -> Self {
        let (is_over, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let run = |number, act: fn(&mut Band)| {
            let (is_over, tally) = (Arc::clone(&is_over), Arc::clone(&tally));
            std::thread::spawn(move || {
                let random = Rng::new(number as u64);
                let mut band = Band { address, number, random, members: Vec::new(), tally };
                while !is_over.load(Ordering::Relaxed) {
                    act(&mut band);
                    std::thread::sleep(pause);
                }
            })
        };
        let threads = vec![
            run(numbers.slow, Band::drip),
            run(numbers.deaf, Band::be_deaf),
            run(numbers.garbage, Band::rave),
        ];
        Self { is_over, tally, threads }
    }

    /// Ends them all: their connections are closed. Says what became of them.
    pub(crate) fn end(self) -> Arc<Tally> {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("attackers go on"));
        self.tally
    }
}

/// Those of one kind.
struct Band {
    address: SocketAddr,
    number: usize,
    random: Rng,
    members: Vec<(TcpStream, usize)>,
    tally: Arc<Tally>,
}

impl Band {
    fn connect(&self) -> TcpStream {
        self.tally.connections.fetch_add(1, Ordering::Relaxed);
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream
    }

    /// Fills up the band with newcomers.
    fn refill(&mut self, begin: impl Fn(&mut TcpStream, usize)) {
        while self.members.len() < self.number {
            let mut stream = self.connect();
            begin(&mut stream, self.members.len());
            stream.set_nonblocking(true).expect("a socket");
            self.members.push((stream, 0));
        }
    }

    /// Every other one sends one more byte, unless that would make the greeting whole.
    fn drip(&mut self) {
        self.refill(|_, _| ());
        let greeting = hello();
        let Self { members, tally, .. } = self;
        for (place, (stream, sent)) in members.iter_mut().enumerate() {
            if place.is_multiple_of(2) && *sent + 1 < greeting.len() {
                // Whether it went is seen when it is read.
                *sent += stream.write(&greeting[*sent..=*sent]).unwrap_or(0);
            }
        }
        members.retain_mut(|(stream, _)| {
            let has_ended = has_ended(stream);
            tally.slow_ended.fetch_add(usize::from(has_ended), Ordering::Relaxed);
            !has_ended
        });
    }

    /// They want all that was ever said, and take none of it.
    fn be_deaf(&mut self) {
        let made = self.tally.connections.load(Ordering::Relaxed);
        self.refill(|stream, place| {
            // Full sooner.
            let _ = SockRef::from(&*stream).set_recv_buffer_size(4096);
            let join = hello_and_join(&format!("deaf{made}-{place}"), Some(HISTORY_ALL));
            stream.write_all(&join).expect("the server reads");
        });
        let Self { members, tally, .. } = self;
        members.retain(|(stream, _)| {
            let has_ended = is_shut(stream);
            tally.deaf_ended.fetch_add(usize::from(has_ended), Ordering::Relaxed);
            !has_ended
        });
    }

    /// Sends garbage on all connections at once, and waits until the server has ended them all.
    fn rave(&mut self) {
        for place in 0..self.number {
            let mut stream = self.connect();
            stream.set_read_timeout(Some(HANG)).expect("a socket");
            stream.set_write_timeout(Some(HANG)).expect("a socket");
            let garbage = self.garbage(place);
            // It may be thrown out before it has sent all.
            let _ = stream.write_all(&garbage);
            self.members.push((stream, 0));
        }
        for (mut stream, _) in self.members.drain(..) {
            let mut last_words = Vec::new();
            if let Err(why) = stream.read_to_end(&mut last_words) {
                let is_timeout = matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!is_timeout, "garbage was listened to for {HANG:?}");
            }
            self.tally.garbage_ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something that no server can go on listening to.
    fn garbage(&mut self, place: usize) -> Vec<u8> {
        let begin = match place % 4 {
            0 => Vec::new(),
            1 => b"GET / HTTP/1.1\r\nHost: chatshelf\r\n\r\n".to_vec(),
            2 => hello(),
            _ => hello_and_join(&format!("raver{}", self.random.next()), None),
        };
        let length = 1000 + self.random.below(100_000) as usize;
        // That it begins like a frame that may go on is all but impossible.
        [begin, content(self.random.next(), length)].concat()
    }
}

/// True when the server has ended a connection; what it said is read.
fn has_ended(stream: &mut TcpStream) -> bool {
    let mut words = [0; 512];
    loop {
        match read_some(stream, &mut words) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(why) => return why.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// True when the server has ended a connection from which nothing is read.
fn is_shut(stream: &TcpStream) -> bool {
    // A byte now and then is answered by a reset once nobody is there to take it. Members may
    // say nothing for long: this one says `Pong` each time.
    let mut stream = stream;
    let pong = chatshelf_common::wire::Frame::to_bytes(&chatshelf_common::wire::frame::Pong {});
    matches!(stream.write(&pong), Err(why) if why.kind() != ErrorKind::WouldBlock)
}
