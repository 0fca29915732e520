//! What a link asks of a TCP socket besides reading from it. Owns nothing.

use std::io::{self, IoSlice, Write};

use mio::net::TcpStream;

/// Lets short lines out at once. A socket that does not know the option still works.
pub(super) fn configure(socket: &TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        log::debug!("TCP_NODELAY: {error}");
    }
}

/// Writes the slices, or the beginning of them, as a piece of the kernel's queue if `is_piece`.
pub(super) fn send(
    socket: &mut TcpStream,
    slices: &[IoSlice<'_>],
    is_piece: bool,
) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    if is_piece {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        // The end of a record is the end of a piece.
        let flags = SendFlags::EOR | SendFlags::NOSIGNAL;
        return Ok(sendmsg(&*socket, slices, &mut SendAncillaryBuffer::default(), flags)?);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = is_piece;
    socket.write_vectored(slices)
}

/// Lets the socket accept no more while `bytes` of what it holds are unsent, on systems that have
/// an option for that.
pub(super) fn limit_unsent(socket: &TcpStream, bytes: u32) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes) {
        log::debug!("TCP_NOTSENT_LOWAT: {error}");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, bytes);
}
