//! A member without a program behind it, which can send what no client would: frames as they are.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use chatshelf_common::id::MessageId;
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{Hello, Join, Said, Say};
use chatshelf_common::wire::{Code, Deframer, Event, Frame, ServerFrame, Unit};

use super::server::{HANG, read_some};

/// What a server sends, file content aside.
#[derive(Debug)]
enum Heard {
    Frame(ServerFrame),
    Event(Event),
}

pub(crate) struct Peer {
    stream: TcpStream,
    deframer: Deframer,
    heard: VecDeque<Heard>,
}

impl Peer {
    /// Joins, without history.
    pub(crate) fn join(server: SocketAddr, nick: &str) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).expect("a socket");
        let mut peer = Self { stream, deframer: Deframer::joined(), heard: VecDeque::new() };
        peer.send(&Hello::new(1, 1).to_bytes());
        let (nick, history) = (Nick::new(nick).expect("a nick"), Some(0));
        peer.send(&Join::new(nick, history).to_bytes());
        peer.wait(|heard| match heard {
            Heard::Frame(ServerFrame::Snapshot(part)) => part.part.last.then_some(()),
            _ => None,
        });
        peer
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Says something and waits for the echo.
    pub(crate) fn say(&mut self, text: &str) {
        let text = Message::new(text).expect("a message");
        let say = Say { id: MessageId(1), text: text.clone(), style: None, repeat: None };
        self.send(&say.to_bytes());
        self.hears(|said| said.text == text);
    }

    /// Waits for a line that fits.
    pub(crate) fn hears(&mut self, mut fits: impl FnMut(&Said) -> bool) {
        self.wait(|heard| match heard {
            Heard::Event(Event::Said(said)) if fits(said) => Some(()),
            _ => None,
        });
    }

    /// Waits until this member is here.
    #[cfg(unix)]
    pub(crate) fn sees_join(&mut self, nick: &str) {
        self.wait(|heard| match heard {
            Heard::Event(Event::Joined(joined)) if joined.nick.as_str() == nick => Some(()),
            _ => None,
        });
    }

    /// Waits until this member is gone, and says why.
    pub(crate) fn sees_leave(&mut self, nick: &str) -> Code {
        self.wait(|heard| match heard {
            Heard::Event(Event::Left(left)) if left.nick.as_str() == nick => Some(left.code),
            _ => None,
        })
    }

    /// Waits for a refusal.
    pub(crate) fn refused(&mut self) -> Code {
        self.wait(|heard| match heard {
            Heard::Frame(ServerFrame::Refused(refused)) => Some(refused.code),
            _ => None,
        })
    }

    /// Waits for what `pick` wants, and forgets what came before it.
    fn wait<T>(&mut self, mut pick: impl FnMut(&Heard) -> Option<T>) -> T {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            while let Some(heard) = self.heard.pop_front() {
                if let Some(found) = pick(&heard) {
                    return found;
                }
            }
            let count = read_some(&mut self.stream, &mut buffer).expect("the server says more");
            assert!(count > 0, "the server has closed");
            let mut input = &buffer[..count];
            while let Some(unit) = self.deframer.next(&mut input).expect("frames") {
                let Unit::Control { header, value } = unit else { continue };
                self.heard.push_back(match header.kind {
                    0xC0..=0xCF => Heard::Event(Event::decode(header.kind, value).expect("event")),
                    kind => Heard::Frame(ServerFrame::decode(kind, value).expect("a frame")),
                });
            }
        }
    }
}
