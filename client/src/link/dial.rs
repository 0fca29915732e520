//! Making a connection: looks up the addresses, opens sockets when the [`Race`] says so, and
//! returns the first that connects. The others are closed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::race::{Race, Step};
use super::resolve::Route;

/// A connection being made.
#[derive(Debug)]
pub(super) struct Dial {
    /// `None` while the addresses are being looked up.
    race: Option<Race>,
    attempts: Vec<(SocketAddr, TcpStream)>,
    /// When to look at it again, at the latest.
    wake_at: Option<Instant>,
}

impl Dial {
    /// Starts with the lookup.
    pub(super) fn begin(route: &mut Route, now: Instant) -> Self {
        route.begin(now);
        Self { race: None, attempts: Vec::new(), wake_at: Some(now) }
    }

    /// When to look again at the latest, if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Makes progress: to be called after an event on one of the sockets, after the waker was used,
    /// and at [`Self::wake_at`]. All sockets are registered under `token`.
    ///
    /// # Errors
    /// The most telling one, when no address could be reached.
    pub(super) fn advance(
        &mut self,
        route: &mut Route,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> io::Result<Option<TcpStream>> {
        if self.race.is_none() {
            let Some(addresses) = route.poll(now) else {
                self.wake_at = route.deadline();
                return Ok(None);
            };
            self.race = Some(Race::new(addresses?, now));
        }
        if let Some(stream) = self.winner(now) {
            return Ok(Some(stream));
        }
        self.wake_at = Some(self.begin_attempts(registry, token, now)?);
        Ok(None)
    }

    /// The first socket that is connected. Closes those that have failed.
    fn winner(&mut self, now: Instant) -> Option<TcpStream> {
        let race = self.race.as_mut()?;
        let mut place = 0;
        while let Some((address, stream)) = self.attempts.get(place) {
            match is_connected(stream) {
                Ok(true) => {
                    log::info!("connected to {address}");
                    return Some(self.attempts.swap_remove(place).1);
                }
                Ok(false) => place += 1,
                Err(error) => {
                    log::info!("{address}: {error}");
                    self.attempts.remove(place);
                    race.handle_failure(error, now);
                }
            }
        }
        None
    }

    /// Opens the sockets that are due; returns when to look again.
    fn begin_attempts(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> io::Result<Instant> {
        let Some(race) = &mut self.race else { return Ok(now) };
        loop {
            match race.poll(now) {
                Step::Try(address) => match open(address, registry, token) {
                    Ok(stream) => self.attempts.push((address, stream)),
                    Err(error) => {
                        log::info!("{address}: {error}");
                        race.handle_failure(error, now);
                    }
                },
                Step::Wait(until) => return Ok(until),
                Step::Over(error) => return Err(error),
            }
        }
    }
}

fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// True once the socket is connected, false while that is undecided.
fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
