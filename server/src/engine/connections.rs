//! All connections by their tokens, with the lists of those to read, to flush, to check at a
//! deadline, and to reap.
//!
//! Owns these lists and keeps them consistent; it never looks into a connection. A token names one
//! occupant of a slot: once that one is reaped, the token is stale, and a stale token refers to
//! none.

mod timers;

use std::collections::VecDeque;

use slab::Slab;

use super::limits::CROWD_CONNECTIONS_MIN;
use crate::token::Token;
use timers::Timers;

/// The connections, and the lists that name them.
///
/// Invariants: a tenant is flagged if and only if the list of that name has it, and each list has
/// it once. Only these lists may name tenants that are gone.
#[derive(Debug)]
pub(super) struct Connections<T> {
    tenants: Slab<Tenant<T>>,
    /// The generation of the next tenant; never used twice.
    generation: usize,
    /// Connections to be served, first come, first served.
    run_queue: VecDeque<Token>,
    /// Connections to be flushed for output other than the log.
    dirty: Vec<Token>,
    timers: Timers,
    /// Connections to be reaped.
    closed: Vec<Token>,
    /// The peak number of connections since memory was last freed.
    crowd: usize,
}

#[derive(Debug)]
struct Tenant<T> {
    timer: timers::Entry,
    /// Forms the token, together with the slot.
    generation: u32,
    is_queued: bool,
    is_dirty: bool,
    is_closed: bool,
    connection: T,
}

impl<T> Tenant<T> {
    fn token(&self, slot: usize) -> Token {
        Token::new(slot, self.generation as usize)
    }
}

impl<T> Default for Connections<T> {
    fn default() -> Self {
        Self {
            tenants: Slab::new(),
            generation: 0,
            run_queue: VecDeque::new(),
            dirty: Vec::new(),
            timers: Timers::default(),
            closed: Vec::new(),
            crowd: 0,
        }
    }
}

impl<T> Connections<T> {
    /// Returns the token that the next connection will have.
    pub(super) fn next_token(&self) -> Token {
        Token::new(self.tenants.vacant_key(), self.generation)
    }

    /// Adds a connection and returns its token.
    pub(super) fn insert(&mut self, connection: T) -> Token {
        let (token, timer) = (self.next_token(), timers::Entry::NONE);
        let (is_queued, is_dirty, is_closed) = (false, false, false);
        let generation = token.generation();
        let tenant = Tenant { timer, generation, is_queued, is_dirty, is_closed, connection };
        let slot = self.tenants.insert(tenant);
        debug_assert_eq!(slot, token.slot());
        self.generation = self.generation.wrapping_add(1);
        self.crowd = self.crowd.max(self.tenants.len());
        token
    }

    /// Returns the number of connections, including those not reaped yet.
    pub(super) fn len(&self) -> usize {
        self.tenants.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    #[inline]
    pub(super) fn get(&self, token: Token) -> Option<&T> {
        let tenant = self.tenants.get(token.slot())?;
        (tenant.generation == token.generation()).then_some(&tenant.connection)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.tenant(token).map(|tenant| &mut tenant.connection)
    }

    /// Iterates over all connections, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.tenants.iter().map(|(slot, tenant)| (tenant.token(slot), &tenant.connection))
    }

