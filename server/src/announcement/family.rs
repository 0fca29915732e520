//! One family of addresses, and the thread that hears what is asked there: it answers, looks which
//! interfaces there are, and finds another name if somebody has the room's. It keeps nothing of
//! what others say, so nobody can make it grow.

use std::io;
use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use if_addrs::Interface;
use socket_pktinfo::{PktInfo, PktInfoUdpSocket};
use socket2::Domain;

use super::PORT;
use super::message::{Heard, Service};

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// The longest message there is (RFC 6762, section 17).
const MESSAGE_BYTES_MAX: usize = 9000;
/// A room is told on a link only so often (section 6): all of it is told each time.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Clients that do not speak multicast DNS are answered only this often.
const LEGACY_EVERY: Duration = Duration::from_millis(100);
/// Interfaces are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Probes before the first announcement, and the time between two (section 8.1).
const PROBES: u32 = 3;
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// Announcements, one [`TOLD_EVERY`] after the other (section 8.3).
const ANNOUNCEMENTS: u32 = 2;
/// A socket that fails is tried this often.
const FAILED_EVERY: Duration = Duration::from_millis(500);
/// Another name is sought only so often.
const RENAME_EVERY: Duration = Duration::from_secs(2);

/// An interface of this machine, with its addresses of the family first, then the others.
#[derive(Debug)]
struct Link {
    index: u32,
    ips: Vec<IpAddr>,
    told_at: Option<Instant>,
    /// When one who does not speak multicast DNS was answered last.
    legacy_at: Option<Instant>,
}

/// What both families share: how many others have the room's name.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins(Arc<AtomicU32>);

/// A family whose thread runs.
#[derive(Debug)]
pub(super) struct Family(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    socket: Arc<PktInfoUdpSocket>,
    is_v4: bool,
    service: Service,
    /// Where the server listens.
    bind: IpAddr,
    links: Vec<Link>,
    twins: Twins,
    renamed_at: Option<Instant>,
    /// Probes and announcements that were sent, and when the next is due.
    steps: u32,
    step_at: Instant,
    look_at: Instant,
    is_over: bool,
}

