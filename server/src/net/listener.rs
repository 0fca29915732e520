//! The listening sockets: bound once, accepted from in turn until none has more, and paused when
//! the system runs out of descriptors. From there on, `carrier` carries a connection.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::disk::readahead::WINDOWS_MAX;

/// Connections the system queues until they are accepted.
const BACKLOG: i32 = 4096;

/// Unsent bytes that the kernel buffers for a connection before it reports "not writable". From a
/// connection's first download on, the limit is lower if it is slow, and higher if it is fast
/// (`chatshelf_common::unsent`).
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT_BYTES: u32 = 128 * 1024;

/// How long accepting pauses when the system is out of descriptors or memory. A connection that
/// closes ends the pause early.
const PAUSE_MS: u64 = 500;

/// Descriptors that the server itself needs: standard streams, poll, waker, listener, lock,
/// journal, and files it opens briefly.
const DESCRIPTORS_OWN: usize = 16;
/// Upper bound of the descriptors reserved for transfers and for the journal's next segment.
const DESCRIPTORS_KEPT_MAX: usize = 160 + WINDOWS_MAX;

/// Returns how many connections may be open if the system allows this many descriptors. New
/// connections must not take those that the members' files or the journal need.
#[must_use]
pub fn connections_max(descriptors: usize) -> usize {
    let kept = DESCRIPTORS_OWN + (descriptors / 4).min(DESCRIPTORS_KEPT_MAX);
    descriptors.saturating_sub(kept).max(1)
}

/// Returns how many files downloads may be sent from at once if the system allows this many
/// descriptors: a quarter of those reserved for files.
#[must_use]
pub fn windows_max(descriptors: usize) -> usize {
    (descriptors / 16).min(WINDOWS_MAX)
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// True when connections may be waiting: until an attempt finds none.
    is_ready: bool,
}

/// The result of one attempt to accept.
#[derive(Debug)]
enum Accepted {
    /// A connection.
    Connection(Incoming),
    /// A connection that ended before it was accepted; there may be more.
    Gone,
    /// No more connections; an event reports the next.
    Empty,
    /// The system is out of descriptors or memory; no event reports when that ends.
    Exhausted(io::Error),
}

/// A connection that has just been accepted.
#[derive(Debug)]
pub struct Incoming {
    /// Its socket.
    pub stream: TcpStream,
    /// Its remote address.
    pub peer: SocketAddr,
}

impl Listener {
    /// Listens on `bind`, or on all addresses of the machine, IPv6 and IPv4 if it has both.
    ///
    /// # Errors
    /// If the address is not the machine's, is in use, or needs a privilege.
    pub fn open(bind: Option<IpAddr>, port: u16) -> io::Result<Self> {
        Ok(Self { socket: listen(bind, port)?, is_ready: true })
    }

    /// Checks whether this user could listen there. Listens to nobody. A port in use is fine: its
    /// user may be the server that the new one will replace.
    ///
    /// # Errors
    /// If the address is not the machine's, or needs a privilege.
    pub fn check(bind: Option<IpAddr>, port: u16) -> io::Result<()> {
        match bound(bind, port) {
            Err(why) if why.kind() != ErrorKind::AddrInUse => Err(why),
            _ => Ok(()),
        }
    }

    /// Returns the address it listens on.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn accept(&self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, peer)) => {
                // If the connection is already gone, its first read reports it.
                let _ = stream.set_nodelay(true);
                Accepted::Connection(Incoming { stream, peer })
            }
            Err(why) => match why.kind() {
                ErrorKind::WouldBlock => Accepted::Empty,
                ErrorKind::Interrupted
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset => Accepted::Gone,
                _ => Accepted::Exhausted(why),
            },
        }
    }
}

/// All listeners, accepted from in turn.
#[derive(Debug)]
pub struct Listeners {
    all: Vec<Listener>,
    /// The index of the listener tried last.
    latest: usize,
    /// When a pause for lack of descriptors ends, if there is one.
    paused_until_ms: Option<u64>,
    /// True when the pause has been logged.
    is_pause_logged: bool,
}

