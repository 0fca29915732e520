//! What the engine logs about its peers: a line for each thing they do, but only so many of a kind
//! per minute.
//!
//! Anyone who reaches the port can join and leave, or be refused, in a loop. So that no loop fills
//! a disk or hides what others do, the lines beyond a limit are counted, and their number is logged
//! once the minute is over. Talk is never logged.

use std::net::SocketAddr;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Item, Refused};
use log::Level;

use super::limits::{PEER_LINES_MAX, PEER_LINES_MS};

/// What lines are about; each kind has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Join,
    Leave,
    Close,
    Item,
    Refusal,
    Failure,
}

/// The kinds, in the order of their counts, as the line that sums them up names them.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Join, "joins"),
    (Kind::Leave, "leaves"),
    (Kind::Close, "closed connections"),
    (Kind::Item, "changes of the shelf"),
    (Kind::Refusal, "refusals"),
    (Kind::Failure, "failed transfers"),
];

/// The lines of the current minute.
#[derive(Debug, Default)]
pub(super) struct PeerLog {
    /// When it began, if there were any.
    since_ms: Option<u64>,
    /// How many lines of each kind there were, logged or only counted.
    lines: [u32; KINDS.len()],
}

impl PeerLog {
    pub(super) fn joined(&mut self, now_ms: u64, nick: &Nick, peer: SocketAddr) {
        if self.admits(Level::Info, Kind::Join, now_ms) {
            log::info!(nick:%, address:% = peer; "{nick} joined from {peer}");
        }
    }

    pub(super) fn left(&mut self, now_ms: u64, nick: &Nick, code: Code) {
        if self.admits(Level::Info, Kind::Leave, now_ms) {
            log::info!(nick:%, code:?; "{nick} left: {code:?}");
        }
    }

    /// The server has ended a connection for this cause; `nick` is its member's. Ends that the peer
    /// or the operator has chosen are not logged.
    pub(super) fn closed(
        &mut self,
        now_ms: u64,
        peer: SocketAddr,
        nick: Option<&Nick>,
        code: Code,
    ) {
        let is_chosen = matches!(code, Code::LEFT | Code::CONNECTION_LOST | Code::SHUTTING_DOWN);
        if is_chosen || !self.admits(Level::Info, Kind::Close, now_ms) {
            return;
        }
        match nick {
            Some(nick) => {
                log::info!(address:% = peer, nick:%, code:?; "{peer}: closed: {code:?} ({nick})");
            }
            None => log::info!(address:% = peer, code:?; "{peer}: closed: {code:?}"),
        }
    }

    pub(super) fn shelved(&mut self, now_ms: u64, item: &Item) {
        if self.admits(Level::Info, Kind::Item, now_ms) {
            let Item { id: ItemId(id), name, size, nick, .. } = item;
            let name = name.as_str();
            log::info!(
                item = *id, name, size = *size, nick:%;
                "item {id} is on the shelf: {name}, {size} bytes, from {nick}"
            );
        }
    }

    /// An item was dropped by this member, or because the shelf is full.
    pub(super) fn dropped(
        &mut self,
        now_ms: u64,
        item: ItemId,
        name: &FileName,
        by: Option<&Nick>,
    ) {
        if !self.admits(Level::Info, Kind::Item, now_ms) {
            return;
        }
        let (id, name) = (item.0, name.as_str());
        match by {
            Some(nick) => {
                log::info!(item = id, name, nick:%; "item {id} was dropped by {nick}: {name}");
            }
            None => log::info!(item = id, name; "item {id} was dropped to make room: {name}"),
        }
    }

    pub(super) fn refused(
        &mut self,
        now_ms: u64,
        peer: SocketAddr,
        nick: Option<&Nick>,
        refused: &Refused,
    ) {
        if !self.admits(Level::Info, Kind::Refusal, now_ms) {
            return;
        }
        let code = refused.code;
        match nick {
            Some(nick) => {
                log::info!(address:% = peer, nick:%, code:?; "{peer}: refused: {code:?} ({nick})");
            }
            None => log::info!(address:% = peer, code:?; "{peer}: refused: {code:?}"),
        }
    }

