//! Sends each line that a client says to all clients; README.md has the rules.

#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LINE_BYTES_MAX: usize = 64 * 1024;
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    /// The beginning of a line.
    unfinished: Vec<u8>,
    unsent: Vec<u8>,
    is_broken: bool,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        while !self.unsent.is_empty() && !self.is_broken {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.is_broken = true,
            }
        }
        self.is_broken |= self.unsent.len() > UNSENT_BYTES_MAX;
    }

    /// Reads once, and returns the lines that are whole with it; none when it would block.
    fn receive(&mut self, buffer: &mut [u8]) -> Option<Vec<u8>> {
        match self.stream.read(&mut buffer[..LINE_BYTES_MAX - self.unfinished.len()]) {
            Ok(0) => self.is_broken = true,
            Ok(count) => self.unfinished.extend_from_slice(&buffer[..count]),
            Err(why) if why.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => self.is_broken = true,
        }
        let end = self.unfinished.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.unfinished.split_off(end);
        let lines = std::mem::replace(&mut self.unfinished, rest);
        self.is_broken |= self.unfinished.len() == LINE_BYTES_MAX;
        (!self.is_broken).then_some(lines)
    }
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(9000);
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(256));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut clients, mut buffer) = (Slab::<Client>::new(), vec![0; LINE_BYTES_MAX]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut clients)?;
                continue;
            }
            let key = event.token().0;
            if event.is_writable() {
                clients[key].send(&[]);
            }
            while let Some(lines) = clients[key].receive(&mut buffer) {
                if !lines.is_empty() {
                    clients.iter_mut().for_each(|(_, client)| client.send(&lines));
                }
            }
        }
        // Not before all events are handled: they name clients by their keys.
        clients.retain(|_, client| !client.is_broken);
    }
}

fn accept(listener: &TcpListener, poll: &Poll, clients: &mut Slab<Client>) -> io::Result<()> {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        let entry = clients.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(entry.key()), both)?;
        let (unfinished, unsent) = (Vec::new(), Vec::new());
        entry.insert(Client { stream, unfinished, unsent, is_broken: false });
    }
    Ok(())
}
