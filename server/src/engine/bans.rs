//! Bans: nicks and addresses that are kept out of the room.
//!
//! Owns the list. What operators may do, and what follows for those who are here, is in
//! `moderation`.

use std::net::SocketAddr;
use std::sync::Arc;

use chatshelf_common::id::{BanId, UnixMillis};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::BanEntry;

use super::limits::BANS_MAX;
use super::origin::Origin;
use crate::disk::KeptBans;
use crate::work;

/// One ban, with what it is compared by.
#[derive(Debug)]
struct Ban {
    entry: BanEntry,
    /// The keys of its nick. Nicks that look alike have one in common.
    keys: Vec<Arc<str>>,
    origin: Option<Origin>,
}

/// The bans, oldest first.
#[derive(Debug)]
pub(super) struct Bans {
    bans: Vec<Ban>,
    next: BanId,
}

fn keys(nick: &Nick) -> Vec<Arc<str>> {
    [Some(nick.key()), nick.key_as_spelt()].into_iter().flatten().collect()
}

impl Ban {
    fn new(entry: BanEntry) -> Self {
        let keys = entry.to.as_ref().map(keys).unwrap_or_default();
        let origin = entry.address.map(Origin::from);
        Self { entry, keys, origin }
    }

    fn has_ended(&self, at: UnixMillis) -> bool {
        self.entry.until.is_some_and(|until| until <= at)
    }

    /// Returns true if the other keeps the same out, until the same time and for the same reason.
    /// An address that is not known any more makes no difference.
    fn is_again(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.entry, &other.entry);
        let is_same_whom = ours.to == theirs.to
            && (other.origin == self.origin || (other.origin.is_none() && theirs.to.is_some()));
        is_same_whom && ours.until == theirs.until && ours.reason == theirs.reason
    }

    /// Returns true if both are about the same nick, or the same address.
    fn is_like(&self, other: &Self) -> bool {
        let has_common = self.keys.iter().any(|key| other.keys.contains(key));
        let is_same_address =
            self.origin.is_some() && self.origin == other.origin && self.keys.is_empty();
        has_common || (is_same_address && other.keys.is_empty())
    }
}

impl Bans {
    /// Creates the list found on disk.
    pub(super) fn found(bans: Vec<BanEntry>, next: BanId) -> Self {
        Self { bans: bans.into_iter().map(Ban::new).collect(), next }
    }

    /// Returns the part of it that is kept on disk.
    pub(super) fn kept(&self, is_topic_locked: bool) -> KeptBans {
        let bans = self.bans.iter().map(|ban| ban.entry.clone()).collect();
        KeptBans { bans, next: self.next, is_topic_locked }
    }

    /// Returns the number that the next ban gets.
    pub(super) fn next(&self) -> BanId {
        self.next
    }

    /// Removes bans that have ended.
    fn expire(&mut self, at: UnixMillis) {
        self.bans.retain(|ban| !ban.has_ended(at));
    }

    /// Returns why a ban would not be added, if so: it is there already, or there is no room.
    pub(super) fn refusal(&mut self, entry: &BanEntry, at: UnixMillis) -> Option<Code> {
        self.expire(at);
        let ban = Ban::new(entry.clone());
        if self.bans.iter().any(|other| other.is_again(&ban)) {
            return Some(Code::UNCHANGED);
        }
        let stay = self.bans.iter().filter(|other| !ban.is_like(other)).count();
        (stay >= BANS_MAX).then_some(Code::TOO_MANY_BANS)
    }

    /// Adds a ban. It replaces those of the same nick, or of the same address.
    pub(super) fn add(&mut self, entry: BanEntry) {
        debug_assert!(entry.ban >= self.next);
        self.next = BanId(entry.ban.0.saturating_add(1));
        let ban = Ban::new(entry);
        self.bans.retain(|other| !ban.is_like(other));
        self.bans.push(ban);
        debug_assert!(self.bans.len() <= BANS_MAX);
    }

    /// Removes a ban, and returns it.
    pub(super) fn remove(&mut self, ban: BanId) -> Option<BanEntry> {
        let place = self.bans.iter().position(|it| it.entry.ban == ban)?;
        Some(self.bans.remove(place).entry)
    }

    /// Returns the ban with this number, unless it has ended.
    pub(super) fn find(&self, ban: BanId, at: UnixMillis) -> Option<&BanEntry> {
        let found = self.bans.iter().find(|it| it.entry.ban == ban);
        found.filter(|it| !it.has_ended(at)).map(|it| &it.entry)
    }

