//! Today's server against what recorded clients of this version of the protocol have sent
//! (`common/tests/frozen/`): it answers what they expect.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use chatshelf_testkit::recording::kind::{DATA, HELLO, JOIN, PING, WELCOME};
use chatshelf_testkit::recording::tag::{AT, RESUME, SEQ, SINCE};
use chatshelf_testkit::recording::{
    DATA_HEAD, Step, Way, What, all, as_of_a_later_version, assert_says, field, is_event,
    take_frame, with_field,
};
use chatshelf_testkit::wait::HANG;

use crate::harness::in_a_room;

/// Limits that a server chooses: those of `HelloAck`.
const CHOSEN: [u8; 4] = [33, 34, 35, 36];

/// What came over a connection, or should have: frames of the log, other frames, and data by
/// transfer. These overtake each other.
#[derive(Default)]
struct Came {
    events: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
    data: BTreeMap<[u8; 4], Vec<u8>>,
}

impl Came {
    fn take(&mut self, frame: Vec<u8>) {
        match frame[0] {
            // The clock has a part in these.
            PING => {}
            DATA => {
                let transfer = frame[6..10].try_into().unwrap();
                self.data.entry(transfer).or_default().extend(&frame[DATA_HEAD..]);
            }
            kind if is_event(kind) => self.events.push(frame),
            _ => self.others.push(frame),
        }
    }

    /// True once at least as much came.
    fn is_behind(&self, expected: &Self) -> bool {
        let bytes = |came: &Self, transfer| came.data.get(transfer).map_or(0, Vec::len);
        self.events.len() < expected.events.len()
            || self.others.len() < expected.others.len()
            || expected.data.keys().any(|it| bytes(self, it) < bytes(expected, it))
    }
}

/// A connection to today's server in the place of a recorded one.
struct Live {
    stream: TcpStream,
    partial: Vec<u8>,
    came: Came,
    expected: Came,
}

impl Live {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let (came, expected) = Default::default();
        Self { stream, partial: Vec::new(), came, expected }
    }

    /// Reads until all that the recorded client had by now has come.
    fn catch_up(&mut self, what: &str) {
        let started = Instant::now();
        while self.came.is_behind(&self.expected) {
            assert!(self.read() && started.elapsed() < HANG, "{what}: {:02x?}", self.missing());
        }
    }

    /// False at the end of the stream.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        let count = self.stream.read(&mut buffer).expect("it answers");
        self.partial.extend_from_slice(&buffer[..count]);
        while let Some(frame) = take_frame(&mut self.partial) {
            self.came.take(frame);
        }
        count > 0
    }

    fn missing(&self) -> Option<&Vec<u8>> {
        let events = self.expected.events.get(self.came.events.len());
        events.or_else(|| self.expected.others.get(self.came.others.len()))
    }

    fn assert_as_expected(&self) {
        let (came, expected) = (&self.came, &self.expected);
        for (came, expected) in [(&came.events, &expected.events), (&came.others, &expected.others)]
        {
            for (frame, recorded) in came.iter().zip(expected) {
                assert_says(frame, recorded, &CHOSEN);
            }
        }
        for (transfer, content) in &expected.data {
            assert!(came.data[transfer].starts_with(content), "data of {transfer:?}");
        }
    }
}

/// Plays the clients' side of a recording.
struct Player<'a> {
    address: SocketAddr,
    what: &'a str,
    live: BTreeMap<usize, Live>,
    is_later: bool,
}

impl Player<'_> {
    fn play(&mut self, step: &Step) {
        match &step.what {
            What::Connected(_) => {
                self.live.insert(step.connection, Live::connect(self.address));
            }
            What::Sent(Way::ToClient, frame) => {
                self.live.get_mut(&step.connection).unwrap().expected.take(frame.clone());
            }
            What::Sent(Way::ToServer, frame) => {
                self.catch_up();
                let frame = self.translated(frame);
                self.live.get_mut(&step.connection).unwrap().stream.write_all(&frame).unwrap();
            }
            What::Broken => {
                let live = self.live.get_mut(&step.connection).unwrap();
                live.stream.shutdown(Shutdown::Write).unwrap();
                while live.read() {}
            }
        }
    }

    /// Nobody sends anything before all have what they had in the recording.
    fn catch_up(&mut self) {
        self.live.values_mut().for_each(|live| live.catch_up(self.what));
    }

    /// A recorded frame with what this server has given instead of the recorded one: its times, and
    /// the token of a membership.
    fn translated(&self, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        if frame[0] == JOIN {
            if let Some(token) = field(&frame, RESUME) {
                frame = with_field(&frame, RESUME, &self.counterpart(RESUME, &token, RESUME));
            }
            if let Some(since) = field(&frame, SINCE) {
                frame = with_field(&frame, AT, &self.counterpart(SEQ, &since, AT));
            }
        }
        if self.is_later && frame[0] != HELLO {
            return as_of_a_later_version(&frame);
        }
        frame
    }

    /// The value of `tag` in the frame that came where the recorded server sent the one whose
    /// `known` is `value`.
    fn counterpart(&self, known: u8, value: &[u8], tag: u8) -> Vec<u8> {
        let pairs = self.live.values().flat_map(|live| {
            let (came, expected) = (&live.came, &live.expected);
            let events = expected.events.iter().zip(&came.events);
            events.chain(expected.others.iter().zip(&came.others))
        });
        let is_it = |(recorded, _): &(&Vec<u8>, &Vec<u8>)| {
            (is_event(recorded[0]) || recorded[0] == WELCOME)
                && field(recorded, known).is_some_and(|found| found == value)
                && field(recorded, tag).is_some()
        };
        let (_, came) = pairs.into_iter().find(is_it).expect("the client has it from somewhere");
        field(came, tag).expect("a frame of that kind")
    }
}

fn play_all(is_later: bool) {
    for (path, steps) in all() {
        in_a_room(&[], |room| {
            let (address, what) = (room.address(), &*path.to_string_lossy());
            let mut player = Player { address, what, live: BTreeMap::new(), is_later };
            steps.iter().for_each(|step| player.play(step));
            player.catch_up();
            player.live.values().for_each(Live::assert_as_expected);
        });
    }
}

#[test]
fn todays_server_answers_what_clients_of_this_version_expect() {
    play_all(false);
}

#[test]
fn todays_server_skips_what_a_later_client_adds() {
    play_all(true);
}
