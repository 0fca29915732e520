//! The machine that the tests run on.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// An address of this machine that is not of the loopback network, if it has one. Nothing is sent.
pub fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation, which nobody has (RFC 5737): it is only asked for the way.
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}
