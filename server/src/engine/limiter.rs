//! Who has used how much of their allowances: a meter for each member who said something recently,
//! and for each address that something came from. Decides what happens to a request over its
//! allowance.
//!
//! A request over its allowance is refused, with the limit and the time after which it may be tried
//! again, and has no other effect. Only a peer that keeps asking without a pause is disconnected. A
//! meter that nobody has used for a while is like a new one, so it is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;

use bytesize::ByteSize;
use chatshelf_common::id::{MessageId, TransferId};
use chatshelf_common::rate::{Meter, Rate};
use chatshelf_common::text::Note;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Goodbye, Refused};

use super::connection::Connection;
use super::limits::{
    ADDRESS_RETRY_MS, FLOOD_PERIOD_MS, FLOOD_REFUSALS_MAX, METERS_MIN, TURNED_AWAY_MAX,
    TURNED_AWAY_PERIOD_MS,
};
use super::origin::Origin;
use super::transfer_table::Way;
use super::transfers::refused;
use super::transport::Transport;
use super::{Allowances, Engine};
use crate::token::Token;
use crate::work;

/// How many requests over an allowance are refused before the connection is closed.
const FLOOD: Option<Rate> = Rate::new(FLOOD_REFUSALS_MAX, 1, FLOOD_PERIOD_MS);
/// How many connections over an allowance are told so.
const TURNED_AWAY: Option<Rate> = Rate::new(TURNED_AWAY_MAX, 1, TURNED_AWAY_PERIOD_MS);

/// All meters.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    /// By session.
    members: Meters<Token, MemberMeters>,
    origins: Meters<Origin, OriginMeters>,
    /// How many connections are open from each address.
    open: HashMap<Origin, u32>,
}

/// What a member has used.
#[derive(Clone, Copy, Debug, Default)]
struct MemberMeters {
    lines: Meter,
    changes: Meter,
    uploads: Meter,
    /// Requests over one of the others.
    refusals: Meter,
}

/// What an address has used.
#[derive(Clone, Copy, Debug, Default)]
struct OriginMeters {
    connections: Meter,
    joins: Meter,
    uploads: Meter,
    /// The uploads of its guests among them, who together have as much as one member.
    guest_uploads: Meter,
    replies: Meter,
    /// Connections over an allowance that were told about it.
    turned_away: Meter,
}

trait Forgettable: Default {
    /// Returns true if it is like a new meter.
    fn is_whole(&self, now_ms: u64) -> bool;
}

impl Forgettable for MemberMeters {
    fn is_whole(&self, now_ms: u64) -> bool {
        [self.lines, self.changes, self.uploads, self.refusals].iter().all(|it| it.is_whole(now_ms))
    }
}

impl Forgettable for OriginMeters {
    fn is_whole(&self, now_ms: u64) -> bool {
        let Self { connections, joins, uploads, guest_uploads, replies, turned_away } = *self;
        let all = [connections, joins, uploads, guest_uploads, replies, turned_away];
        all.iter().all(|it| it.is_whole(now_ms))
    }
}

/// Meters by owner. Those that are like new are forgotten whenever there are twice as many meters
/// as were left the last time, so forgetting costs little for each meter added.
#[derive(Debug)]
struct Meters<K, M> {
    used: HashMap<K, M>,
    sweep_at: usize,
}

impl<K, M> Default for Meters<K, M> {
    fn default() -> Self {
        Self { used: HashMap::new(), sweep_at: METERS_MIN }
    }
}

impl<K: Eq + Hash, M: Forgettable> Meters<K, M> {
    fn of(&mut self, whose: K, now_ms: u64) -> &mut M {
        work::spend(1);
        if self.used.len() >= self.sweep_at {
            work::spend_passing(self.used.len());
            self.used.retain(|_, meters| !meters.is_whole(now_ms));
            self.sweep_at = METERS_MIN.max(2 * self.used.len());
            self.used.shrink_to(self.sweep_at);
        }
        self.used.entry(whose).or_default()
    }

    fn table_bytes(&self) -> usize {
        self.used.capacity() * size_of::<(K, M)>()
    }
}

/// A request that is over an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Over {
    code: Code,
    limit: u64,
    /// The whole allowance, for people.
    rate: Option<Rate>,
    wait_ms: u64,
}

impl Over {
    fn new(code: Code, rate: Rate, wait_ms: u64) -> Self {
        Self { code, limit: rate.at_once(), rate: Some(rate), wait_ms }
    }