impl Listeners {
    /// Registers the listeners with the poll, each with the token that `token` returns for its
    /// index.
    ///
    /// # Errors
    /// If the system cannot register them.
    pub fn register(
        mut all: Vec<Listener>,
        registry: &Registry,
        token: impl Fn(usize) -> Token,
    ) -> io::Result<Self> {
        for (place, listener) in all.iter_mut().enumerate() {
            registry.register(&mut listener.socket, token(place), Interest::READABLE)?;
        }
        Ok(Self { all, latest: 0, paused_until_ms: None, is_pause_logged: false })
    }

    /// Notes that connections may be waiting at a listener.
    pub fn note_ready(&mut self, place: usize) {
        if let Some(listener) = self.all.get_mut(place) {
            listener.is_ready = true;
        }
    }

    /// Returns when to accept next, by the monotonic clock; `None` while no connection waits.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        let is_any_ready = self.all.iter().any(|listener| listener.is_ready);
        is_any_ready.then_some(self.paused_until_ms.unwrap_or(0))
    }

    /// Ends a pause, because a descriptor has become free.
    pub fn resume(&mut self) {
        self.paused_until_ms = None;
    }

    /// Accepts a connection, if one waits and there is no pause. Each listener is tried once, so
    /// the result may be `None` although [`Self::due_ms`] says that some wait.
    pub fn poll_accept(&mut self, now_ms: u64) -> Option<Incoming> {
        if self.paused_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
            return None;
        }
        self.paused_until_ms = None;
        for _ in 0..self.all.len() {
            self.latest = (self.latest + 1) % self.all.len();
            let listener = &mut self.all[self.latest];
            if !listener.is_ready {
                continue;
            }
            match listener.accept() {
                Accepted::Connection(incoming) => return Some(incoming),
                Accepted::Gone => {}
                Accepted::Empty => (listener.is_ready, self.is_pause_logged) = (false, false),
                Accepted::Exhausted(why) => {
                    self.pause(&why, now_ms);
                    return None;
                }
            }
        }
        None
    }

    fn pause(&mut self, why: &io::Error, now_ms: u64) {
        if !std::mem::replace(&mut self.is_pause_logged, true) {
            log::warn!("cannot accept connections for now: {why}");
        }
        self.paused_until_ms = Some(now_ms + PAUSE_MS);
    }
}

/// Says in one line why a server cannot listen there, and what to do.
#[must_use]
pub fn explain(bind: Option<IpAddr>, port: u16, why: &io::Error) -> String {
    let place = match bind {
        Some(address) => SocketAddr::from((address, port)).to_string(),
        None => format!("port {port}"),
    };
    let remedies = Remedies {
        in_use: "another --port",
        denied: "a --port above 1023",
        not_ours: "another --bind",
    };
    remedies.explain(&place, why)
}

/// What to try instead, by what is wrong with a place to listen.
pub(super) struct Remedies {
    /// Another program listens there.
    pub(super) in_use: &'static str,
    /// The user may not listen there.
    pub(super) denied: &'static str,
    /// The address is not one of this machine's.
    pub(super) not_ours: &'static str,
}

impl Remedies {
    /// Says in one line why nothing can listen at this place, and what to do.
    pub(super) fn explain(&self, place: &str, why: &io::Error) -> String {
        let Self { in_use, denied, not_ours } = self;
        match why.kind() {
            ErrorKind::AddrInUse => format!("{place} is already in use; try {in_use}"),
            ErrorKind::PermissionDenied => {
                format!("this user may not listen on {place}; try {denied}")
            }
            ErrorKind::AddrNotAvailable => {
                format!("{place} is not an address of this machine; try {not_ours}")
            }
            _ => format!("cannot listen on {place}: {why}"),
        }
    }
}