    /// Returns the bans that are in force.
    pub(super) fn list(&mut self, at: UnixMillis) -> Vec<BanEntry> {
        self.expire(at);
        self.bans.iter().map(|ban| ban.entry.clone()).collect()
    }

    /// Returns the ban that keeps out whoever comes from this address.
    pub(super) fn of_address(&self, peer: SocketAddr, at: UnixMillis) -> Option<&BanEntry> {
        let origin = Some(Origin::from(peer));
        self.first(|ban| ban.origin == origin, at)
    }

    /// Returns the ban that keeps out this nick, and those that look like it.
    pub(super) fn of_nick(&self, nick: &Nick, at: UnixMillis) -> Option<&BanEntry> {
        if self.bans.is_empty() {
            return None;
        }
        let keys = keys(nick);
        self.first(|ban| ban.keys.iter().any(|key| keys.contains(key)), at)
    }

    /// Returns true if this ban keeps out a member with this nick and, if known, this address.
    pub(super) fn covers(&self, ban: BanId, nick: &Nick, peer: Option<SocketAddr>) -> bool {
        let Some(ban) = self.bans.iter().find(|it| it.entry.ban == ban) else { return false };
        let is_there = peer.is_some_and(|peer| ban.origin == Some(Origin::from(peer)));
        is_there || keys(nick).iter().any(|key| ban.keys.contains(key))
    }

    fn first(&self, is_meant: impl Fn(&Ban) -> bool, at: UnixMillis) -> Option<&BanEntry> {
        work::spend_passing(self.bans.len());
        let mut holding = self.bans.iter().filter(|ban| !ban.has_ended(at));
        holding.find(|ban| is_meant(ban)).map(|ban| &ban.entry)
    }
}