    /// Takes this much of an allowance, if there is one.
    fn take(meter: &mut Meter, rate: Option<Rate>, code: Code, now_ms: u64) -> Result<(), Self> {
        let Some(rate) = rate else { return Ok(()) };
        meter.take(rate, 1, now_ms).map_err(|wait_ms| Self::new(code, rate, wait_ms))
    }

    /// Checks that this much is left of an allowance, if there is one.
    fn check(
        meter: Meter,
        rate: Option<Rate>,
        units: u64,
        code: Code,
        now_ms: u64,
    ) -> Result<(), Self> {
        let wait_ms = rate.and_then(|rate| Some((rate, meter.wait_ms(rate, units, now_ms)?)));
        wait_ms.map_or(Ok(()), |(rate, wait_ms)| Err(Self::new(code, rate, wait_ms)))
    }

    /// Returns the wait as clients are told.
    fn retry_ms(self) -> Option<u32> {
        Some(u32::try_from(self.wait_ms).unwrap_or(u32::MAX))
    }

    /// Returns the allowance, for people.
    fn detail(self) -> Option<Note> {
        let is_of_bytes = matches!(self.code, Code::TOO_MUCH_UPLOADED | Code::TOO_MUCH_SENT);
        let told = self.rate.map(|rate| match is_of_bytes {
            true => rate.told(ByteSize),
            false => rate.to_string(),
        });
        told.and_then(|told| Note::new(&told).ok())
    }

    fn goodbye(self) -> Goodbye {
        let (limit, retry_ms, detail) = (Some(self.limit), self.retry_ms(), self.detail());
        Goodbye { limit, retry_ms, detail, ..Goodbye::new(self.code) }
    }
}

impl Limiter {
    /// Counts a connection that is open from now on.
    pub(super) fn opened(&mut self, origin: Origin) {
        *self.open.entry(origin).or_default() += 1;
    }

    /// Counts a connection that is gone.
    pub(super) fn closed(&mut self, origin: Origin) {
        let Some(open) = self.open.get_mut(&origin) else { return debug_assert!(false) };
        *open -= 1;
        if *open == 0 {
            self.open.remove(&origin);
        }
    }

    /// Counts bytes of a snapshot, of history or of a list that are sent to an address.
    pub(super) fn charge_replies(
        &mut self,
        allowances: &Allowances,
        peer: SocketAddr,
        bytes: u64,
        now_ms: u64,
    ) {
        if !allowances.exempt.includes(peer)
            && let Some(rate) = allowances.replies
        {
            self.origins.of(peer.into(), now_ms).replies.charge(rate, bytes, now_ms);
        }
    }

    /// Returns how long an address has to wait until it may be sent a list again.
    pub(super) fn replies_wait_ms(
        &mut self,
        allowances: &Allowances,
        peer: SocketAddr,
        now_ms: u64,
    ) -> Option<u64> {
        let rate = allowances.replies.filter(|_| !allowances.exempt.includes(peer))?;
        self.origins.of(peer.into(), now_ms).replies.wait_ms(rate, 1, now_ms)
    }

    /// Frees the memory that a crowd needed.
    pub(super) fn shrink(&mut self) {
        self.open.shrink_to_fit();
    }

    /// Returns the bytes the tables take.
    pub(super) fn table_bytes(&self) -> usize {
        self.members.table_bytes()
            + self.origins.table_bytes()
            + self.open.capacity() * size_of::<(Origin, u32)>()
    }

    /// Checks that as many connections are counted as there are.
    pub(super) fn assert_sound(&self, connections: usize) {
        let counted: u32 = self.open.values().sum();
        assert_eq!(counted as usize, connections, "connections by address");
        assert!(self.open.values().all(|open| *open > 0));
    }
}

impl<T: Transport> Engine<T> {
    /// Returns the session of a member for whom allowances hold.
    #[inline] // Asked for each line.
    fn limited_session(&self, token: Token) -> Option<Token> {
        let connection = self.connections.get(token)?;
        match self.settings.allowances.exempt.includes(connection.peer()) {
            true => None,
            false => connection.session(),
        }
    }

