//! Under which addresses others reach this machine, the best first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// What the names of interfaces begin with that lead to containers and virtual machines here.
const BRIDGES: [&str; 7] = ["docker", "br-", "veth", "virbr", "podman", "cni", "lxc"];

/// The addresses under which others may reach a server that listens there, the best first.
#[must_use]
pub fn reachable(listening: SocketAddr) -> Vec<IpAddr> {
    let mut ips = match listening.ip() {
        ip if ip.is_unspecified() => of_machine(),
        ip => vec![ip],
    };
    ips.retain(|ip| listening.is_ipv6() || ip.is_ipv4());
    ips
}

/// The addresses of this machine that others may reach: not those of the loopback network, nor such
/// as are valid on one link only. First that from which the way to elsewhere begins; those of
/// container bridges last.
fn of_machine() -> Vec<IpAddr> {
    let first = outgoing();
    let mut found: Vec<(u8, IpAddr)> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|it| !it.is_loopback() && !it.is_link_local())
        .map(|it| (rank(&it.name, it.ip(), first), it.ip()))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, ip)| ip).collect()
}

fn rank(interface: &str, ip: IpAddr, first: Option<IpAddr>) -> u8 {
    let is_bridge = BRIDGES.iter().any(|begin| interface.starts_with(begin));
    match ip {
        _ if Some(ip) == first => 0,
        _ if is_bridge => 3,
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    }
}

/// The address that a packet to elsewhere would have. None is sent.
fn outgoing() -> Option<IpAddr> {
    // Addresses for documentation, which nobody has (RFC 5737, RFC 3849).
    let v4 = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::new(203, 0, 113, 1)));
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let v6 = (IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(v6));
    let source = |(from, to): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    source(v4).or_else(|| source(v6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_comes_first_and_bridges_last() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = Some(ip("192.0.2.7"));
        let interfaces = [
            ("docker0", "172.17.0.1"),
            ("eth1", "fd00::2"),
            ("br-1f2e3d", "172.18.0.1"),
            ("eth1", "198.51.100.7"),
            ("wlan0", "192.0.2.7"),
        ];
        let mut ranked = interfaces.map(|(name, it)| (rank(name, ip(it), first), it));
        ranked.sort_unstable();
        let order = ["192.0.2.7", "198.51.100.7", "fd00::2", "172.17.0.1", "172.18.0.1"];
        assert_eq!(ranked.map(|(_, it)| it), order);
    }

    #[test]
    fn no_address_is_this_machines_alone() {
        assert!(of_machine().iter().all(|ip| !ip.is_loopback() && !ip.is_unspecified()));
    }

    #[test]
    fn a_server_is_reached_where_it_listens() {
        let at = |listening: &str| reachable(listening.parse().unwrap());
        assert_eq!(at("127.0.0.1:9000"), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        assert_eq!(at("[::]:9000"), of_machine());
        assert!(at("0.0.0.0:9000").iter().all(IpAddr::is_ipv4));
    }
}
