//! The door: which connections may be open, and which one gives way.
//!
//! The room's places belong to its members; a client requests one by `Join`. Connections that have
//! not joined, or are closing, take no member's place, so they have limits of their own. When too
//! many have not joined, the oldest one of the address with the most of them gives way, so idle
//! sockets keep nobody out. While that one has hardly had time to join, new connections wait in the
//! system's backlog: a crowd that arrives at once gets in a little more slowly, but all of it gets
//! in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Goodbye;

use crate::engine::Engine;
use crate::engine::connection::Connection;
use crate::engine::limits::{JOIN_GRACE_MS, LEAVING_MAX, UNJOINED_MAX, VISITORS_SHARE};
use crate::engine::origin::Origin;
use crate::engine::phase::Step;
use crate::engine::transport::Transport;
use crate::token::Token;
use crate::work;

/// Counts all connections that are not in the room.
#[derive(Debug)]
pub(super) struct Door {
    /// The limits: of members, of connections that have not joined, and of all connections.
    members_max: usize,
    unjoined_max: usize,
    connections_max: usize,
    /// The most connections that the system allows.
    system_max: usize,
    /// Connections that have not joined, by origin: each with the time it was accepted, oldest
    /// first.
    unjoined: BTreeMap<Origin, VecDeque<(u64, Token)>>,
    unjoined_len: usize,
    /// Connections that were sent `Goodbye`, oldest first; some may be gone already.
    leaving: VecDeque<Token>,
}

impl Door {
    pub(super) fn new(members_max: usize) -> Self {
        let mut door = Self {
            members_max,
            unjoined_max: 0,
            connections_max: 0,
            system_max: usize::MAX,
            unjoined: BTreeMap::new(),
            unjoined_len: 0,
            leaving: VecDeque::new(),
        };
        door.limit(members_max, usize::MAX);
        door
    }

    /// Limits the number of connections, to at least two. A quarter of them is reserved for those
    /// that have not joined; otherwise nobody could return to a full room.
    fn limit(&mut self, members_max: usize, system_max: usize) {
        let wanted = members_max.saturating_add(UNJOINED_MAX + LEAVING_MAX);
        self.system_max = system_max;
        self.connections_max = system_max.min(wanted).max(2);
        self.unjoined_max = (system_max / 4).clamp(1, UNJOINED_MAX);
        self.members_max = members_max.min(self.connections_max - self.unjoined_max);
    }

    /// Changes the limit on members. Those who are in the room stay, so the number of
    /// connections never shrinks.
    fn limit_members(&mut self, members_max: usize) {
        let connections_max = self.connections_max;
        self.limit(members_max, self.system_max);
        self.connections_max = self.connections_max.max(connections_max);
    }

    /// Returns the most members there may be.
    pub(super) fn members_max(&self) -> usize {
        self.members_max
    }

    fn add(&mut self, origin: Origin, since_ms: u64, token: Token) {
        self.unjoined.entry(origin).or_default().push_back((since_ms, token));
        self.unjoined_len += 1;
    }

    /// Stops counting a connection as unjoined, because it has joined or is closing.
    pub(super) fn forget(&mut self, peer: SocketAddr, token: Token) {
        let origin = Origin::from(peer);
        let Some(queue) = self.unjoined.get_mut(&origin) else { return };
        let Some(place) = queue.iter().position(|(_, it)| *it == token) else { return };
        work::spend_passing(place + 1);
        queue.remove(place);
        self.unjoined_len -= 1;
        if queue.is_empty() {
            self.unjoined.remove(&origin);
        }
    }

    /// Returns true while most of the places for connections that have not joined are taken.
    pub(super) fn is_crowded(&self) -> bool {
        self.unjoined_len * VISITORS_SHARE > self.unjoined_max
    }