    /// Returns true if a member may say one more line; it is refused if not.
    #[inline] // Asked for each line.
    pub(super) fn may_say(&mut self, token: Token, about: u8, id: MessageId) -> bool {
        let Some(session) = self.limited_session(token) else { return true };
        let (now_ms, rate) = (self.now.mono_ms(), self.settings.allowances.lines);
        let meter = &mut self.limiter.members.of(session, now_ms).lines;
        let taken = Over::take(meter, rate, Code::TOO_MANY_LINES, now_ms);
        self.is_within(token, taken, |code| Refused { id: Some(id), ..Refused::new(code, about) })
    }

    /// Returns true if a member may change its name or the topic once more; it is refused if not.
    pub(super) fn may_change(&mut self, token: Token, about: u8) -> bool {
        let Some(session) = self.limited_session(token) else { return true };
        let (now_ms, rate) = (self.now.mono_ms(), self.settings.allowances.changes);
        let meter = &mut self.limiter.members.of(session, now_ms).changes;
        let taken = Over::take(meter, rate, Code::TOO_MANY_CHANGES, now_ms);
        self.is_within(token, taken, |code| Refused::new(code, about))
    }

    /// Returns true if a member may upload this many more bytes; the upload is refused if not. They
    /// are counted when they arrive: several uploads at once may together exceed what is left, and
    /// the next one then waits for longer.
    pub(super) fn may_upload(&mut self, token: Token, transfer: TransferId, bytes: u64) -> bool {
        let within = self.check_upload(token, bytes, 0);
        self.is_within(token, within, |code| refused(transfer, code, Way::Up))
    }

    /// Returns how many bytes a guest may upload at once, and how long it has to wait until it may
    /// upload this many more. What guests of its address have begun to upload counts as if it had
    /// arrived: each comes on a connection of its own, so there may be many at once.
    pub(super) fn guest_upload_over(&mut self, token: Token, bytes: u64) -> Option<(u64, u64)> {
        let peer = self.connections.get(token)?.peer();
        let expected = self.transfers.expected(peer.into(), |it| self.is_visitor(it));
        self.check_upload(token, bytes, expected).err().map(|over| (over.limit, over.wait_ms))
    }

    /// Checks that this much may be uploaded, beside `expected` bytes that are still to come.
    fn check_upload(&mut self, token: Token, bytes: u64, expected: u64) -> Result<(), Over> {
        let now_ms = self.now.mono_ms();
        self.upload_meters(token).into_iter().flatten().try_for_each(|(meter, rate)| {
            let mut meter = *meter;
            if let Some(rate) = rate {
                meter.charge(rate, expected, now_ms);
            }
            Over::check(meter, rate, bytes, Code::TOO_MUCH_UPLOADED, now_ms)
        })
    }

    /// Counts file bytes that a member or a guest has uploaded.
    pub(super) fn charge_upload(&mut self, token: Token, bytes: u64) {
        let now_ms = self.now.mono_ms();
        for (meter, rate) in self.upload_meters(token).into_iter().flatten() {
            if let Some(rate) = rate {
                meter.charge(rate, bytes, now_ms);
            }
        }
    }

    /// Returns the meters of what a peer uploads, with their allowances: its own, and that of its
    /// address. None, if allowances do not hold for it.
    fn upload_meters(&mut self, token: Token) -> Option<[(&mut Meter, Option<Rate>); 2]> {
        let connection = self.connections.get(token)?;
        let Allowances { exempt, uploads, address_uploads, .. } = self.settings.allowances;
        if exempt.includes(connection.peer()) {
            return None;
        }
        let now_ms = self.now.mono_ms();
        let Limiter { members, origins, .. } = &mut self.limiter;
        let shared = origins.of(connection.peer().into(), now_ms);
        let own = match connection.session() {
            Some(session) => &mut members.of(session, now_ms).uploads,
            None => &mut shared.guest_uploads,
        };
        Some([(own, uploads), (&mut shared.uploads, address_uploads)])
    }

    /// Returns true if a member may be sent a list; it is refused if not.
    pub(super) fn may_list(&mut self, token: Token, about: u8) -> bool {
        let Some(connection) = self.connections.get(token) else { return false };
        let (peer, now_ms) = (connection.peer(), self.now.mono_ms());
        let Allowances { exempt, replies, .. } = self.settings.allowances;
        if exempt.includes(peer) {
            return true;
        }
        let used = self.limiter.origins.of(peer.into(), now_ms).replies;
        let within = Over::check(used, replies, 1, Code::TOO_MUCH_SENT, now_ms);
        self.is_within(token, within, |code| Refused::new(code, about))
    }

