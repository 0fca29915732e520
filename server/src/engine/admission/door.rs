//! The door: who may come in, and who gives way.
//!
//! The room's places are its members', and whoever wants one asks for it by `Join`. Connections
//! that have not joined, or are on their way out, take no place from anyone, so they have bounds of
//! their own. When too many have not joined, the oldest of the address that has most of them gives
//! way, so idle sockets keep nobody out. As long as that one has hardly had the time to join,
//! newcomers wait in the system's backlog: a crowd that comes at once gets in a little slower, and
//! whole.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Goodbye;

use crate::engine::Engine;
use crate::engine::closing::goodbye;
use crate::engine::connection::Connection;
use crate::engine::limits::{HELLO_MS, JOIN_GRACE_MS, LEAVING_MAX, UNJOINED_MAX};
use crate::engine::origin::Origin;
use crate::engine::phase::Step;
use crate::engine::transport::Transport;
use crate::token::Token;
use crate::work;

/// The books of all connections that are not in the room.
#[derive(Debug)]
pub(super) struct Door {
    /// Members, connections that have not joined, and connections of any kind, at most.
    members_max: usize,
    unjoined_max: usize,
    connections_max: usize,
    /// Who has not joined, by origin: since when, oldest first.
    unjoined: BTreeMap<Origin, VecDeque<(u64, Token)>>,
    unjoined_len: usize,
    /// Who was told goodbye, oldest first, and some who are gone by now.
    leaving: VecDeque<Token>,
}

impl Door {
    pub(super) fn new(members_max: usize) -> Self {
        let mut door = Self {
            members_max,
            unjoined_max: 0,
            connections_max: 0,
            unjoined: BTreeMap::new(),
            unjoined_len: 0,
            leaving: VecDeque::new(),
        };
        door.limit(members_max, usize::MAX);
        door
    }

    /// Lets no more connections exist than this, at least two: a quarter of them is for those who
    /// have not joined, or nobody could come back to a full room.
    fn limit(&mut self, members_max: usize, connections_max: usize) {
        let wanted = members_max.saturating_add(UNJOINED_MAX + LEAVING_MAX);
        self.connections_max = connections_max.min(wanted).max(2);
        self.unjoined_max = (connections_max / 4).clamp(1, UNJOINED_MAX);
        self.members_max = members_max.min(self.connections_max - self.unjoined_max);
    }

    /// How many members there may be.
    pub(super) fn members_max(&self) -> usize {
        self.members_max
    }

    fn add(&mut self, origin: Origin, since_ms: u64, token: Token) {
        self.unjoined.entry(origin).or_default().push_back((since_ms, token));
        self.unjoined_len += 1;
    }

    /// A connection has joined or is to be closed: it is not among the unjoined any more.
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

    /// Who gives way to the next newcomer, and since when it has been here; nobody while there is
    /// room.
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
    /// Lets no more connections exist than this, because descriptors are scarce. Fewer members may
    /// then fit than the settings say; says how many.
    pub fn limit_connections(&mut self, connections_max: usize) -> usize {
        self.admission.door.limit(self.settings.members_max, connections_max);
        self.admission.door.members_max
    }

    /// When the next connection may be accepted: until then those who have not joined are many, and
    /// have hardly had the time to. None when it may be at once.
    #[must_use]
    pub fn opens_at_ms(&self) -> Option<u64> {
        let (since_ms, _) = self.admission.door.who_gives_way()?;
        Some(since_ms + JOIN_GRACE_MS).filter(|&at_ms| at_ms > self.now.mono_ms)
    }

    /// Makes way for one more connection, and says which token it will have.
    pub fn make_way(&mut self) -> Token {
        if let Some((_, token)) = self.admission.door.who_gives_way() {
            let limit = Some(self.admission.door.unjoined_max as u64);
            self.close_with(token, Goodbye { limit, ..goodbye(Code::TOO_MANY_CONNECTIONS) });
            // It may be dropped before the turn ends.
            self.flush(token);
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

    /// Takes a new connection, under the token that [`Self::make_way`] has just named.
    pub fn adopt(&mut self, transport: T, peer: SocketAddr) {
        if self.connections.len() >= self.admission.door.connections_max {
            // All are members who are being told that the server ends.
            return debug_assert!(self.shutting_down);
        }
        let now_ms = self.now.mono_ms;
        let connection = Connection::new(transport, peer, now_ms);
        let is_readable = connection.is_readable();
        let token = self.connections.insert(connection);
        if is_readable {
            self.connections.enqueue(token);
        }
        self.counters.connections += 1;
        self.admission.door.add(Origin::from(peer), now_ms, token);
        self.connections.arm(token, now_ms + HELLO_MS);
        if self.shutting_down {
            self.close(token, Code::SHUTTING_DOWN);
        }
    }

    /// A connection was told goodbye.
    pub(in crate::engine) fn note_leaving(&mut self, token: Token) {
        self.admission.door.leaving.push_back(token);
    }

    /// Forgets those who have left, oldest first.
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

    /// What must hold of the books: who is in them, of those who are not in the room.
    pub(in crate::engine) fn assert_door_is_sound(&self) {
        let (mut unjoined, mut leaving) = (Vec::new(), Vec::new());
        for (token, connection) in self.connections.iter() {
            match connection.phase().step() {
                Step::Greeting | Step::Greeted | Step::Contending => unjoined.push(token),
                Step::Closing | Step::Lingering => leaving.push(token),
                Step::Entering | Step::Joined | Step::Dead => {}
            }
        }
        let booked = self.admission.door.unjoined.values().flatten().map(|(_, token)| *token);
        let mut booked: Vec<Token> = booked.collect();
        booked.sort_unstable();
        unjoined.sort_unstable();
        assert_eq!((&booked, booked.len()), (&unjoined, self.admission.door.unjoined_len));
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
        assert_eq!(gives_way(&door(&[(2, 10), (1, 10)])), Some(0), "of one moment, the first");
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
