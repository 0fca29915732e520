//! Decides which address is tried when (RFC 8305, "Happy Eyeballs"): one after the other, a quarter
//! of a second apart or as soon as the previous one has failed, alternating between address
//! families. The first that answers wins, so an address that never answers costs a moment instead
//! of a timeout.
//!
//! Owns the order, the times and the error worth reporting; never touches a socket or a clock.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::lang::tr;

/// From one attempt to the next while none has failed (RFC 8305, "Connection Attempt Delay").
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How long the last attempt may take; earlier ones have had longer.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of one server that are tried. Bounds the sockets that are open at once.
pub(super) const ADDRESSES_MAX: usize = 16;

/// Attempts to reach one server.
#[derive(Debug)]
pub(super) struct Race {
    /// Addresses that have not been tried yet.
    waiting: VecDeque<SocketAddr>,
    /// Attempts that have neither failed nor succeeded.
    running: usize,
    /// When the next may begin.
    next_at: Instant,
    /// When those that are running time out.
    deadline: Instant,
    /// The most telling error so far.
    error: Option<io::Error>,
}

/// The next step of a race.
#[derive(Debug)]
pub(super) enum Step {
    /// Start to connect to this address.
    Try(SocketAddr),
    /// Wait, until then at the latest.
    Wait(Instant),
    /// No attempt is left that could win.
    Over(io::Error),
}

impl Race {
    /// A race between these addresses, preferred ones first.
    pub(super) fn new(addresses: Vec<SocketAddr>, now: Instant) -> Self {
        let waiting = interleaved(addresses);
        Self { waiting, running: 0, next_at: now, deadline: now + CONNECT_TIMEOUT, error: None }
    }

    /// What to do now.
    pub(super) fn poll(&mut self, now: Instant) -> Step {
        let is_time = self.running == 0 || now >= self.next_at;
        if is_time && let Some(address) = self.waiting.pop_front() {
            self.running += 1;
            self.next_at = now + ATTEMPT_DELAY;
            self.deadline = now + CONNECT_TIMEOUT;
            return Step::Try(address);
        }
        if self.running > 0 && now >= self.deadline {
            self.note(io::Error::new(ErrorKind::TimedOut, tr!("no answer in time")));
            self.running = 0;
        }
        if self.running > 0 {
            let is_last = self.waiting.is_empty();
            return Step::Wait(if is_last { self.deadline } else { self.next_at });
        }
        let none = || io::Error::new(ErrorKind::NotFound, tr!("the host has no address"));
        Step::Over(self.error.take().unwrap_or_else(none))
    }

    /// An attempt has failed: the next one may start at once.
    pub(super) fn handle_failure(&mut self, error: io::Error, now: Instant) {
        debug_assert!(self.running > 0, "only a running attempt fails");
        self.running = self.running.saturating_sub(1);
        self.next_at = now;
        self.note(error);
    }

    /// Keeps an error if it is more telling than the one before.
    fn note(&mut self, error: io::Error) {
        if self.error.as_ref().is_none_or(|known| weight(&error) > weight(known)) {
            self.error = Some(error);
        }
    }
}

/// How much an error tells about the server: no route from this machine tells nothing, silence a
/// little, an answer most.
fn weight(error: &io::Error) -> u8 {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::PermissionDenied => 3,
        ErrorKind::TimedOut => 2,
        ErrorKind::HostUnreachable => 1,
        _ => 0,
    }
}