    /// Counts bytes of a list that are sent to a member.
    pub(super) fn charge_list(&mut self, token: Token, bytes: u64) {
        let Some(peer) = self.connections.get(token).map(Connection::peer) else { return };
        self.limiter.charge_replies(&self.settings.allowances, peer, bytes, self.now.mono_ms());
    }

    /// Returns true if a client may enter the room, which brings it a snapshot and history. Its
    /// connection is closed if not. One that resumes a membership does not add a member.
    pub(super) fn may_enter(&mut self, token: Token, resumes: bool) -> bool {
        let Some(connection) = self.connections.get(token) else { return false };
        let (peer, now_ms) = (connection.peer(), self.now.mono_ms());
        let Allowances { exempt, joins, replies, .. } = self.settings.allowances;
        if exempt.includes(peer) {
            return true;
        }
        let meters = self.limiter.origins.of(peer.into(), now_ms);
        let joins = joins.filter(|_| !resumes);
        let within = Over::check(meters.replies, replies, 1, Code::TOO_MUCH_SENT, now_ms)
            .and_then(|()| Over::take(&mut meters.joins, joins, Code::TOO_MANY_JOINS, now_ms));
        if let Err(over) = within {
            self.close_with(token, over.goodbye());
        }
        within.is_ok()
    }

    /// Closes a connection that was just accepted if too many come from its address. How many are
    /// told why is limited as well, since telling costs more than accepting.
    pub(super) fn turn_away_if_over(&mut self, token: Token, peer: SocketAddr) {
        let Allowances { exempt, connections, address_connections_max, .. } =
            self.settings.allowances;
        if exempt.includes(peer) {
            return;
        }
        let (origin, now_ms) = (Origin::from(peer), self.now.mono_ms());
        let open = self.limiter.open.get(&origin).map_or(0, |open| *open as usize);
        let meters = self.limiter.origins.of(origin, now_ms);
        let code = Code::TOO_MANY_FROM_ADDRESS;
        let within = if open > address_connections_max {
            let (limit, wait_ms) = (address_connections_max as u64, ADDRESS_RETRY_MS);
            Err(Over { code, limit, rate: None, wait_ms })
        } else {
            Over::take(&mut meters.connections, connections, code, now_ms)
        };
        let Err(over) = within else { return };
        if Over::take(&mut meters.turned_away, TURNED_AWAY, code, now_ms).is_ok() {
            self.close_with(token, over.goodbye());
            // At once: what it has sent may be read next, and could say that TLS comes.
            self.flush(token);
        } else {
            self.drop_for(token, code);
            self.reap();
        }
    }

    /// Refuses a member's request if it is over an allowance. Closes the connection of one who has
    /// been refused too often.
    #[inline] // Most requests are within.
    fn is_within(
        &mut self,
        token: Token,
        within: Result<(), Over>,
        refused: impl Fn(Code) -> Refused,
    ) -> bool {
        if let Err(over) = within {
            self.refuse_over(token, over, refused(over.code));
        }
        within.is_ok()
    }

    fn refuse_over(&mut self, token: Token, over: Over, refused: Refused) {
        let now_ms = self.now.mono_ms();
        if let Some(session) = self.limited_session(token) {
            let refusals = &mut self.limiter.members.of(session, now_ms).refusals;
            if let Err(flood) = Over::take(refusals, FLOOD, Code::FLOODING, now_ms) {
                return self.close_with(token, flood.goodbye());
            }
        }
        let (limit, retry_ms, detail) = (Some(over.limit), over.retry_ms(), over.detail());
        self.refuse(token, &Refused { limit, retry_ms, detail, ..refused });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_that_are_like_new_are_forgotten() {
        let rate = Rate::new(2, 1, 1_000).unwrap();
        let mut meters: Meters<u64, MemberMeters> = Meters::default();
        for whose in 0..10_000 {
            // One comes every 10 ms, and uses what is back after a second.
            meters.of(whose, whose * 10).lines.charge(rate, 1, whose * 10);
        }
        assert!(meters.used.len() <= 4 * METERS_MIN, "{} meters", meters.used.len());
        let last = meters.of(9_999, 99_990).lines;
        assert_eq!(last.wait_ms(rate, 2, 99_990), Some(1_000), "what is in use is kept");
    }
}
