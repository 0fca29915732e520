//! The journal thread: passes batches to the [`JournalWriter`] and its replies back. A second
//! thread syncs what is written at intervals: a sync can take as long as the disk is busy, and talk
//! must not wait for that.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::Reply;
use super::backlog::{Backlog, QueuedBatch, QueuedEvents, Taken};
use super::files::Files;
use super::journal::Unsynced;
use super::journal_writer::JournalWriter;
use super::stats::Reports;

/// How often to look for the result of a sync while no batch comes.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// Handle of the thread that syncs, one file at a time. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Syncer<F: Files> {
    work: Sender<Unsynced<F>>,
    results: Receiver<io::Result<()>>,
    reports: Arc<Reports>,
}

impl<F: Files + Send + 'static> Syncer<F>
where
    F::File: Send,
{
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub(super) fn start(reports: Arc<Reports>) -> io::Result<Self> {
        let (work, waiting) = channel::<Unsynced<F>>();
        let (answers, results) = channel();
        let timed = Arc::clone(&reports);
        Builder::new().name("sync".into()).spawn(move || {
            for unsynced in waiting {
                let begun = Instant::now();
                let synced = unsynced.sync();
                timed.note_sync(begun.elapsed());
                if answers.send(synced).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { work, results, reports })
    }
}

impl<F: Files> Syncer<F> {
    /// Takes the result of a sync before anything more is written. Waits for it only if too much is
    /// not durable yet.
    fn take_in(&self, writer: &mut JournalWriter<F>) -> Option<Reply> {
        if writer.must_wait() { self.finish(writer) } else { self.poll(writer) }
    }

    fn poll(&self, writer: &mut JournalWriter<F>) -> Option<Reply> {
        let ended = self.results.try_recv().ok()?;
        writer.end_sync(ended)
    }

    /// Waits for the current sync.
    fn finish(&self, writer: &mut JournalWriter<F>) -> Option<Reply> {
        let ended = self.results.recv().ok()?;
        writer.end_sync(ended)
    }

    /// Hands over what is due, unless a sync is running.
    fn hand_over(&self, writer: &mut JournalWriter<F>, now: Instant) {
        if !writer.is_syncing()
            && let Some(unsynced) = writer.begin_sync(now)
        {
            // The thread lives as long as `self`.
            let _ = self.work.send(unsynced);
        }
    }
}

/// How long to wait for the next batch.
fn timeout<F: Files>(writer: &JournalWriter<F>, now: Instant) -> Option<Duration> {
    let timeout = writer.timeout(now);
    if writer.is_syncing() {
        Some(timeout.map_or(BUSY_WAIT, |it| it.max(BUSY_WAIT)))
    } else {
        timeout
    }
}

/// Writes batches until no more can come, then makes everything durable.
pub(super) fn serve<F: Files>(
    mut writer: JournalWriter<F>,
    syncer: &Syncer<F>,
    backlog: &Backlog,
    mut answer: impl FnMut(Reply),
) {
    loop {
        let taken = backlog.take(timeout(&writer, Instant::now()));
        if taken == Taken::Closed {
            break;
        }
        syncer.take_in(&mut writer).into_iter().for_each(&mut answer);
        let reply = match taken {
            Taken::Batch(QueuedBatch { bans, events, to }) => {
                bans.into_iter().for_each(|bans| writer.keep_bans(&bans));
                match events {
                    QueuedEvents::Frames(frames) => keep(&mut writer, &frames, to, syncer),
                    QueuedEvents::Lost => writer.lose(to),
                }
            }
            Taken::Nothing | Taken::Closed => None,
        };
        reply.into_iter().for_each(&mut answer);
        syncer.hand_over(&mut writer, Instant::now());
        syncer.reports.note_journal(writer.is_failing());
    }
    if writer.is_syncing() {
        syncer.finish(&mut writer).into_iter().for_each(&mut answer);
    }
    writer.sync();
}

fn keep<F: Files>(
    writer: &mut JournalWriter<F>,
    frames: &[u8],
    to: u64,
    syncer: &Syncer<F>,
) -> Option<Reply> {
    let begun = Instant::now();
    let reply = writer.keep(frames, to, begun);
    if writer.syncs_each_batch() {
        syncer.reports.note_sync(begun.elapsed());
    }
    reply
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{BanId, Seq, UnixMillis};
    use chatshelf_common::text::Nick;
    use chatshelf_common::wire::Frame;
    use chatshelf_common::wire::frame::Joined;

    use super::*;
    use crate::disk::backlog::BACKLOG_BYTES_MAX;
    use crate::disk::fault_injection::{Fault, FaultyFiles};
    use crate::disk::journal::Journal;
    use crate::disk::{Durability, KeptBans, read_bans};

    fn joined(seq: u64) -> Vec<u8> {
        let nick = Nick::new("ada").unwrap();
        Joined { seq: Seq(seq), at: UnixMillis(1), nick, quiet: None }.to_bytes()
    }

    fn journal_writer(files: &FaultyFiles, durability: Durability) -> JournalWriter<FaultyFiles> {
        let (journal, _) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        let mut writer = JournalWriter::new(journal, durability);
        // The first event begins a segment.
        writer.keep(&joined(1), 1, Instant::now());
        writer.sync();
        writer
    }

    #[test]
    fn waiting_batches_are_joined_and_answered_in_order() {
        let files = FaultyFiles::new();
        let writer = journal_writer(&files, Durability::Always);
        let backlog = Backlog::default();
        (2..=5).for_each(|to| backlog.push(None, joined(to), to));
        backlog.push(None, vec![0; BACKLOG_BYTES_MAX], 6);
        backlog.push(None, joined(7), 7);
        backlog.close();
        let mut replies = Vec::new();
        let before = files.done();
        let syncer = Syncer::start(Arc::default()).unwrap();
        serve(writer, &syncer, &backlog, |reply| replies.push(reply));
        let done = files.done() - before;
        let expected = [
            Reply::Journaled { to: 5 },
            Reply::JournalFailed { to: 6 },
            Reply::Journaled { to: 7 },
        ];
        assert_eq!(format!("{replies:?}"), format!("{expected:?}"));
        assert_eq!(done, 4, "two writes, two syncs");
        let stats = syncer.reports.snapshot();
        assert_eq!((stats.syncs.count(), stats.is_journal_failing), (2, false), "it has recovered");
        let (_, events) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        assert!(events.iter().map(|event| event.seq().0).eq([1, 2, 3, 4, 5, 7]));
    }

    #[test]
    fn a_journal_that_fails_is_reported() {
        let files = FaultyFiles::new();
        let writer = journal_writer(&files, Durability::None);
        let backlog = Backlog::default();
        backlog.push(None, vec![0; BACKLOG_BYTES_MAX + 1], 2);
        backlog.close();
        let syncer = Syncer::start(Arc::default()).unwrap();
        serve(writer, &syncer, &backlog, drop);
        let stats = syncer.reports.snapshot();
        assert_eq!((stats.syncs.count(), stats.is_journal_failing), (0, true));
    }

    #[test]
    fn a_due_sync_runs_on_its_thread_and_its_result_is_taken() {
        let files = FaultyFiles::new();
        let mut writer = journal_writer(&files, Durability::Interval);
        let syncer = Syncer::start(Arc::default()).unwrap();
        let now = Instant::now();
        writer.keep(&joined(2), 20, now);
        let later = now + Duration::from_secs(1);
        let before = files.done();
        syncer.hand_over(&mut writer, later);
        assert!(writer.is_syncing());
        assert_eq!(timeout(&writer, later), Some(BUSY_WAIT), "its result is looked for");
        writer.keep(&joined(3), 30, now);
        assert_eq!(timeout(&writer, later), Some(BUSY_WAIT), "it does not spin");
        while writer.is_syncing() {
            assert!(syncer.take_in(&mut writer).is_none());
            std::thread::yield_now();
        }
        assert_eq!(files.done() - before, 2, "one write, one sync");
        assert_eq!(syncer.reports.snapshot().syncs.count(), 1);
        syncer.hand_over(&mut writer, later);
        assert!(writer.is_syncing(), "the next one");
    }

    /// At whichever operation the disk fails for good: nobody hears of a ban before it is kept.
    #[test]
    fn a_ban_that_is_in_the_log_is_kept() {
        let kept = KeptBans { next: BanId(2), ..KeptBans::default() };
        for operations in 0..20 {
            let files = FaultyFiles::new();
            let writer = journal_writer(&files, Durability::Always);
            let syncer = Syncer::start(Arc::default()).unwrap();
            let backlog = Backlog::default();
            backlog.push(Some(kept.clone()), joined(2), 2);
            backlog.close();
            files.fail(Fault::From(files.done() + operations), std::io::ErrorKind::Other);
            serve(writer, &syncer, &backlog, |_| ());
            files.heal();
            let (_, events) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
            let is_kept = read_bans(&files, files.path()).unwrap() == kept;
            let is_told = events.len() == 2;
            assert!(is_kept || !is_told, "{operations} operations succeed");
            assert!(operations > 0 || !is_kept);
            assert!(operations < 19 || (is_kept && is_told), "it is done in fewer operations");
        }
    }

    #[test]
    fn writing_waits_for_a_sync_only_if_too_much_is_not_durable() {
        let files = FaultyFiles::new();
        let mut writer = journal_writer(&files, Durability::Interval);
        let syncer = Syncer::start(Arc::default()).unwrap();
        let now = Instant::now();
        writer.keep(&joined(2), 20, now);
        let unsynced = writer.begin_sync(now + Duration::from_secs(1)).unwrap();
        assert!(syncer.take_in(&mut writer).is_none() && writer.is_syncing());
        writer.keep(&joined(3).repeat((2 << 20) / joined(3).len()), 30, now);
        assert!(writer.must_wait());
        syncer.work.send(unsynced).unwrap();
        assert!(syncer.take_in(&mut writer).is_none() && !writer.is_syncing());
    }

    #[test]
    fn a_failed_sync_is_noticed_even_if_nothing_more_is_said() {
        let files = FaultyFiles::new();
        let mut writer = journal_writer(&files, Durability::Interval);
        let syncer = Syncer::start(Arc::default()).unwrap();
        let now = Instant::now();
        writer.keep(&joined(2), 20, now);
        files.fail(Fault::Once(files.done()), std::io::ErrorKind::Other);
        syncer.hand_over(&mut writer, now + Duration::from_secs(1));
        let reply = syncer.finish(&mut writer);
        assert!(matches!(reply, Some(Reply::JournalFailed { to: 20 })));
        let before = files.done();
        writer.sync();
        assert_eq!(files.done(), before, "what failed to sync is not believed the second time");
    }
}