    /// Returns the connection that gives way to the next one, and when it was accepted; `None`
    /// while there is room.
    fn who_gives_way(&self) -> Option<(u64, Token)> {
        if self.unjoined_len < self.unjoined_max {
            return None;
        }
        work::spend_passing(self.unjoined.len());
        let queues = self.unjoined.values();
        let most = queues.max_by_key(|queue| (queue.len(), Reverse(queue.front().copied())))?;
        most.front().copied()
    }
}

impl<T: Transport> Engine<T> {
    /// Limits the number of connections because descriptors are scarce. Fewer members may then fit
    /// than the settings allow; returns how many.
    pub fn limit_connections(&mut self, connections_max: usize) -> usize {
        self.admission.door.limit(self.settings.members_max, connections_max);
        self.warn_of_few_places();
        self.admission.door.members_max
    }

    /// Changes how many members there may be. Those who are in the room stay.
    pub(in crate::engine) fn admit_members(&mut self, members_max: usize) {
        self.admission.door.limit_members(members_max);
        self.warn_of_few_places();
    }

    fn warn_of_few_places(&self) {
        let members_max = self.admission.door.members_max;
        if members_max < self.settings.members_max {
            log::warn!("the limit of open files allows only {members_max} members");
        }
    }

    /// Returns when the next connection may be accepted, if it must wait because many have not
    /// joined and have hardly had time to. Returns `None` if it may be accepted at once.
    #[must_use]
    pub fn opens_at_ms(&self) -> Option<u64> {
        let (since_ms, _) = self.admission.door.who_gives_way()?;
        Some(since_ms + JOIN_GRACE_MS).filter(|&at_ms| at_ms > self.now.mono_ms())
    }

    /// Makes room for one more connection, and returns its token.
    pub fn make_way(&mut self) -> Token {
        if let Some((_, token)) = self.admission.door.who_gives_way() {
            let limit = Some(self.admission.door.unjoined_max as u64);
            self.close_with(token, Goodbye { limit, ..Goodbye::new(Code::TOO_MANY_CONNECTIONS) });
            // The connection may be dropped before the turn ends.
            self.flush(token);
            self.reap();
        }
        while !self.shutting_down
            && self.connections.len() >= self.admission.door.connections_max
            && let Some(token) = self.admission.door.leaving.pop_front()
        {
            if self.is_leaving(token) {
                self.kill(token);
            }
            self.reap();
        }
        self.connections.next_token()
    }

    /// Adopts a new connection, with the token that [`Self::make_way`] has just returned.
    pub fn adopt(&mut self, transport: T, peer: SocketAddr) {
        if self.connections.len() >= self.admission.door.connections_max {
            // All are members who are being told of the shutdown.
            return debug_assert!(self.shutting_down);
        }
        let now_ms = self.now.mono_ms();
        let connection = Connection::new(transport, peer, now_ms);
        let is_readable = connection.is_readable();
        let token = self.connections.insert(connection);
        if is_readable {
            self.connections.enqueue(token);
        }
        self.counters.connections += 1;
        let origin = Origin::from(peer);
        self.limiter.opened(origin);
        self.admission.door.add(origin, now_ms, token);
        self.connections.arm(token, now_ms + self.settings.deadlines.hello_ms);
        if self.shutting_down {
            self.close(token, Code::SHUTTING_DOWN);
        } else {
            self.turn_away_if_over(token, peer);
        }
    }

    /// Notes a connection that was sent `Goodbye`.
    pub(in crate::engine) fn note_leaving(&mut self, token: Token) {
        self.admission.door.leaving.push_back(token);
    }

    /// Forgets the leaving connections that are gone, oldest first.
    pub(in crate::engine) fn forget_gone(&mut self) {
        while let Some(&token) = self.admission.door.leaving.front()
            && !self.is_leaving(token)
        {
            self.admission.door.leaving.pop_front();
        }
        if self.admission.door.leaving.is_empty() {
            self.admission.door.leaving = VecDeque::new();
        }
    }

    fn is_leaving(&self, token: Token) -> bool {
        self.connections.get(token).is_some_and(|connection| connection.phase().is_leaving())
    }

