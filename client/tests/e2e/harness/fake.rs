//! A server that does as the test tells it: it may send anything, at any moment, and nothing
//! happens by itself.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use chatshelf_common::id::{Digest, ItemId, MessageId, ResumeToken, Seq, TransferId, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::frame::{
    DownloadReady, DownloadRequest, Goodbye, HelloAck, Item, Join, Part, Said, Snapshot, Welcome,
};
use chatshelf_common::wire::header::data_head;
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Event, Frame, Unit};

use socket2::{Domain, Socket, Type};

use super::client::Client;
use super::eventually;
use super::room::client_command;
use super::server::{HANG, read_some};

/// The seq at which everyone joins; events begin one later.
pub(crate) const JOINED_AT: Seq = Seq(7);

pub(crate) struct FakeServer(TcpListener);

/// A place where nobody listens, for as long as it is held: nobody else can get its port.
pub(crate) struct Nowhere(Socket);

impl Nowhere {
    pub(crate) fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any_port.into()).expect("a port");
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().expect("an address");
        address.as_socket().expect("an address of the internet")
    }
}

impl FakeServer {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// Starts a client that connects here, once, and takes its call.
    pub(crate) fn client(&self, dir: &Path) -> (Client, Guest) {
        let mut command = client_command(self.address(), dir);
        let client = Client::start(command.args(["--name", "ada", "--reconnect", "0"]));
        (client, self.accept())
    }

    /// The same, and lets it join.
    pub(crate) fn joined_client(&self, dir: &Path) -> (Client, Guest) {
        let (mut client, mut guest) = self.client(dir);
        guest.welcome();
        client.shows("/help lists the commands");
        (client, guest)
    }

    pub(crate) fn accept(&self) -> Guest {
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
pub(crate) struct Guest {
    stream: TcpStream,
    deframer: Deframer,
}

impl Guest {
    /// Answers its `Hello` and lets it join an empty room.
    pub(crate) fn welcome(&mut self) {
        self.welcome_to(Vec::new());
    }

    /// Answers its `Hello` and lets it join a room with these on the shelf.
    pub(crate) fn welcome_to(&mut self, items: Vec<Item>) {
        let nick = self.joins();
        self.send(&ack());
        self.send(&welcome(nick.clone()));
        self.send(&Snapshot { items, ..snapshot(nick) });
    }

    /// Waits for it to ask for this item, and sends the beginning of it alone, all at once: when
    /// the client has made a file for it, it has the beginning too.
    pub(crate) fn begin_download(&mut self, item: Item, beginning: &[u8]) {
        let transfer = self.download_asked();
        let mut bytes = DownloadReady { transfer, offset: 0, item }.to_bytes();
        bytes.extend(data_head(transfer, 0, beginning.len() as u32));
        bytes.extend(beginning);
        self.send_bytes(&bytes);
    }

    pub(crate) fn download_asked(&mut self) -> TransferId {
        self.wait(|frame| match frame {
            ClientFrame::DownloadRequest(DownloadRequest { transfer, .. }) => Some(transfer),
            _ => None,
        })
    }

    /// Lets it come back to a room where these have happened meanwhile, from `from` on.
    pub(crate) fn welcome_back(&mut self, from: Seq, events: &[Event]) {
        let nick = self.joins();
        let seq = events.last().map_or(JOINED_AT, Event::seq);
        self.send(&ack());
        self.send(&Welcome { seq, from, ..welcome(nick.clone()) });
        self.send(&Snapshot { seq, ..snapshot(nick) });
        let mut bytes = Vec::new();
        events.iter().for_each(|event| event.encode(&mut bytes));
        self.send_bytes(&bytes);
    }

    /// Waits for it to ask for a name.
    pub(crate) fn joins(&mut self) -> Nick {
        self.wait(|frame| match frame {
            ClientFrame::Join(Join { nick, .. }) => Some(nick),
            _ => None,
        })
    }

    /// Waits for a line to the room; whether it may be a repetition.
    pub(crate) fn wait_for_say(&mut self) -> bool {
        self.wait(|frame| match frame {
            ClientFrame::Say(say) => Some(say.repeat.is_some()),
            _ => None,
        })
    }

    pub(crate) fn send_data(&mut self, transfer: TransferId, offset: u64, bytes: &[u8]) {
        self.send_bytes(&data_head(transfer, offset, bytes.len() as u32));
        self.send_bytes(bytes);
    }

    pub(crate) fn send(&mut self, frame: &impl Frame) {
        self.send_bytes(&frame.to_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the client reads");
    }

    /// False when the client is gone.
    pub(crate) fn try_send(&mut self, frame: &impl Frame) -> bool {
        self.stream.write_all(&frame.to_bytes()).is_ok()
    }

    /// Waits for `Leave`, and says goodbye.
    pub(crate) fn see_off(&mut self) {
        self.wait(|frame| matches!(frame, ClientFrame::Leave(_)).then_some(()));
        self.send(&goodbye(Code::LEFT));
    }

    /// Waits for a frame that `pick` wants; passes over those before it.
    pub(crate) fn wait<T>(&mut self, pick: impl Fn(ClientFrame) -> Option<T>) -> T {
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

pub(crate) fn ack() -> HelloAck {
    HelloAck {
        version: 1,
        capabilities: None,
        software: None,
        file_bytes_max: 1 << 30,
        shelf_items_max: 5,
        transfers_max: 8,
        history_max: 1000,
    }
}

/// A welcome without history.
pub(crate) fn welcome(nick: Nick) -> Welcome {
    Welcome { nick, seq: JOINED_AT, from: JOINED_AT.next(), resume: ResumeToken([0; 24]) }
}

/// A room with this member alone.
pub(crate) fn snapshot(nick: Nick) -> Snapshot {
    let part = Part { first: true, last: true };
    Snapshot { seq: JOINED_AT, part, topic: None, members: vec![nick], items: Vec::new() }
}

pub(crate) fn goodbye(code: Code) -> Goodbye {
    Goodbye { code, limit: None, version_min: None, version_max: None, detail: None }
}

pub(crate) fn item(name: &str, size: u64, digest: impl Into<Digest>) -> Item {
    let (name, digest) = (FileName::new(name).expect("a file name"), digest.into());
    Item::new(ItemId(1), name, size, digest, nick("bob"), UnixMillis(0))
}

pub(crate) fn nick(name: &str) -> Nick {
    Nick::new(name).expect("a nick")
}

/// A line that bob says `after` others.
pub(crate) fn said(after: u64, text: &str) -> Said {
    let text = Message::new(text).expect("a message");
    let (seq, at) = (Seq(JOINED_AT.0 + 1 + after), UnixMillis(0));
    Said { seq, at, nick: nick("bob"), id: MessageId(1), text, style: None }
}
