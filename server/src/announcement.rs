//! The room on the local network: its server announces itself by multicast DNS as long as it runs
//! (PROTOCOL.md, "On the local network"). Owns what is told there, which is never who is in the room
//! or what is on its shelf. Questions are answered on threads of their own, one for each family of
//! addresses.

mod family;
mod message;

use std::net::{IpAddr, SocketAddr};

use chatshelf_common::discovery::{TXT_KEY, TXT_PROTOCOL, TXT_VERSION};
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::limits::{PORT_DEFAULT, VERSION_MAX};

use crate::identity::own_name;
use family::{Family, Twins};
use message::Service;

/// The port of multicast DNS (RFC 6762, section 3).
const PORT: u16 = 5353;
/// Bytes of the hash in a host's name.
const HOST_HASH_BYTES: usize = 8;

/// An announcement. Dropped, it is taken back.
#[derive(Debug)]
pub struct Announcement {
    families: Vec<Family>,
}

impl Announcement {
    /// Announces a server that listens on this address.
    ///
    /// # Errors
    /// A sentence that says what is wrong: only this machine can reach the address, or the system
    /// does not let anyone announce anything.
    pub fn begin(address: SocketAddr, fingerprint: &Fingerprint) -> Result<Self, String> {
        let ip = address.ip();
        if ip.is_loopback() {
            return Err(format!("cannot announce {address}: only this machine can reach it"));
        }
        let (service, twins) =
            (service(&own_name(), address.port(), fingerprint), Twins::default());
        // A server on [::] is reached by both.
        let families: &[bool] = match ip {
            IpAddr::V4(_) => &[true],
            IpAddr::V6(ip) if ip.is_unspecified() => &[true, false],
            IpAddr::V6(_) => &[false],
        };
        let begun =
            families.iter().map(|v4| Family::begin(*v4, service.clone(), ip, twins.clone()));
        let (families, failed): (Vec<_>, Vec<_>) = begun.partition(Result::is_ok);
        match failed.into_iter().find_map(Result::err) {
            Some(why) if families.is_empty() => Err(format!("cannot announce the room: {why}")),
            _ => Ok(Self { families: families.into_iter().flatten().collect() }),
        }
    }

    /// Announces this key from now on.
    pub fn replace_key(&self, fingerprint: &Fingerprint) {
        let attributes = attributes(fingerprint);
        self.families.iter().for_each(|family| family.replace(&attributes));
    }
}

/// What is announced of a machine of this name.
fn service(name: &str, port: u16, fingerprint: &Fingerprint) -> Service {
    let machine = name.split('.').next().filter(|it| !it.is_empty()).unwrap_or("chatshelf");
    let suffix = if port == PORT_DEFAULT { String::new() } else { format!(" {port}") };
    let hash = blake3::hash(format!("{name}\n{port}\n{fingerprint}").as_bytes());
    let hash = data_encoding::HEXLOWER.encode(&hash.as_bytes()[..HOST_HASH_BYTES]);
    Service {
        machine: machine.to_owned(),
        suffix,
        host: format!("chatshelf-{hash}"),
        port,
        attributes: attributes(fingerprint),
        twins: 0,
    }
}

fn attributes(fingerprint: &Fingerprint) -> Vec<(&'static str, String)> {
    let (text_key, text_version) = TXT_VERSION;
    vec![
        (text_key, text_version.to_owned()),
        (TXT_PROTOCOL, VERSION_MAX.to_string()),
        (TXT_KEY, fingerprint.short()),
    ]
}
