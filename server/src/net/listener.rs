//! The listening socket: bound once, accepted from until it has no more, and paused when the
//! system has no descriptor left.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use super::transport::TcpTransport;
use crate::disk::readahead::PIPES_MAX;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Unsent bytes that the kernel takes for a connection before it says "not writable". From its first
/// download on it is less on a slow connection, and more on a fast one (`chatshelf_common::unsent`).
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT_BYTES: u32 = 128 * 1024;

/// How long accepting pauses when the system is out of descriptors or memory. A connection that
/// closes ends the pause earlier.
pub const PAUSE_MS: u64 = 500;

/// Descriptors that the server needs for itself: standard streams, poll, waker, listener, lock,
/// journal, and what it opens for a moment.
const DESCRIPTORS_OWN: usize = 16;
/// Descriptors kept for transfers and for the journal's next segment, at most.
const DESCRIPTORS_KEPT_MAX: usize = 160 + 2 * PIPES_MAX;

/// How many connections may be open when the system gives so many descriptors: newcomers are not
/// to take those that members' files need, or the journal.
#[must_use]
pub fn connections_max(descriptors: usize) -> usize {
    let kept = DESCRIPTORS_OWN + (descriptors / 4).min(DESCRIPTORS_KEPT_MAX);
    descriptors.saturating_sub(kept).max(1)
}

/// How many pipes downloads may use when the system gives so many descriptors: a quarter of those
/// that are kept for files.
#[must_use]
pub fn pipes_max(descriptors: usize) -> usize {
    (descriptors / 32).min(PIPES_MAX)
}

/// What one try to accept came to.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Connection(TcpTransport, SocketAddr),
    /// One that was gone before it was accepted; there may be more.
    Gone,
    /// No more; an event tells when there is.
    Empty,
    /// The system has nothing left to accept with; no event will tell when it has.
    Exhausted(io::Error),
}

/// Listens on `bind`, or on all addresses of the machine: of both families where it has both.
///
/// # Errors
/// When the address is not the machine's, is in use, or needs a privilege.
pub fn listen(bind: Option<IpAddr>, port: u16) -> io::Result<TcpListener> {
    let Some(address) = bind else {
        return listen_on(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).or_else(|why| {
            if why.kind() == ErrorKind::AddrInUse {
                return Err(why);
            }
            listen_on(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        });
    };
    listen_on(SocketAddr::from((address, port)))
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // On Windows this would let two servers share a port; elsewhere it skips TIME_WAIT.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    // Connections inherit this one from their listener.
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Accepts one connection.
pub fn accept(listener: &TcpListener) -> Accepted {
    match listener.accept() {
        Ok((stream, peer)) => {
            // A connection that is gone already says so at its first read.
            let _ = stream.set_nodelay(true);
            Accepted::Connection(TcpTransport::new(stream), peer)
        }
        Err(why) => match why.kind() {
            ErrorKind::WouldBlock => Accepted::Empty,
            ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
                Accepted::Gone
            }
            _ => Accepted::Exhausted(why),
        },
    }
}

#[cfg(test)]
mod tests {
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
    fn pipes_take_a_part_of_what_is_kept_for_files() {
        for descriptors in [0, 31, 40, 1024, 1_048_576] {
            let kept = descriptors - connections_max(descriptors).min(descriptors);
            assert!(2 * pipes_max(descriptors) <= kept.saturating_sub(DESCRIPTORS_OWN) / 2);
        }
        assert_eq!((pipes_max(40), pipes_max(1024)), (1, PIPES_MAX));
    }

    #[test]
    fn a_port_in_use_is_an_error_on_every_address() {
        let first = listen(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen(Some(Ipv4Addr::LOCALHOST.into()), port).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn an_empty_backlog_is_no_error() {
        let listener = listen(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        assert!(matches!(accept(&listener), Accepted::Empty));
    }

    #[test]
    fn without_an_address_both_families_can_come() {
        let listener = listen(None, 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