    /// The disk has failed a transfer. A full disk is not its fault: that is in the refusal.
    pub(super) fn failed(&mut self, now_ms: u64, code: Code, detail: &str) {
        if code == Code::STORAGE_FAILED && self.admits(Level::Error, Kind::Failure, now_ms) {
            log::error!(code:?; "a transfer failed: {detail}");
        }
    }

    /// Counts a line; returns true if it is to be logged.
    fn admits(&mut self, level: Level, kind: Kind, now_ms: u64) -> bool {
        if level > log::max_level() {
            return false;
        }
        self.count(kind, now_ms)
    }

    fn count(&mut self, kind: Kind, now_ms: u64) -> bool {
        self.sum_up_if_due(now_ms);
        self.since_ms.get_or_insert(now_ms);
        let lines = &mut self.lines[kind as usize];
        *lines = lines.saturating_add(1);
        *lines <= PEER_LINES_MAX
    }

    /// Returns when [`Self::sum_up_if_due`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let has_more = self.lines.iter().any(|lines| *lines > PEER_LINES_MAX);
        self.since_ms.filter(|_| has_more).map(|since_ms| since_ms + PEER_LINES_MS)
    }

    /// Logs what was only counted, if the minute is over.
    pub(super) fn sum_up_if_due(&mut self, now_ms: u64) {
        if self.since_ms.is_some_and(|since_ms| since_ms + PEER_LINES_MS <= now_ms) {
            self.sum_up();
        }
    }

    /// Logs what was only counted, and begins a new minute.
    pub(super) fn sum_up(&mut self) {
        if let Some(more) = std::mem::take(self).more() {
            log::info!("not logged one by one in the last minute: {more}");
        }
    }

    /// What was only counted: "12 joins, 3 refusals".
    fn more(&self) -> Option<String> {
        let more = KINDS.iter().zip(self.lines).filter_map(|((_, what), lines)| {
            let more = lines.checked_sub(PEER_LINES_MAX).filter(|more| *more > 0)?;
            Some(format!("{more} {what}"))
        });
        let more: Vec<String> = more.collect();
        (!more.is_empty()).then(|| more.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_and_summed_up() {
        let mut log = PeerLog::default();
        let mut logged = 0;
        for line in 0..PEER_LINES_MAX + 5 {
            logged += u32::from(log.count(Kind::Join, 1000 + u64::from(line)));
        }
        assert_eq!(logged, PEER_LINES_MAX);
        // Other kinds are not hidden by it.
        assert!(log.count(Kind::Leave, 2000));
        assert_eq!(log.more().as_deref(), Some("5 joins"));
        assert_eq!(log.next_deadline(), Some(1000 + PEER_LINES_MS));
        log.sum_up_if_due(1000 + PEER_LINES_MS - 1);
        assert!(!log.count(Kind::Join, 1000 + PEER_LINES_MS - 1));
        assert!(log.count(Kind::Join, 1000 + PEER_LINES_MS), "a new minute");
        assert_eq!((log.next_deadline(), log.more()), (None, None));
    }

    #[test]
    fn what_the_level_hides_is_not_even_counted() {
        assert_eq!(log::max_level(), log::LevelFilter::Off, "tests log nothing");
        let mut log = PeerLog::default();
        for _ in 0..2 * PEER_LINES_MAX {
            assert!(!log.admits(Level::Error, Kind::Failure, 7));
        }
        assert_eq!(log.more(), None);
    }

    #[test]
    fn a_quiet_room_has_nothing_to_wake_for() {
        let mut log = PeerLog::default();
        assert_eq!(log.next_deadline(), None);
        assert!(log.count(Kind::Refusal, 7));
        assert_eq!(log.next_deadline(), None);
    }

    #[test]
    fn the_kinds_are_in_the_order_of_their_counts() {
        for (place, (kind, _)) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