/// Tells those whom a ban keeps out how long it lasts, and why.
pub(super) fn explained(ban: &BanEntry, at: UnixMillis) -> Note {
    let lasting = match ban.until.map(|until| until.0.saturating_sub(at.0).div_ceil(60_000)) {
        None => "it does not end by itself".to_owned(),
        Some(minutes @ 0..180) => format!("for {minutes} more min"),
        Some(minutes) => format!("for {} more h", minutes.div_ceil(60)),
    };
    match &ban.reason {
        Some(reason) => Note::lossy(&format!("{lasting}: {reason}")),
        None => Note::lossy(&lasting),
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_testkit::samples::nick;

    use super::*;

    const AT: UnixMillis = UnixMillis(1_000_000);

    fn entry(bans: &Bans, to: Option<&str>, address: Option<&str>) -> BanEntry {
        let (to, address) = (to.map(nick), address.map(|it| it.parse().unwrap()));
        let (ban, nick) = (bans.next(), nick("ada"));
        BanEntry { ban, to, address, until: None, nick, at: AT, reason: None }
    }

    fn banned(to: Option<&str>, address: Option<&str>) -> Bans {
        let mut bans = Bans::found(Vec::new(), BanId(1));
        bans.add(entry(&bans, to, address));
        bans
    }

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 4000)
    }

    #[test]
    fn a_ban_of_a_nick_keeps_out_all_that_look_like_it() {
        let bans = banned(Some("Ian"), None);
        for same in ["Ian", "ian", "IAN", "lan", "1an", "Iаn"] {
            assert!(bans.of_nick(&nick(same), AT).is_some(), "{same}");
        }
        assert!(bans.of_nick(&nick("ivan"), AT).is_none());
        assert!(bans.of_address(peer("192.0.2.1"), AT).is_none());
    }

    #[test]
    fn a_ban_of_an_ipv6_address_holds_for_its_network() {
        let bans = banned(None, Some("2001:db8:1:2::7"));
        assert!(bans.of_address(peer("2001:db8:1:2:ffff::1"), AT).is_some());
        assert!(bans.of_address(peer("2001:db8:1:3::7"), AT).is_none());
        let bans = banned(None, Some("::ffff:192.0.2.7"));
        assert!(bans.of_address(peer("192.0.2.7"), AT).is_some());
        assert!(bans.of_address(peer("192.0.2.8"), AT).is_none());
        assert!(bans.of_nick(&nick("ada"), AT).is_none());
    }

    #[test]
    fn a_ban_ends_when_its_time_is_over() {
        let mut bans = banned(Some("bob"), None);
        bans.bans[0].entry.until = Some(UnixMillis(AT.0 + 1));
        assert!(bans.of_nick(&nick("bob"), AT).is_some());
        let later = UnixMillis(AT.0 + 1);
        assert!(bans.of_nick(&nick("bob"), later).is_none());
        assert!(bans.find(BanId(1), AT).is_some() && bans.find(BanId(1), later).is_none());
        assert_eq!((bans.list(AT).len(), bans.list(later).len()), (1, 0));
    }

    #[test]
    fn a_later_ban_replaces_those_of_the_same_nick_and_numbers_are_not_used_again() {
        let mut bans = banned(Some("bob"), Some("::ffff:192.0.2.7"));
        bans.add(entry(&bans, Some("b0b"), None));
        bans.add(entry(&bans, None, Some("::ffff:192.0.2.7")));
        bans.add(entry(&bans, None, Some("::ffff:192.0.2.7")));
        let numbers: Vec<u64> = bans.list(AT).iter().map(|it| it.ban.0).collect();
        assert_eq!(numbers, [2, 4]);
        assert!(bans.remove(BanId(4)).is_some() && bans.remove(BanId(4)).is_none());
        assert_eq!((bans.next(), bans.find(BanId(2), AT).is_some()), (BanId(5), true));
        let kept = bans.kept(true);
        let again = Bans::found(kept.bans.clone(), kept.next);
        assert_eq!(again.kept(true), kept);
    }

    #[test]
    fn the_list_is_bounded() {
        let mut bans = Bans::found(Vec::new(), BanId(1));
        for number in 0..BANS_MAX {
            let ban = entry(&bans, Some(&format!("u{number}x")), None);
            assert_eq!(bans.refusal(&ban, AT), None);
            bans.add(ban);
        }
        let another = entry(&bans, Some("another"), None);
        assert_eq!(bans.refusal(&another, AT), Some(Code::TOO_MANY_BANS));
        let mut again = entry(&bans, Some("u7x"), None);
        assert_eq!(bans.refusal(&again, AT), Some(Code::UNCHANGED));
        again.until = Some(UnixMillis(AT.0 + 1));
        assert_eq!(bans.refusal(&again, AT), None, "it replaces the one that is there");
        bans.add(again);
        assert_eq!(bans.list(AT).len(), BANS_MAX);
        let ended = UnixMillis(0);
        bans.bans[0].entry.until = Some(ended);
        assert_eq!(bans.refusal(&another, AT), None, "one has ended");
    }

    #[test]
    fn the_same_ban_again_changes_nothing_and_another_does() {
        let mut bans = banned(Some("bob"), Some("::ffff:192.0.2.7"));
        let again = |to, address| entry(&Bans::found(Vec::new(), BanId(2)), to, address);
        // Bob is not there any more, so nothing is known of an address.
        for address in [None, Some("::ffff:192.0.2.7")] {
            assert_eq!(bans.refusal(&again(Some("bob"), address), AT), Some(Code::UNCHANGED));
        }
        let elsewhere = again(Some("bob"), Some("::ffff:192.0.2.8"));
        let spelt = again(Some("b0b"), None);
        let why = BanEntry { reason: Note::new("spam").ok(), ..again(Some("bob"), None) };
        let until = BanEntry { until: Some(UnixMillis(AT.0 + 9)), ..again(Some("bob"), None) };
        for another in [elsewhere, spelt, why, until, again(None, Some("::ffff:192.0.2.7"))] {
            assert_eq!(bans.refusal(&another, AT), None, "{another:?}");
        }
        let mut bans = banned(None, Some("2001:db8:1:2::7"));
        let network = again(None, Some("2001:db8:1:2::9"));
        assert_eq!(bans.refusal(&network, AT), Some(Code::UNCHANGED));
    }

    #[test]
    fn who_is_kept_out_learns_for_how_long_and_why() {
        let mut ban = entry(&Bans::found(Vec::new(), BanId(1)), Some("bob"), None);
        assert_eq!(explained(&ban, AT).as_str(), "it does not end by itself");
        ban.until = Some(UnixMillis(AT.0 + 59 * 60_000));
        ban.reason = Note::new("spam").ok();
        assert_eq!(explained(&ban, AT).as_str(), "for 59 more min: spam");
        ban.until = Some(UnixMillis(AT.0 + 24 * 3_600_000));
        assert_eq!(explained(&ban, AT).as_str(), "for 24 more h: spam");
    }
}
