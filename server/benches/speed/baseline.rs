//! The least that a chat server could do, as servers to be measured beside ours: bytes in, the
//! same bytes out to everyone. No protocol, no room, no limits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Comes first on the command line where this program is started as one of the baselines.
pub(crate) const BASELINE: &str = "--baseline";

/// What a newcomer is sent first.
pub(crate) const GREETING: &[u8] = b"welcome\n";

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of the log that are kept for those who lag, before it is cut.
const LOG_BYTES: usize = 4 * 1024 * 1024;

const LISTENER: Token = Token(usize::MAX);

struct Member {
    stream: TcpStream,
    /// How far it has been sent the log, as an offset into all that was ever said.
    cursor: u64,
}

struct Room {
    members: Vec<Member>,
    log: Vec<u8>,
    /// The offset of the log's first byte.
    start: u64,
}

/// Serves for ever.
///
/// # Errors
/// When the system calls fail that every server needs.
pub(crate) fn serve(which: &str, port: u16) -> io::Result<()> {
    let flush_each_read = match which {
        "shared-log" => false,
        "each-read" => true,
        _ => return Err(io::Error::new(ErrorKind::InvalidInput, "no such baseline")),
    };
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut room = Room { members: Vec::new(), log: Vec::new(), start: 0 };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                room.accept(&listener, &poll)?;
            } else if event.is_readable() {
                room.read(event.token().0, &mut buffer, flush_each_read);
            }
        }
        room.flush();
    }
}

impl Room {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(self.members.len()), both)?;
            let _ = stream.write(GREETING);
            let cursor = self.start + self.log.len() as u64;
            self.members.push(Member { stream, cursor });
        }
        Ok(())
    }

    fn read(&mut self, member: usize, buffer: &mut [u8], flush_each_read: bool) {
        while let Ok(count @ 1..) = self.members[member].stream.read(buffer) {
            self.log.extend_from_slice(&buffer[..count]);
            if flush_each_read {
                self.flush();
            }
            if count < buffer.len() {
                break;
            }
        }
    }

    /// Writes to each what it lacks. Whoever is not writable is tried again at the next event.
    fn flush(&mut self) {
        let end = self.start + self.log.len() as u64;
        for member in &mut self.members {
            if member.cursor < end {
                let lacking = &self.log[(member.cursor - self.start) as usize..];
                match member.stream.write(lacking) {
                    Ok(count) => member.cursor += count as u64,
                    Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                    // It is gone, and lacks nothing any more.
                    Err(_) => member.cursor = u64::MAX,
                }
            }
        }
        if self.log.len() > LOG_BYTES {
            let first =
                self.members.iter().map(|member| member.cursor).min().map_or(end, |at| at.min(end));
            self.log.drain(..(first - self.start) as usize);
            self.start = first;
        }
    }
}
