//! The room on the local network: its server announces itself by multicast DNS as long as it runs
//! (PROTOCOL.md, "On the local network"). Owns what is told there, which is never who is in the room
//! or what is on its shelf. The library answers questions on a thread of its own.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chatshelf_common::discovery::{SERVICE, TXT_KEY, TXT_PROTOCOL, TXT_VERSION};
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::limits::{PORT_DEFAULT, VERSION_MAX};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

use crate::identity::own_name;

/// How long the end of the server waits until the goodbye is sent.
const GOODBYE_MAX: Duration = Duration::from_millis(500);

/// An announcement. Dropped, it is taken back.
pub struct Announcement {
    daemon: ServiceDaemon,
    full_name: String,
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
        let explain = |why: mdns_sd::Error| format!("cannot announce the room: {why}");
        let name = own_name();
        let host = name.split('.').next().filter(|it| !it.is_empty()).unwrap_or("chatshelf");
        let room = match address.port() {
            PORT_DEFAULT => host.to_owned(),
            port => format!("{host} {port}"),
        };
        let (key, version) = (fingerprint.short(), VERSION_MAX.to_string());
        let attributes = [TXT_VERSION, (TXT_PROTOCOL, &version), (TXT_KEY, &key)];
        let host = format!("{host}.local.");
        let info = match ip {
            ip if ip.is_unspecified() => {
                ServiceInfo::new(SERVICE, &room, &host, "", address.port(), &attributes[..])
                    .map(ServiceInfo::enable_addr_auto)
            }
            ip => ServiceInfo::new(SERVICE, &room, &host, ip, address.port(), &attributes[..]),
        };
        let info = info.map_err(explain)?;
        let daemon = ServiceDaemon::new().map_err(explain)?;
        let announcement = Self { full_name: info.get_fullname().to_owned(), daemon };
        announcement.keep_to(ip).map_err(explain)?;
        announcement.daemon.register(info).map_err(explain)?;
        Ok(announcement)
    }

    /// Speaks where the server can be reached, and nowhere else.
    fn keep_to(&self, ip: IpAddr) -> mdns_sd::Result<()> {
        match ip {
            ip if !ip.is_unspecified() => {
                self.daemon.disable_interface(IfKind::All)?;
                self.daemon.enable_interface(ip)
            }
            IpAddr::V4(_) => self.daemon.disable_interface(IfKind::IPv6),
            IpAddr::V6(_) => Ok(()),
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Who has heard of the room forgets it at once, and not only when its time is over.
        if let Ok(done) = self.daemon.unregister(&self.full_name) {
            let _ = done.recv_timeout(GOODBYE_MAX);
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE_MAX);
        }
    }
}
