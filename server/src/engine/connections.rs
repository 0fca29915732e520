//! All connections by their tokens: who they are, who has something to read, who has something to
//! send, when to look at which again, and who is to be reaped.
//!
//! Owns these lists and keeps them in step; what a connection is, it never asks. A token names one
//! tenant of a slot: once that one is reaped the token is stale, and a stale token is no one.

mod timers;

use std::collections::VecDeque;

use slab::Slab;

use super::limits::CROWD_CONNECTIONS_MIN;
use crate::token::Token;
use timers::Timers;

/// The connections, and the lists that name them.
///
/// Invariants: a tenant is flagged exactly when it is in the list of that name, and is there once;
/// only these lists may name tenants that are gone.
#[derive(Debug)]
pub(super) struct Connections<T> {
    tenants: Slab<Tenant<T>>,
    /// Given to the next tenant; never the same twice.
    generation: usize,
    /// Who has something to read, first come first served.
    run_queue: VecDeque<Token>,
    /// Who has something to send, apart from the log.
    dirty: Vec<Token>,
    timers: Timers,
    /// Who is to be reaped.
    closed: Vec<Token>,
    /// The most connections that there were since memory was last given back.
    crowd: usize,
}

#[derive(Debug)]
struct Tenant<T> {
    timer: timers::Entry,
    /// With the slot, this makes the token.
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
    /// The token that the next connection will have.
    pub(super) fn next_token(&self) -> Token {
        Token::new(self.tenants.vacant_key(), self.generation)
    }

    /// Adds a connection.
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

    /// How many there are, those that are to be reaped among them.
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

    /// All of them, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.tenants.iter().map(|(slot, tenant)| (tenant.token(slot), &tenant.connection))
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.tenants.iter_mut().map(|(_, tenant)| &mut tenant.connection)
    }

    /// Slots that there are: every connection is below.
    pub(super) fn slots(&self) -> usize {
        self.tenants.capacity()
    }

    /// Who is in a slot. By this, connections can be visited while they and others change.
    pub(super) fn at_slot(&self, slot: usize) -> Option<Token> {
        self.tenants.get(slot).map(|tenant| tenant.token(slot))
    }

    /// Has a connection served once more.
    pub(super) fn enqueue(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_queued, true) {
            self.run_queue.push_back(token);
        }
    }

    /// The first of the run queue, who may be gone.
    pub(super) fn pop_ready(&mut self) -> Option<Token> {
        let token = self.run_queue.pop_front()?;
        if let Some(tenant) = self.tenant(token) {
            debug_assert!(tenant.is_queued);
            tenant.is_queued = false;
        }
        Some(token)
    }

    /// How many are in the run queue.
    pub(super) fn ready_len(&self) -> usize {
        self.run_queue.len()
    }

    /// Has a connection flushed. All queueing of output ends here: bytes queued outside the
    /// writable path get no event of their own.
    pub(super) fn mark_dirty(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_dirty, true) {
            self.dirty.push(token);
        }
    }

    /// Who is to be flushed; they are marked no more.
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

    /// Has a connection looked at ([`Self::pop_due`]) at `at_ms` or earlier, of a clock that never
    /// goes back.
    pub(super) fn arm(&mut self, token: Token, at_ms: u64) {
        if let Some(tenant) = self.tenants.get_mut(token.slot())
            && tenant.generation == token.generation()
        {
            self.timers.arm(&mut tenant.timer, token, at_ms);
        }
    }

    /// Who is due, one after the other. What of them is due they know themselves.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Token> {
        let token = self.timers.pop_due(now_ms)?;
        let tenant = self.tenant(token);
        debug_assert!(tenant.is_some(), "whoever is reaped is disarmed");
        tenant?.timer = timers::Entry::NONE;
        Some(token)
    }

    /// When the next is due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    /// How many have a deadline.
    pub(super) fn deadlines(&self) -> usize {
        self.timers.len()
    }

    /// Has a connection reaped at the end of the turn.
    pub(super) fn close(&mut self, token: Token) {
        let Some(tenant) = self.tenant(token) else { return };
        if !std::mem::replace(&mut tenant.is_closed, true) {
            self.closed.push(token);
        }
    }

    /// Removes one of those that were closed.
    pub(super) fn reap_one(&mut self) -> Option<T> {
        let token = self.closed.pop()?;
        let mut tenant = self.tenants.try_remove(token.slot())?;
        debug_assert!(tenant.token(token.slot()) == token && tenant.is_closed);
        self.timers.disarm(&mut tenant.timer, token);
        Some(tenant.connection)
    }

    /// Gives back what a crowd took, once three quarters of it have left. Says whether it did.
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

    /// Bytes that the table and its lists take, except for what connections hold themselves.
    pub(super) fn table_bytes(&self) -> usize {
        let named = self.run_queue.capacity() + self.dirty.capacity() + self.closed.capacity();
        self.tenants.capacity() * size_of::<Tenant<T>>() + named * size_of::<Token>()
    }

    /// Checks the invariants. Looks at every connection: for tests.
    ///
    /// # Panics
    /// If one does not hold.
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
        assert_eq!(self.closed.len(), closed, "whoever is closed is still there");
        assert_eq!(self.timers.len(), armed);
        assert!(self.tenants.len() <= self.crowd || self.tenants.is_empty());
    }

    #[inline] // Whatever happens to a connection begins here.
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

    /// Reaps one, and checks what is left.
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
        assert!(!connections.shrink_after_crowd(), "so few are no crowd");
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
}