    /// Iterates over all connections mutably.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.tenants.iter_mut().map(|(_, tenant)| &mut tenant.connection)
    }

    /// Returns the number of slots: every connection's slot is below it.
    pub(super) fn slots(&self) -> usize {
        self.tenants.capacity()
    }

    /// Returns the token of the connection in a slot. This allows visiting connections while they
    /// and others change.
    pub(super) fn at_slot(&self, slot: usize) -> Option<Token> {
        self.tenants.get(slot).map(|tenant| tenant.token(slot))
    }

    /// Queues a connection to be served.
    pub(super) fn enqueue(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_queued, true) {
            self.run_queue.push_back(token);
        }
    }

    /// Takes the first connection of the run queue, which may be gone.
    pub(super) fn pop_ready(&mut self) -> Option<Token> {
        let token = self.run_queue.pop_front()?;
        if let Some(tenant) = self.tenant(token) {
            debug_assert!(tenant.is_queued);
            tenant.is_queued = false;
        }
        Some(token)
    }

    /// Returns the length of the run queue.
    pub(super) fn ready_len(&self) -> usize {
        self.run_queue.len()
    }

    /// Marks a connection to be flushed. Everything that queues output ends here, because bytes
    /// queued outside the writable path get no event of their own.
    pub(super) fn mark_dirty(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_dirty, true) {
            self.dirty.push(token);
        }
    }

    /// Takes the connections to flush and clears their marks.
    pub(super) fn take_dirty(&mut self) -> Vec<Token> {
        let dirty = std::mem::take(&mut self.dirty);
        for &token in &dirty {
            if let Some(tenant) = self.tenant(token) {
                debug_assert!(tenant.is_dirty);
                tenant.is_dirty = false;
            }
        }
        dirty
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Sets a connection's timer, so that [`Self::pop_due`] returns it at `at_ms` or earlier, by
    /// the monotonic clock.
    pub(super) fn arm(&mut self, token: Token, at_ms: u64) {
        if let Some(tenant) = self.tenants.get_mut(token.slot())
            && tenant.generation == token.generation()
        {
            self.timers.arm(&mut tenant.timer, token, at_ms);
        }
    }

    /// Takes the next connection whose timer is due. The connection itself knows what is due.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Token> {
        let token = self.timers.pop_due(now_ms)?;
        let tenant = self.tenant(token);
        debug_assert!(tenant.is_some(), "a reaped connection has no timer");
        tenant?.timer = timers::Entry::NONE;
        Some(token)
    }

    /// Returns when the next timer is due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    /// Returns the number of timers set.
    pub(super) fn deadlines(&self) -> usize {
        self.timers.len()
    }

    /// Marks a connection to be reaped at the end of the turn.
    pub(super) fn close(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_closed, true) {
            self.closed.push(token);
        }
    }

    /// Removes one of the connections marked to be reaped.
    pub(super) fn reap_one(&mut self) -> Option<T> {
        let token = self.closed.pop()?;
        let mut tenant = self.tenants.try_remove(token.slot())?;
        debug_assert!(tenant.token(token.slot()) == token && tenant.is_closed);
        self.timers.disarm(&mut tenant.timer, token);
        Some(tenant.connection)
    }

    /// Frees the memory that a crowd needed, once three quarters of it have left. Returns true if
    /// it did.
    pub(super) fn shrink_after_crowd(&mut self) -> bool {
        let left = self.tenants.len();
        debug_assert!(left <= self.crowd);
        if self.crowd < CROWD_CONNECTIONS_MIN || left * 4 > self.crowd {
            return false;
        }
        self.crowd = left;
        self.tenants.shrink_to_fit();
        self.run_queue.shrink_to_fit();
        self.dirty.shrink_to_fit();
        self.closed.shrink_to_fit();
        true
    }

    /// Returns the bytes of the table and its lists, without what the connections themselves hold.
    pub(super) fn table_bytes(&self) -> usize {
        let named = self.run_queue.capacity() + self.dirty.capacity() + self.closed.capacity();
        self.tenants.capacity() * size_of::<Tenant<T>>() + named * size_of::<Token>()
    }

    /// Checks the invariants. Visits every connection: for tests.
    ///
    /// # Panics
    /// If one is broken.
    pub(super) fn assert_sound(&self) {
        let (mut queued, mut dirty, mut closed, mut armed) = (0, 0, 0, 0);
        for (_, tenant) in &self.tenants {
            queued += usize::from(tenant.is_queued);
            dirty += usize::from(tenant.is_dirty);
            closed += usize::from(tenant.is_closed);
            armed += usize::from(tenant.timer != timers::Entry::NONE);
        }
        let are_listed = |list: &mut dyn Iterator<Item = &Token>, of: fn(&Tenant<T>) -> bool| {
            let mut live: Vec<Token> =
                list.filter(|it| self.get(**it).is_some()).copied().collect();
            assert!(live.iter().all(|token| of(&self.tenants[token.slot()])));
            live.sort_unstable();
            assert!(live.is_sorted_by(|one, next| one < next), "someone is listed twice");
            live.len()
        };
        assert_eq!(are_listed(&mut self.run_queue.iter(), |it| it.is_queued), queued);
        assert_eq!(are_listed(&mut self.dirty.iter(), |it| it.is_dirty), dirty);
        assert_eq!(are_listed(&mut self.closed.iter(), |it| it.is_closed), closed);
        assert_eq!(self.closed.len(), closed, "a closed connection is gone before it is reaped");
        assert_eq!(self.timers.len(), armed);
        assert!(self.tenants.len() <= self.crowd || self.tenants.is_empty());
    }

    #[inline] // Everything that happens to a connection begins here.
    fn tenant(&mut self, token: Token) -> Option<&mut Tenant<T>> {
        self.tenants.get_mut(token.slot()).filter(|tenant| tenant.generation == token.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Connections<char>, [Token; 3]) {
        let mut connections = Connections::default();
        let tokens = ['a', 'b', 'c'].map(|name| connections.insert(name));
        (connections, tokens)
    }

    /// Reaps one and checks the rest.
    fn end(connections: &mut Connections<char>, token: Token) {
        connections.close(token);
        connections.close(token);
        assert_eq!(std::iter::from_fn(|| connections.reap_one()).count(), 1);
        connections.assert_sound();
    }

    #[test]
    fn a_token_is_known_before_its_connection_comes() {
        let (mut connections, [a, b, c]) = three();
        let next = connections.next_token();
        assert!(![a, b, c].contains(&next) && connections.get(next).is_none());
        assert_eq!(connections.insert('d'), next);
        assert_eq!((connections.get(next), connections.len()), (Some(&'d'), 4));
    }

    #[test]
    fn a_stale_token_names_nobody_whatever_it_is_used_for() {
        let (mut connections, [_, b, _]) = three();
        end(&mut connections, b);
        let heir = connections.insert('h');
        assert_eq!(heir.slot(), b.slot());
        assert!(connections.get(b).is_none() && connections.get_mut(b).is_none());
        connections.enqueue(b);
        connections.mark_dirty(b);
        connections.arm(b, 5);
        connections.close(b);
        let listed = (connections.ready_len(), connections.has_dirty(), connections.deadlines());
        assert_eq!(listed, (0, false, 0));
        assert_eq!(connections.reap_one(), None);
        assert_eq!(connections.get(heir), Some(&'h'));
        connections.assert_sound();
    }

    #[test]
    fn a_connection_reaped_while_listed_leaves_no_trace_to_its_successor() {
        let (mut connections, [_, b, c]) = three();
        for token in [c, b, c] {
            connections.enqueue(token);
            connections.mark_dirty(token);
            connections.arm(token, 9);
        }
        end(&mut connections, b);
        let heir = connections.insert('h');
        connections.assert_sound();
        connections.enqueue(heir);
        let ready: Vec<Token> = std::iter::from_fn(|| connections.pop_ready()).collect();
        assert_eq!(ready, [c, b, heir]);
        assert_eq!(connections.take_dirty(), [c, b]);
        assert_eq!(std::iter::from_fn(|| connections.pop_due(9)).collect::<Vec<_>>(), [c]);
        connections.assert_sound();
    }

    #[test]
    fn a_connection_is_in_each_list_once_and_can_be_listed_again() {
        let (mut connections, [a, ..]) = three();
        for _ in 0..2 {
            connections.enqueue(a);
            connections.mark_dirty(a);
        }
        connections.assert_sound();
        assert_eq!((connections.pop_ready(), connections.pop_ready()), (Some(a), None));
        assert_eq!((connections.take_dirty(), connections.has_dirty()), (vec![a], false));
        connections.enqueue(a);
        connections.mark_dirty(a);
        assert_eq!((connections.ready_len(), connections.take_dirty()), (1, vec![a]));
    }

    #[test]
    fn a_deadline_is_looked_at_once_and_in_time() {
        let (mut connections, [a, b, _]) = three();
        connections.arm(a, 20);
        connections.arm(b, 10);
        connections.arm(b, 30);
        assert_eq!((connections.next_deadline(), connections.deadlines()), (Some(10), 2));
        assert_eq!((connections.pop_due(9), connections.pop_due(10)), (None, Some(b)));
        connections.arm(b, 15);
        let due: Vec<Token> = std::iter::from_fn(|| connections.pop_due(20)).collect();
        assert_eq!(due, [b, a]);
        assert_eq!(connections.next_deadline(), None);
    }

    #[test]
    fn slots_can_be_visited_while_connections_change() {
        let (mut connections, [a, b, c]) = three();
        end(&mut connections, b);
        let slots = 0..connections.slots();
        let seen: Vec<Token> = slots.filter_map(|slot| connections.at_slot(slot)).collect();
        assert_eq!(seen, [a, c]);
        connections.iter_mut().for_each(|name| *name = name.to_ascii_uppercase());
        assert_eq!(connections.iter().collect::<Vec<_>>(), [(a, &'A'), (c, &'C')]);
    }

    #[test]
    fn a_crowd_that_has_left_gives_its_memory_back() {
        let mut connections = Connections::default();
        let tokens: Vec<Token> =
            (0..CROWD_CONNECTIONS_MIN).map(|_| connections.insert([0_u8; 64])).collect();
        let full = connections.table_bytes();
        let stay = CROWD_CONNECTIONS_MIN / 4;
        for &token in &tokens[stay..] {
            assert!(!connections.shrink_after_crowd());
            connections.close(token);
            assert!(connections.reap_one().is_some());
        }
        assert!(connections.shrink_after_crowd());
        assert!(connections.table_bytes() < full / 2);
        assert!(!connections.shrink_after_crowd(), "so few are not a crowd");
        assert_eq!(connections.len(), stay);
        connections.assert_sound();
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn a_flag_without_its_list_is_noticed() {
        let (mut connections, [a, ..]) = three();
        connections.enqueue(a);
        connections.run_queue.clear();
        connections.assert_sound();
    }

    #[test]
    #[should_panic(expected = "listed twice")]
    fn a_list_that_names_someone_twice_is_noticed() {
        let (mut connections, [a, ..]) = three();
        connections.mark_dirty(a);
        connections.dirty.push(a);
        connections.assert_sound();
    }

    #[test]
    fn the_table_is_as_large_as_its_entries_and_lists() {
        let mut connections = Connections::default();
        let tokens: Vec<Token> = (0..1_000).map(|_| connections.insert('x')).collect();
        let entries_bytes = connections.table_bytes();
        assert!(entries_bytes >= 1_000 * size_of::<Tenant<char>>());
        tokens.iter().for_each(|&token| connections.enqueue(token));
        let queue_bytes = connections.table_bytes() - entries_bytes;
        assert!((1_000..=2_048).contains(&(queue_bytes / size_of::<Token>())), "{queue_bytes}");
    }
}