    /// Checks that the door counts exactly the connections that are not in the room.
    pub(in crate::engine) fn assert_door_is_sound(&self) {
        let (mut unjoined, mut leaving) = (Vec::new(), Vec::new());
        for (token, connection) in self.connections.iter() {
            match connection.phase().step() {
                Step::Greeting | Step::Visiting | Step::Greeted | Step::Contending => {
                    unjoined.push(token);
                }
                Step::Closing | Step::Lingering => leaving.push(token),
                Step::Entering | Step::Joined | Step::Dead => {}
            }
        }
        let counted = self.admission.door.unjoined.values().flatten().map(|(_, token)| *token);
        let mut counted: Vec<Token> = counted.collect();
        counted.sort_unstable();
        unjoined.sort_unstable();
        assert_eq!((&counted, counted.len()), (&unjoined, self.admission.door.unjoined_len));
        assert!(self.admission.door.unjoined.values().all(|queue| !queue.is_empty()));
        assert!(leaving.iter().all(|token| self.admission.door.leaving.contains(token)));
        assert!(unjoined.len() <= self.admission.door.unjoined_max);
        assert!(self.connections.len() <= self.admission.door.connections_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 4000))
    }

    fn door(unjoined: &[(u8, u64)]) -> Door {
        let mut door = Door { unjoined_max: unjoined.len(), ..Door::new(10) };
        for (place, &(host, since_ms)) in unjoined.iter().enumerate() {
            door.add(Origin::from(peer(host)), since_ms, Token::new(place, 0));
        }
        door
    }

    fn gives_way(door: &Door) -> Option<usize> {
        door.who_gives_way().map(|(_, token)| token.slot())
    }

    #[test]
    fn without_room_the_oldest_connection_of_the_address_with_most_gives_way() {
        let mut full = door(&[(1, 10), (2, 20), (3, 30), (2, 40)]);
        assert_eq!(gives_way(&full), Some(1));
        full.forget(peer(2), Token::new(1, 0));
        assert_eq!(gives_way(&full), None, "there is room");
        full.unjoined_max = 3;
        assert_eq!(gives_way(&full), Some(0), "all have one: the oldest of all");
        full.forget(peer(1), Token::new(9, 0));
        assert_eq!((full.unjoined_len, full.unjoined.len()), (3, 3));
        assert_eq!(gives_way(&door(&[(2, 10), (1, 10)])), Some(0), "of the same moment, the first");
    }

    #[test]
    fn a_new_limit_on_members_lets_those_who_are_here_stay() {
        let mut door = Door::new(1000);
        door.limit(1000, 10_000);
        let limits = |door: &Door| (door.members_max, door.unjoined_max, door.connections_max);
        for (members_max, expected) in [
            (10, (10, UNJOINED_MAX, 3000)),
            (20, (20, UNJOINED_MAX, 3000)),
            (2000, (2000, UNJOINED_MAX, 4000)),
            (100_000, (9000, UNJOINED_MAX, 10_000)),
            (1, (1, UNJOINED_MAX, 10_000)),
        ] {
            door.limit_members(members_max);
            assert_eq!(limits(&door), expected);
        }
    }

    #[test]
    fn few_descriptors_leave_places_for_members_and_for_those_who_return() {
        let limits = |members_max, connections_max| {
            let mut door = Door::new(members_max);
            door.limit(members_max, connections_max);
            (door.members_max, door.unjoined_max, door.connections_max)
        };
        assert_eq!(limits(10_000, usize::MAX), (10_000, UNJOINED_MAX, 12_000));
        assert_eq!(limits(10_000, 784), (588, 196, 784));
        assert_eq!((limits(2, usize::MAX), limits(2, 784)), ((2, 1000, 2002), (2, 196, 784)));
        assert_eq!(limits(10_000, 14), (11, 3, 14));
        assert_eq!((limits(10_000, 1), limits(1, 0)), ((1, 1, 2), (1, 1, 2)));
    }
}
