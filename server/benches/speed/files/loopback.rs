//! How this machine's connections to itself go.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use socket2::SockRef;

/// Name of the congestion control that they have: figures under `bbr` and under `cubic` can't be
/// compared. It matters even here: one that paces what it
/// sends, as `bbr` does, makes a fast server slow, and its timers cost CPU.
pub(crate) fn congestion_control() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let name = SockRef::from(&stream).tcp_congestion()?;
    Ok(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned())
}
