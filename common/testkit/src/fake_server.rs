//! A server that does what the test says: it may send anything, at any moment, and nothing happens
//! by itself.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use chatshelf_common::id::{Seq, TransferId};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{
    DownloadReady, DownloadRequest, Goodbye, Item, Join, Said, Snapshot, Welcome,
};
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Event, Frame, Unit};
use socket2::{Domain, Socket, Type};

use crate::raw;
use crate::samples;
use crate::server_frames::{hello_ack, snapshot, welcome};
use crate::wait::{HANG, eventually, read_some};

/// The seq at which everyone joins; events begin one later.
pub const JOINED_AT: Seq = Seq(7);

/// A line that bob says after so many other events.
pub fn said(after: u64, text: &str) -> Said {
    samples::said(Seq(JOINED_AT.0 + 1 + after), text)
}

/// The server. It listens; what it does with those who connect is up to the test.
#[derive(Debug)]
pub struct FakeServer(TcpListener);

/// A place where nobody listens, for as long as it is held: nobody else can get its port.
#[derive(Debug)]
pub struct Nowhere(Socket);

impl Nowhere {
    /// Takes a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any_port.into()).expect("a port");
        Self(socket)
    }

    /// Where nobody listens.
    ///
    /// # Panics
    /// Never: it has an address.
    pub fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().expect("an address");
        address.as_socket().expect("an address of the internet")
    }
}

impl FakeServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never: it has an address.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// Waits for a client that connects.
    ///
    /// # Panics
    /// When none does.
    #[track_caller]
    pub fn accept(&self) -> Guest {
        let stream = eventually("a client that connects", || match self.0.accept() {
            Ok((stream, _)) => Some(stream),
            Err(why) if why.kind() == ErrorKind::WouldBlock => None,
            Err(why) => panic!("{why}"),
        });
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(HANG)).expect("a socket");
        stream.set_write_timeout(Some(HANG)).expect("a socket");
        Guest { stream, deframer: Deframer::joined() }
    }
}

/// A client that has connected.
#[derive(Debug)]
pub struct Guest {
    stream: TcpStream,
    deframer: Deframer,
}

impl Guest {
    /// Answers its `Hello` and lets it join an empty room.
    #[track_caller]
    pub fn welcome(&mut self) {
        self.welcome_to(Vec::new());
    }

    /// Answers its `Hello` and lets it join a room with these on the shelf.
    #[track_caller]
    pub fn welcome_to(&mut self, items: Vec<Item>) {
        let nick = self.joins();
        self.send(&hello_ack());
        self.admit(nick, items);
    }

    /// Lets it into a room with these on the shelf; the rest of its greeting is the test's.
    #[track_caller]
    pub fn admit(&mut self, nick: Nick, items: Vec<Item>) {
        self.send(&welcome(nick.clone(), JOINED_AT));
        self.send(&Snapshot { items, ..snapshot(vec![nick], JOINED_AT) });
    }

    /// Lets it return to a room where these have happened meanwhile, from `from` on.
    #[track_caller]
    pub fn welcome_back(&mut self, from: Seq, events: &[Event]) {
        let nick = self.joins();
        let seq = events.last().map_or(JOINED_AT, Event::seq);
        self.send(&hello_ack());
        self.send(&Welcome { from, ..welcome(nick.clone(), seq) });
        self.send(&snapshot(vec![nick], seq));
        let mut bytes = Vec::new();
        events.iter().for_each(|event| event.encode(&mut bytes));
        self.send_bytes(&bytes);
    }

    /// Waits until it asks for this item, and sends the beginning of it alone, all at once: when
    /// the client has made a file for it, it has the beginning too.
    #[track_caller]
    pub fn begin_download(&mut self, item: Item, beginning: &[u8]) {
        let transfer = self.download_asked();
        let ready = DownloadReady { transfer, offset: 0, item };
        self.send_bytes(&[ready.to_bytes(), raw::data(transfer.0, 0, beginning)].concat());
    }

    /// Waits until it asks for an item.
    #[track_caller]
    pub fn download_asked(&mut self) -> TransferId {
        self.wait(|frame| match frame {
            ClientFrame::DownloadRequest(DownloadRequest { transfer, .. }) => Some(transfer),
            _ => None,
        })
    }

    /// Waits until it asks for a nick.
    #[track_caller]
    pub fn joins(&mut self) -> Nick {
        self.wait(|frame| match frame {
            ClientFrame::Join(Join { nick, .. }) => Some(nick),
            _ => None,
        })
    }

    /// Waits for a line to the room, and answers whether it may be a repetition.
    #[track_caller]
    pub fn wait_for_say(&mut self) -> bool {
        self.wait(|frame| match frame {
            ClientFrame::Say(say) => Some(say.repeat.is_some()),
            _ => None,
        })
    }

    /// Waits for `Leave`, and says goodbye.
    #[track_caller]
    pub fn see_off(&mut self) {
        self.wait(|frame| matches!(frame, ClientFrame::Leave(_)).then_some(()));
        self.send(&Goodbye::new(Code::LEFT));
    }

    /// Sends bytes of a file.
    #[track_caller]
    pub fn send_data(&mut self, transfer: TransferId, offset: u64, bytes: &[u8]) {
        self.send_bytes(&raw::data(transfer.0, offset, bytes));
    }

    /// Sends a frame.
    #[track_caller]
    pub fn send(&mut self, frame: &impl Frame) {
        self.send_bytes(&frame.to_bytes());
    }

    /// Sends any bytes.
    ///
    /// # Panics
    /// When the client is gone.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the client reads");
    }

    /// Sends a frame; false when the client is gone.
    pub fn try_send(&mut self, frame: &impl Frame) -> bool {
        self.stream.write_all(&frame.to_bytes()).is_ok()
    }

    /// Waits for a frame that `pick` wants; passes over those before it.
    ///
    /// # Panics
    /// When the client closes first.
    #[track_caller]
    pub fn wait<T>(&mut self, pick: impl Fn(ClientFrame) -> Option<T>) -> T {
        // One byte at a time: what follows the frame stays in the socket.
        let mut byte = [0];
        loop {
            let count = read_some(&mut self.stream, &mut byte).expect("the client says more");
            assert!(count > 0, "the client has closed");
            if let Some(Unit::Control { header, value }) =
                self.deframer.next(&mut &byte[..]).expect("frames")
                && let Some(found) = pick(ClientFrame::decode(header.kind, value).expect("a frame"))
            {
                return found;
            }
        }
    }
}