/// The addresses in their order, each once, alternating between families, starting with that of the
/// first.
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second) = (VecDeque::new(), VecDeque::new());
    for address in addresses {
        let family = if address.is_ipv4() == first_is_v4 { &mut first } else { &mut second };
        if !family.contains(&address) {
            family.push_back(address);
        }
    }
    let mut order = VecDeque::new();
    while order.len() < ADDRESSES_MAX && !(first.is_empty() && second.is_empty()) {
        order.extend(first.pop_front());
        order.extend(second.pop_front());
    }
    order.truncate(ADDRESSES_MAX);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        format!("{text}:9000").parse().unwrap()
    }

    fn refused() -> io::Error {
        ErrorKind::ConnectionRefused.into()
    }

    /// The attempts that start right now, and when to look again, or how it ended.
    fn started(race: &mut Race, now: Instant) -> (Vec<SocketAddr>, Result<Instant, io::Error>) {
        let mut started = Vec::new();
        loop {
            match race.poll(now) {
                Step::Try(address) => started.push(address),
                Step::Wait(until) => return (started, Ok(until)),
                Step::Over(error) => return (started, Err(error)),
            }
        }
    }

    #[test]
    fn families_take_turns_and_no_address_comes_twice() {
        let [a, b, c] = ["[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]"].map(address);
        let [x, y] = ["192.0.2.1", "192.0.2.2"].map(address);
        assert_eq!(interleaved(vec![a, b, c, x, a, y]), [a, x, b, y, c]);
        assert_eq!(interleaved(vec![x, y, a]), [x, a, y]);
        let many = (0..100).map(|number| SocketAddr::from(([192, 0, 2, number], 9000)));
        assert_eq!(interleaved(many.collect()).len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_silent_address_delays_the_next_only_for_a_moment() {
        let [silent, good] = ["[2001:db8::1]", "192.0.2.1"].map(address);
        let start = Instant::now();
        let mut race = Race::new(vec![silent, good], start);
        let (first, next) = started(&mut race, start);
        assert_eq!((first, next.unwrap()), (vec![silent], start + ATTEMPT_DELAY));
        let (none, next) = started(&mut race, start + ATTEMPT_DELAY / 2);
        assert_eq!((none, next.unwrap()), (vec![], start + ATTEMPT_DELAY));
        let (second, next) = started(&mut race, start + ATTEMPT_DELAY);
        assert_eq!(second, [good]);
        assert_eq!(next.unwrap(), start + ATTEMPT_DELAY + CONNECT_TIMEOUT);
    }

    #[test]
    fn the_next_is_tried_at_once_when_one_fails() {
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(address);
        let start = Instant::now();
        let mut race = Race::new(vec![a, b, c], start);
        assert_eq!(started(&mut race, start).0, [a]);
        let soon = start + ATTEMPT_DELAY / 5;
        race.handle_failure(refused(), soon);
        let (second, next) = started(&mut race, soon);
        assert_eq!((second, next.unwrap()), (vec![b], soon + ATTEMPT_DELAY));
        race.handle_failure(refused(), soon);
        assert_eq!(started(&mut race, soon).0, [c]);
        race.handle_failure(refused(), soon);
        let (_, end) = started(&mut race, soon);
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn every_attempt_times_out_and_then_the_race_is_over() {
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(address);
        let start = Instant::now();
        let mut race = Race::new(vec![a, b], start);
        let mut now = start;
        let mut attempts = Vec::new();
        let error = loop {
            let (started, next) = started(&mut race, now);
            attempts.extend(started);
            match next {
                Ok(next) => now = next,
                Err(error) => break error,
            }
        };
        assert_eq!(attempts, [a, b]);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(now, start + ATTEMPT_DELAY + CONNECT_TIMEOUT);
    }

    #[test]
    fn the_most_telling_error_is_reported() {
        let start = Instant::now();
        for (kinds, told) in [
            (&[ErrorKind::NetworkUnreachable, ErrorKind::ConnectionRefused][..], 1),
            (&[ErrorKind::ConnectionRefused, ErrorKind::NetworkUnreachable], 0),
            (&[ErrorKind::TimedOut, ErrorKind::HostUnreachable], 0),
            (&[ErrorKind::AddrNotAvailable, ErrorKind::TimedOut, ErrorKind::ConnectionReset], 2),
        ] {
            let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(address);
            let mut race = Race::new(addresses[..kinds.len()].to_vec(), start);
            for kind in kinds {
                assert_eq!(started(&mut race, start).0.len(), 1);
                race.handle_failure((*kind).into(), start);
            }
            let (_, end) = started(&mut race, start);
            assert_eq!(end.unwrap_err().kind(), kinds[told], "{kinds:?}");
        }
        let (_, end) = started(&mut Race::new(Vec::new(), start), start);
        assert_eq!(end.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