impl Family {
    /// Joins the group of a family and begins to announce a server that listens there.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn begin(
        is_v4: bool,
        service: Service,
        bind: IpAddr,
        twins: Twins,
    ) -> io::Result<Self> {
        let (domain, any): (_, IpAddr) = match is_v4 {
            true => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
            false => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let socket = PktInfoUdpSocket::new(domain)?;
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        match is_v4 {
            true => socket.set_multicast_ttl_v4(255)?,
            false => socket.set_multicast_hops_v6(255)?,
        }
        socket.set_nonblocking(false)?;
        socket.bind(&SocketAddr::new(any, PORT).into())?;
        let clock = socket.try_clone_std()?;
        let socket = Arc::new(socket);
        let now = Instant::now();
        let mut state = State {
            socket: Arc::clone(&socket),
            is_v4,
            service,
            bind,
            links: Vec::new(),
            twins,
            renamed_at: None,
            steps: 0,
            step_at: now,
            look_at: now,
            is_over: false,
        };
        state.look(now);
        let state = Arc::new(Mutex::new(state));
        let seen = Arc::clone(&state);
        Builder::new().name("announcement".into()).spawn(move || {
            let mut buffer = [0; MESSAGE_BYTES_MAX];
            loop {
                let Some(wait) = lock(&seen).act() else { return };
                // With a wait of 0, it would wait for ever.
                let _ = clock.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
                match socket.recv(&mut buffer) {
                    Ok((bytes, from)) => lock(&seen).hear(&buffer[..bytes], &from),
                    Err(why) if matches!(why.kind(), WouldBlock | TimedOut | Interrupted) => {}
                    // It may fail at once again, as long as a network is down.
                    Err(_) => std::thread::sleep(FAILED_EVERY),
                }
            }
        })?;
        Ok(Self(state))
    }

    /// Tells everyone that the attributes are others from now on.
    pub(super) fn replace(&self, attributes: &[(&'static str, String)]) {
        let mut state = lock(&self.0);
        state.service.attributes = attributes.to_vec();
        if state.steps >= PROBES {
            (state.steps, state.step_at) = (PROBES, Instant::now());
            state.act();
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Who has heard of the room forgets it at once, and not only when its time is over.
        let mut state = lock(&self.0);
        state.is_over = true;
        if state.steps > PROBES {
            for link in &state.links {
                state.tell(link, &state.service.told(&link.ips, true));
            }
        }
    }
}

/// Nothing is half done if the thread panics.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Does what is due; returns how long nothing will be, or nothing once all is over.
    fn act(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.look_at <= now {
            self.look(now);
        }
        let twins = self.twins.0.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.service.twins, twins) != twins {
            (self.steps, self.step_at) = (0, now);
        }
        if self.steps < PROBES + ANNOUNCEMENTS && self.step_at <= now {
            let is_probe = self.steps < PROBES;
            let probe = is_probe.then(|| self.service.probe());
            for place in 0..self.links.len() {
                let link = &self.links[place];
                match &probe {
                    Some(probe) => self.tell(link, probe),
                    None => self.tell(link, &self.service.told(&link.ips, false)),
                }
                if !is_probe {
                    self.links[place].told_at = Some(now);
                }
            }
            self.steps += 1;
            self.step_at = now + if is_probe { PROBE_EVERY } else { TOLD_EVERY };
        }
        let is_settled = self.steps == PROBES + ANNOUNCEMENTS;
        let next = if is_settled { self.look_at } else { self.look_at.min(self.step_at) };
        (!self.is_over).then(|| next.saturating_duration_since(now))
    }

    /// Looks which interfaces there are; those that have come or changed are told.
    fn look(&mut self, now: Instant) {
        self.look_at = now + LOOK_EVERY;
        let mut links: Vec<Link> = Vec::new();
        for Interface { index, addr, .. } in if_addrs::get_if_addrs().unwrap_or_default() {
            let (Some(index), ip) = (index, addr.ip()) else { continue };
            match links.iter_mut().find(|it| it.index == index) {
                Some(link) => link.ips.push(ip),
                None => links.push(Link { index, ips: vec![ip], told_at: None, legacy_at: None }),
            }
        }
        links.retain_mut(|link| {
            link.ips.retain(|ip| match self.bind {
                IpAddr::V4(bind) if bind.is_unspecified() => ip.is_ipv4(),
                IpAddr::V6(bind) if bind.is_unspecified() => true,
                bind => *ip == bind,
            });
            link.ips.sort_unstable_by_key(|ip| (ip.is_ipv4() != self.is_v4, *ip));
            link.ips.first().is_some_and(|ip| ip.is_ipv4() == self.is_v4)
        });
        for link in &mut links {
            let known = self.links.iter().find(|it| it.index == link.index);
            if let Some(known) = known {
                (link.told_at, link.legacy_at) = (known.told_at, known.legacy_at);
            }
            // Fails if it is a member already, or cannot be one yet.
            let _ = self.join(link);
            if known.is_none_or(|it| it.ips != link.ips) && self.steps > PROBES {
                (self.steps, self.step_at) = (PROBES, now);
            }
        }
        self.links = links;
    }

    fn join(&self, link: &Link) -> io::Result<()> {
        match link.ips.first() {
            Some(IpAddr::V4(ip)) => self.socket.join_multicast_v4(&GROUP_V4, ip),
            _ => self.socket.join_multicast_v6(&GROUP_V6, link.index),
        }
    }

    /// Sends a message to everyone on a link.
    fn tell(&self, link: &Link, message: &[u8]) {
        let group: SocketAddr = match link.ips.first() {
            Some(IpAddr::V4(ip)) if self.socket.set_multicast_if_v4(ip).is_ok() => {
                (GROUP_V4, PORT).into()
            }
            Some(IpAddr::V6(_)) if self.socket.set_multicast_if_v6(link.index).is_ok() => {
                SocketAddrV6::new(GROUP_V6, PORT, 0, link.index).into()
            }
            _ => return,
        };
        // An interface that is down is told once it is up again.
        let _ = self.socket.send_to(message, &group.into());
    }

    /// Answers a message, if it asks for the room.
    fn hear(&mut self, message: &[u8], from: &PktInfo) {
        let now = Instant::now();
        // What was not sent to everyone here may come from anywhere, and so would the answer go.
        if self.is_over || !from.addr_dst.is_multicast() {
            return;
        }
        let place = self.links.iter().position(|it| u64::from(it.index) == from.if_index);
        let Some(place) = place else { return };
        match self.service.hear(message, from.addr_src.port()) {
            Heard::Nothing => {}
            Heard::Question { .. } if self.steps <= PROBES => {}
            Heard::Question { legacy: None } => {
                let link = &self.links[place];
                if link.told_at.is_none_or(|it| now - it >= TOLD_EVERY) {
                    self.tell(link, &self.service.told(&link.ips, false));
                    self.links[place].told_at = Some(now);
                }
            }
            Heard::Question { legacy: Some(id) } => {
                let before = self.links[place].legacy_at;
                if before.is_some_and(|it| now - it < LEGACY_EVERY) {
                    return;
                }
                self.links[place].legacy_at = Some(now);
                let answer = self.service.told_to(&self.links[place].ips, message, id);
                let _ = self.socket.send_to(&answer, &from.addr_src.into());
            }
            Heard::Conflict => {
                if self.renamed_at.is_none_or(|it| now - it >= RENAME_EVERY) {
                    self.renamed_at = Some(now);
                    self.twins.0.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
