//! Rooms on the local network: looks for what servers announce by multicast DNS (PROTOCOL.md, "On
//! the local network"). Owns the search and its result. Anyone can announce anything, so what is
//! found is an address to try and a name to look at; which key is trusted does not depend on it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use chatshelf_common::address::ServerAddress;
use chatshelf_common::discovery::{SERVICE, TXT_KEY};
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};

use crate::lang::tr;
use crate::text::shown;

/// How long is searched, unless told otherwise. Answers come within a second; the question is
/// repeated after one.
pub const SEARCH: Duration = Duration::from_secs(2);
/// Rooms kept of a search: more would be somebody's joke.
const ROOMS_MAX: usize = 64;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 63;

/// A room that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What its server calls itself, harmless for a terminal.
    pub name: String,
    /// Where it can probably be reached.
    pub server: ServerAddress,
    /// The beginning of its key's fingerprint, as it is announced.
    pub key: Option<String>,
}

/// Searches for a while; returns the rooms by name.
///
/// # Errors
/// A sentence that says why nothing can be searched for.
pub fn search(time: Duration) -> Result<Vec<Found>, String> {
    let explain = |why: mdns_sd::Error| tr!("cannot search the local network: {why}", why);
    let until = Instant::now() + time;
    let daemon = ServiceDaemon::new().map_err(explain)?;
    let events = daemon.browse(SERVICE).map_err(explain)?;
    let mut rooms = BTreeMap::new();
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match events.recv_timeout(left) {
            Ok(ServiceEvent::ServiceResolved(service)) if rooms.len() < ROOMS_MAX => {
                // Each of its interfaces has told of other addresses.
                if let Some(found) = found(&service) {
                    rooms.entry(service.fullname).or_insert_with(Vec::new).push(found);
                }
            }
            Ok(ServiceEvent::ServiceRemoved(_, full_name)) => drop(rooms.remove(&full_name)),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    // It is not waited for: nothing was announced that would have to be taken back.
    let _ = daemon.shutdown();
    let best = |found: Vec<(u8, Found)>| found.into_iter().min_by_key(|(rank, _)| *rank);
    Ok(rooms.into_values().filter_map(best).map(|(_, room)| room).collect())
}

/// What of a service is of use, and how likely its address leads there; none if there is none to
/// try.
fn found(service: &ResolvedService) -> Option<(u8, Found)> {
    let ips = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr);
    let (rank, ip) = ips.filter_map(|ip| Some((rank(ip)?, ip))).min()?;
    let server = SocketAddr::new(ip, service.port).to_string().parse().ok()?;
    let name = service.fullname.strip_suffix(SERVICE).unwrap_or(&service.fullname);
    let name = shortened(name.trim_end_matches('.'));
    let key = service.txt_properties.get_property_val_str(TXT_KEY).map(shortened);
    Some((rank, Found { name, server, key }))
}

/// The lower, the more likely it leads there; none for what needs to know the link as well.
fn rank(ip: IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => None,
        IpAddr::V4(ip) if ip.is_loopback() => Some(2),
        IpAddr::V4(ip) if ip.is_link_local() => Some(3),
        IpAddr::V4(_) => Some(0),
        IpAddr::V6(ip) if ip.is_unicast_link_local() || ip.is_unspecified() => None,
        IpAddr::V6(ip) if ip.is_loopback() => Some(2),
        IpAddr::V6(_) => Some(1),
    }
}

/// Text from the network, of a length that fits a line.
fn shortened(text: &str) -> String {
    shown(&text.chars().take(NAME_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceInfo;

    use super::*;

    fn service(name: &str, addresses: &str) -> ResolvedService {
        let attributes = [(TXT_KEY, "SHA256:abc\x1b[2J")];
        ServiceInfo::new(SERVICE, name, "desk.local.", addresses, 9001, &attributes[..])
            .unwrap()
            .as_resolved_service()
    }

    #[test]
    fn the_address_that_leads_there_most_likely_is_taken() {
        let best = |addresses| found(&service("desk", addresses)).map(|it| it.1.server.to_string());
        for (addresses, expected) in [
            ("127.0.0.1,192.0.2.7,2001:db8::7", "192.0.2.7:9001"),
            ("fe80::1,2001:db8::7,127.0.0.1", "[2001:db8::7]:9001"),
            ("127.0.0.1", "127.0.0.1:9001"),
            ("169.254.7.7", "169.254.7.7:9001"),
        ] {
            assert_eq!(best(addresses).as_deref(), Some(expected), "{addresses}");
        }
        assert_eq!(best("fe80::1"), None, "nobody knows on which link");
        assert_eq!(best(""), None);
    }

    #[test]
    fn what_strangers_announce_cannot_act_on_the_terminal() {
        let room = found(&service("desk\x1b]0;x\x07 \u{202e}evil", "192.0.2.7")).unwrap().1;
        assert_eq!(room.name, "desk\u{fffd}]0;x\u{fffd} \u{fffd}evil");
        assert_eq!(room.key.unwrap(), "SHA256:abc\u{fffd}[2J");
        let long = found(&service(&"n".repeat(63), "192.0.2.7")).unwrap().1;
        assert_eq!(long.name.chars().count(), NAME_CHARS_MAX);
    }
}
