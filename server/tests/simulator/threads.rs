//! The server's two disk threads: the real store and the real keeper of the journal, driven as
//! their threads drive them, each piece of work when its time has come.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use chatshelf_common::id::Seq;
use chatshelf_server::disk::files::Files;
use chatshelf_server::disk::journal::{Journal, Unsynced};
use chatshelf_server::disk::journal_writer::JournalWriter;
use chatshelf_server::disk::mark;
use chatshelf_server::disk::store::Store;
use chatshelf_server::disk::{Durability, Found, KeptBans, Reply, Request, read_bans};
use chatshelf_server::engine::JournalBatch;
use chatshelf_server::room::Past;

use super::clock::Clock;
use super::disk::Disk;
use super::model::Model;
use super::plan::Plan;
use super::rng::Rng;
use super::sabotage::Sabotage;
use super::trace::{Trace, told};

/// Where the server keeps its files.
pub(crate) const DATA: &str = "/data";
/// Bytes of events, about, that are written to the journal at once.
const BATCH_BYTES: usize = 1024 * 1024;
/// How long until a sync that is due is looked at again while another one is under way.
const BUSY_WAIT_MS: u64 = 100;

/// Both of them, with what waits for them.
pub(crate) struct Threads {
    clock: Clock,
    trace: Trace,
    rng: Rng,
    disk: Disk,
    store: Store<Disk>,
    keeper: JournalWriter<Disk>,
    durability: Durability,
    requests: VecDeque<Request>,
    batches: VecDeque<JournalBatch>,
    pub(crate) replies: VecDeque<Reply>,
    store_at_ms: Option<u64>,
    journal_at_ms: Option<u64>,
    /// When the journal's thread looks at the clock.
    looks_at_ms: Option<u64>,
    sync: Option<Sync>,
    /// The longest that one piece of work takes.
    pub(crate) disk_ms: u64,
    pub(crate) journal_ms: u64,
    sabotage: Option<Sabotage>,
}

/// What the thread beside the journal's is at.
struct Sync {
    /// The newest event that was written when it was begun.
    last: Seq,
    ends_at_ms: u64,
    state: SyncState,
}

enum SyncState {
    UnderWay(Option<Box<Unsynced<Disk>>>),
    /// The journal's thread has not heard of it.
    Done(io::Result<()>),
}

impl Sync {
    fn is_under_way(&self) -> bool {
        matches!(self.state, SyncState::UnderWay(_))
    }

    fn go_on(&mut self) {
        if let SyncState::UnderWay(unsynced) = &mut self.state {
            let synced = unsynced.take().map_or(Ok(()), |it| it.sync());
            self.state = SyncState::Done(synced);
        }
    }
}

impl Threads {
    /// Opens the data directory.
    pub(crate) fn open(
        plan: &Plan,
        clock: &Clock,
        trace: &Trace,
        disk: &Disk,
        rng: Rng,
        sabotage: Option<Sabotage>,
    ) -> io::Result<(Self, Found)> {
        let dir = Path::new(DATA);
        disk.create_dir(dir)?;
        mark::claim(disk, dir)?;
        let (store, items) = Store::open(disk.clone(), dir, plan.store, clock.at())?;
        let (journal, events) = Journal::open(disk.clone(), dir, plan.segment_bytes)?;
        let durability = plan.settings.durability;
        let topic = journal.topic().cloned();
        let (upload_ids, newest_item) = (store.upload_ids().collect(), store.newest_item());
        let threads = Self {
            clock: clock.clone(),
            trace: trace.clone(),
            rng,
            disk: disk.clone(),
            store,
            keeper: JournalWriter::new(journal, durability),
            durability,
            requests: VecDeque::new(),
            batches: VecDeque::new(),
            replies: VecDeque::new(),
            store_at_ms: None,
            journal_at_ms: None,
            looks_at_ms: None,
            sync: None,
            disk_ms: plan.disk_ms,
            journal_ms: plan.journal_ms,
            sabotage,
        };
        let bans = read_bans(disk, dir)?;
        let past = Past { events, topic, items, newest_item };
        Ok((threads, Found { past, upload_ids, bans }))
    }