/// A socket that listens on `bind`, or on all addresses of the machine.
pub(super) fn listen(bind: Option<IpAddr>, port: u16) -> io::Result<TcpListener> {
    let socket = bound(bind, port)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn bound(bind: Option<IpAddr>, port: u16) -> io::Result<Socket> {
    let Some(address) = bind else {
        return bound_to(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).or_else(|why| {
            if why.kind() == ErrorKind::AddrInUse {
                return Err(why);
            }
            bound_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        });
    };
    bound_to(SocketAddr::from((address, port)))
}

fn bound_to(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Elsewhere this skips `TIME_WAIT`. On Windows it would let two servers share a port; without
    // it a port is kept from other users, and shared only with a program of the same user that asks
    // for that. `SO_EXCLUSIVEADDRUSE` would refuse that too; no crate sets it without `unsafe`.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit this option.
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use mio::Poll;

    use super::*;

    #[test]
    fn newcomers_leave_descriptors_for_files() {
        assert_eq!(connections_max(1_048_576), 1_048_336);
        assert_eq!(connections_max(1024), 784);
        assert_eq!(connections_max(40), 14);
        assert_eq!((connections_max(5), connections_max(0)), (1, 1));
        assert!(connections_max(usize::MAX) > usize::MAX / 2);
    }

    #[test]
    fn windows_take_a_part_of_what_is_kept_for_files() {
        for descriptors in [0, 31, 40, 1024, 1_048_576] {
            let kept = descriptors - connections_max(descriptors).min(descriptors);
            assert!(windows_max(descriptors) <= kept.saturating_sub(DESCRIPTORS_OWN) / 2);
        }
        assert_eq!((windows_max(40), windows_max(1024)), (2, WINDOWS_MAX));
    }

    fn local(port: u16) -> io::Result<Listener> {
        Listener::open(Some(Ipv4Addr::LOCALHOST.into()), port)
    }

    #[test]
    fn a_port_in_use_is_an_error_on_every_address() {
        let first = local(0).unwrap();
        let second = local(first.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn a_check_minds_neither_a_port_in_use_nor_a_free_one() {
        let listener = local(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        for bind in [None, Some(Ipv4Addr::LOCALHOST.into())] {
            Listener::check(bind, port).unwrap();
            Listener::check(bind, 0).unwrap();
        }
        // An address kept for documentation: no machine has it.
        let why = Listener::check(Some(Ipv4Addr::new(192, 0, 2, 1).into()), 0).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn without_an_address_both_families_can_come() {
        let listener = Listener::open(None, 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    fn two() -> (Poll, Listeners, [u16; 2]) {
        let poll = Poll::new().unwrap();
        let all = vec![local(0).unwrap(), local(0).unwrap()];
        let ports = [0, 1].map(|place: usize| all[place].local_addr().unwrap().port());
        let listeners = Listeners::register(all, poll.registry(), Token).unwrap();
        (poll, listeners, ports)
    }

    #[test]
    fn listeners_without_connections_wait_for_an_event() {
        let (_poll, mut listeners, _) = two();
        assert_eq!(listeners.due_ms(), Some(0));
        assert!(listeners.poll_accept(7).is_none());
        assert_eq!(listeners.due_ms(), None);
        listeners.note_ready(1);
        assert_eq!(listeners.due_ms(), Some(0));
    }

    #[test]
    fn listeners_are_accepted_from_in_turn() {
        let (_poll, mut listeners, ports) = two();
        let order = [ports[0], ports[0], ports[1], ports[1]];
        let peers = order.map(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
        let address = |peer: &TcpStream| peer.local_addr().unwrap();
        let accepted = |_| listeners.poll_accept(7).unwrap().peer;
        let found: Vec<SocketAddr> = (0..4).map(accepted).collect();
        assert_eq!(found, [2, 0, 3, 1].map(|place| address(&peers[place])));
    }

    #[test]
    fn a_pause_ends_by_itself_or_with_a_connection() {
        let (_poll, mut listeners, ports) = two();
        let _peer = TcpStream::connect((Ipv4Addr::LOCALHOST, ports[0])).unwrap();
        listeners.pause(&ErrorKind::OutOfMemory.into(), 7);
        assert_eq!(listeners.due_ms(), Some(7 + PAUSE_MS));
        assert!(listeners.poll_accept(7 + PAUSE_MS - 1).is_none());
        listeners.resume();
        assert_eq!(listeners.due_ms(), Some(0));
        listeners.pause(&ErrorKind::OutOfMemory.into(), 7);
        assert!(listeners.poll_accept(7 + PAUSE_MS).is_some());
    }
}
