//! The transfers of one connection: which are running, and whether they make progress.

use std::collections::BTreeMap;

use chatshelf_common::id::TransferId;

use super::Received;
use super::download::Download;
use super::pace::Pace;
use super::slots::Way;
use super::upload::Upload;
use crate::engine::deadlines::{Due, Look};
use crate::engine::limits::{RATE_STEP_MS, RATE_WINDOW_MS};

/// The transfers of one connection.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// The highest number the client has used.
    pub(super) last: Option<TransferId>,
    /// How many the server has numbered for it.
    visits: u32,
    pub(super) uploads: BTreeMap<TransferId, Upload>,
    pub(super) downloads: BTreeMap<TransferId, Download>,
    pub(super) pace: Pace,
}

impl Member {
    /// Returns the number of the next transfer of a visitor, who does not number them. They are
    /// counted down from the top: the visitor may become a client on the same connection, which
    /// counts up, while the disk thread still holds the last of these.
    pub(super) fn take_number(&mut self) -> TransferId {
        let number = TransferId(u32::MAX - self.visits);
        self.visits = self.visits.saturating_add(1);
        number
    }

    /// Returns true for a number that was accepted or taken.
    pub(super) fn has_number(&self, transfer: TransferId) -> bool {
        Some(transfer) <= self.last || u32::MAX - transfer.0 < self.visits
    }

    /// Returns how many are running.
    pub(super) fn running(&self) -> usize {
        self.uploads.len() + self.downloads.len()
    }

    /// Classifies a frame about an upload that is not running: too late if it ever ran, otherwise
    /// unexpected.
    pub(super) fn missing<R>(&self, transfer: TransferId) -> Received<R> {
        let has_ended = self.last.is_some_and(|last| transfer <= last)
            && !self.downloads.contains_key(&transfer);
        if has_ended { Received::Late } else { Received::Unexpected }
    }

    /// Returns what is due for them, if an upload may wait for its client for `upload_ms`.
    pub(super) fn due(&self, look: &mut Look, upload_ms: u64) -> Option<Due> {
        for (&transfer, upload) in &self.uploads {
            if upload.is_receiving() && look.has_passed(upload.progress_ms(), upload_ms) {
                return Some(Due::Stalled(transfer));
            }
        }
        let is_due = self.running() > 0 && look.has_passed(self.pace.stepped_ms(), RATE_STEP_MS);
        is_due.then_some(Due::Pace)
    }

    /// Returns the transfers that move too few bytes, oldest first. Those begun in the last minute,
    /// and those that wait for the disk, are not among them.
    pub(super) fn slow(
        &mut self,
        sent: u64,
        has_data: impl Fn(TransferId) -> bool,
        now_ms: u64,
    ) -> Vec<(TransferId, Way)> {
        self.pace.add(sent);
        let suffices_for = self.pace.step(now_ms);
        let is_judged = |since_ms: u64| since_ms + RATE_WINDOW_MS <= now_ms;
        let uploads = self
            .uploads
            .iter()
            .filter(|(_, upload)| upload.is_receiving() && is_judged(upload.since_ms()));
        let downloads = self
            .downloads
            .iter()
            .filter(|(transfer, download)| has_data(**transfer) && is_judged(download.since_ms()));
        let mut judged: Vec<(TransferId, Way)> = uploads
            .map(|(&transfer, _)| (transfer, Way::Up))
            .chain(downloads.map(|(&transfer, _)| (transfer, Way::Down)))
            .collect();
        judged.sort_unstable_by_key(|&(transfer, _)| transfer);
        judged.split_off(suffices_for.min(judged.len()))
    }
}