    pub(crate) fn submit(&mut self, mut request: Request) {
        if let (Request::Create { checksum, .. }, Some(Sabotage::AnyDigest)) =
            (&mut request, self.sabotage)
        {
            *checksum = None;
        }
        self.requests.push_back(request);
    }

    pub(crate) fn append(&mut self, batch: JournalBatch) {
        if self.sabotage == Some(Sabotage::HastyJournal) && self.durability != Durability::None {
            self.replies.push_back(Reply::Journaled { to: batch.to });
        }
        self.batches.push_back(batch);
    }

    /// When one of the threads does something.
    pub(crate) fn due_ms(&mut self) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        if self.store_at_ms.is_none() && (!self.requests.is_empty() || self.store.has_work()) {
            self.store_at_ms = Some(now_ms + self.rng.below(self.disk_ms + 1));
        }
        if self.journal_at_ms.is_none() && !self.batches.is_empty() {
            self.journal_at_ms = Some(now_ms + self.rng.below(self.journal_ms + 1));
        }
        if self.looks_at_ms.is_none() {
            let timeout = self.keeper.timeout(self.clock.instant());
            let wait_ms = timeout.map(|time| time.as_millis() as u64);
            let is_busy = self.sync.is_some();
            let busy_ms = is_busy.then(|| wait_ms.unwrap_or(0).max(BUSY_WAIT_MS));
            self.looks_at_ms = busy_ms.or(wait_ms).map(|wait_ms| now_ms + wait_ms);
        }
        // A thread that is at its work looks at the clock after it.
        let journal_at_ms = self.journal_at_ms.or(self.looks_at_ms);
        let synced_at_ms =
            self.sync.as_ref().filter(|it| it.is_under_way()).map(|it| it.ends_at_ms);
        [self.store_at_ms, journal_at_ms, synced_at_ms].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, model: &mut Model) {
        let now_ms = self.clock.now_ms();
        if self.store_at_ms.take_if(|at| *at <= now_ms).is_some() {
            self.step_store(model);
        }
        if let Some(sync) = self.sync.as_mut().filter(|sync| sync.ends_at_ms <= now_ms) {
            sync.go_on();
        }
        let has_batch = self.journal_at_ms.is_some();
        let is_woken = self.journal_at_ms.take_if(|at| *at <= now_ms).is_some();
        let looks = !has_batch && self.looks_at_ms.is_some_and(|at| at <= now_ms);
        if is_woken || looks {
            self.looks_at_ms = None;
            self.take_in_sync(model);
            self.keep(model);
            self.hand_over_sync(model);
        }
    }

    fn step_store(&mut self, model: &mut Model) {
        let mut answers = Vec::new();
        if let Some(request) = self.requests.pop_front() {
            told!(self.trace, "store", "{}", shown_request(&request));
            self.store.handle(request, &mut |reply| answers.push(reply));
        }
        if self.store.has_work() {
            self.store.step(&mut |reply| answers.push(reply));
        }
        for reply in answers {
            told!(self.trace, "store", "  answers {}", shown_reply(&reply));
            if let Reply::Published { item, .. } = &reply
                && !self.disk.is_frozen()
            {
                model.shelf_mut().published(item);
            }
            self.replies.push_back(reply);
        }
    }

    /// Keeps what waits, as many batches at once as the thread would.
    fn keep(&mut self, model: &mut Model) {
        let Some(batch) = self.batches.pop_front() else { return };
        let JournalBatch { mut bans, mut frames, mut to } = batch;
        while frames.len() < BATCH_BYTES
            && let Some(more) = self.batches.pop_front()
        {
            frames.extend_from_slice(&more.frames);
            to = more.to;
            bans = more.bans.or(bans);
        }
        bans.into_iter().for_each(|bans| self.keep_bans(&bans, model));
        let failures = self.disk.failures();
        let last = model.batch_end(to);
        let reply = self.keeper.keep(&frames, to, self.clock.instant());
        let has_failed = match self.durability {
            Durability::None => self.disk.failures() != failures || self.disk.is_frozen(),
            _ => matches!(reply, Some(Reply::JournalFailed { .. })),
        };
        told!(
            self.trace,
            "journal",
            "keeps up to {last}: {}",
            if has_failed { "fails" } else { "done" }
        );
        match (has_failed, self.durability) {
            (true, _) => model.not_kept(last),
            (false, Durability::Always) => model.synced(last),
            (false, _) => model.written(last),
        }
        self.replies.extend(reply);
    }

    fn keep_bans(&mut self, bans: &KeptBans, model: &mut Model) {
        told!(self.trace, "journal", "keeps {bans:?}");
        let failures = self.disk.failures();
        if self.sabotage != Some(Sabotage::LostBans) {
            self.keeper.keep_bans(bans);
        }
        let is_done = self.disk.failures() == failures && !self.disk.is_frozen();
        model.moderation_mut().keeps(bans, is_done);
    }

    /// Takes in what came of a sync, before anything more is written behind it.
    fn take_in_sync(&mut self, model: &mut Model) {
        if let Some(sync) = self.sync.as_mut().filter(|_| self.keeper.must_wait()) {
            sync.go_on();
        }
        if let Some(Sync { last, state: SyncState::Done(result), .. }) =
            self.sync.take_if(|sync| !sync.is_under_way())
        {
            self.note_sync(result.is_err(), last, model);
            self.replies.extend(self.keeper.end_sync(result));
        }
    }

    /// Hands over what is due to be synced, unless a sync is under way.
    fn hand_over_sync(&mut self, model: &Model) {
        if self.sync.is_none()
            && let Some(unsynced) = self.keeper.begin_sync(self.clock.instant())
        {
            let ends_at_ms = self.clock.now_ms() + self.rng.below(self.journal_ms + 1);
            let (last, state) =
                (model.newest_written(), SyncState::UnderWay(Some(Box::new(unsynced))));
            self.sync = Some(Sync { last, ends_at_ms, state });
        }
    }

    fn note_sync(&self, has_failed: bool, last: Seq, model: &mut Model) {
        told!(
            self.trace,
            "journal",
            "syncs to {last}: {}",
            if has_failed { "fails" } else { "done" }
        );
        if has_failed { model.sync_failed() } else { model.synced_written(last) }
    }

    /// The server ends: the threads finish what they were asked for.
    pub(crate) fn finish(mut self, model: &mut Model) {
        while !self.requests.is_empty() {
            self.step_store(model);
        }
        while !self.batches.is_empty() {
            self.keep(model);
        }
        if let Some(sync) = &mut self.sync {
            sync.go_on();
        }
        self.take_in_sync(model);
        let failures = self.disk.failures();
        self.keeper.sync();
        let has_failed = self.disk.failures() != failures || self.disk.is_frozen();
        self.note_sync(has_failed, Seq(u64::MAX), model);
        self.store.finish();
    }

    /// True while something waits for either thread, or for the reactor.
    pub(crate) fn is_busy(&self) -> bool {
        !self.requests.is_empty()
            || !self.batches.is_empty()
            || !self.replies.is_empty()
            || self.store.has_work()
            || self.sync.as_ref().is_some_and(Sync::is_under_way)
    }
}

fn shown_request(request: &Request) -> String {
    match request {
        Request::Create { upload, size, key, .. } => {
            format!("create {upload:?}, {size} bytes, key: {}", key.is_some())
        }
        Request::Write { upload, block } => format!("write {upload:?}, {} bytes", block.len()),
        Request::Publish { upload, item, .. } => format!("publish {upload:?} as item {}", item.id),
        Request::Read { download, bytes, .. } => format!("read {download:?}, {bytes} bytes"),
        Request::Release { extent } => format!("release {} bytes", extent.left()),
        other => format!("{other:?}"),
    }
}

fn shown_reply(reply: &Reply) -> String {
    match reply {
        Reply::Wrote { upload, .. } => format!("wrote {upload:?}"),
        Reply::Read { download, extent } => {
            format!("read {download:?}, {} bytes with heads", extent.left())
        }
        Reply::Published { upload, item, .. } => format!("published {upload:?} as {}", item.id),
        Reply::Failed { transfer, code, detail, .. } => {
            format!("failed {transfer:?}: {code:?} {detail:?}")
        }
        other => format!("{other:?}"),
    }
}
