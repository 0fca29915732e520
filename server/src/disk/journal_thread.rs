//! The journal thread: hands what it is given to the [`JournalWriter`], and its answers back. A thread
//! beside it syncs what is written at intervals, for a sync may take as long as the disk has
//! other things to do, and what people say is not to wait for that.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::Reply;
use super::backlog::{Backlog, QueuedBatch};
use super::files::Files;
use super::journal::Unsynced;
use super::journal_writer::JournalWriter;

/// How often a sync that is under way is looked at while nothing comes.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// The thread that syncs, one thing after the other. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Syncer<F: Files> {
    work: Sender<Unsynced<F>>,
    results: Receiver<io::Result<()>>,
}

impl<F: Files + Send + 'static> Syncer<F>
where
    F::File: Send,
{
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has none to give.
    pub(super) fn start() -> io::Result<Self> {
        let (work, waiting) = channel::<Unsynced<F>>();
        let (answers, results) = channel();
        Builder::new().name("sync".into()).spawn(move || {
            for unsynced in waiting {
                if answers.send(unsynced.sync()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { work, results })
    }
}

impl<F: Files> Syncer<F> {
    /// Takes in what came of a sync, before anything more is written behind it. Waits for it only
    /// when so much is not durable that nothing more may be written.
    fn take_in(&self, keeper: &mut JournalWriter<F>) -> Option<Reply> {
        if keeper.must_wait() { self.finish(keeper) } else { self.poll(keeper) }
    }

    fn poll(&self, keeper: &mut JournalWriter<F>) -> Option<Reply> {
        let ended = self.results.try_recv().ok()?;
        keeper.end_sync(ended)
    }

    /// Waits for the sync that is under way.
    fn finish(&self, keeper: &mut JournalWriter<F>) -> Option<Reply> {
        let ended = self.results.recv().ok()?;
        keeper.end_sync(ended)
    }

    /// Hands over what is due, unless a sync is under way.
    fn hand_over(&self, keeper: &mut JournalWriter<F>, now: Instant) {
        if !keeper.is_syncing()
            && let Some(unsynced) = keeper.begin_sync(now)
        {
            // The thread lives as long as `self`.
            let _ = self.work.send(unsynced);
        }
    }
}

/// How long to wait for the next batch at most.
fn timeout<F: Files>(keeper: &JournalWriter<F>, now: Instant) -> Option<Duration> {
    let timeout = keeper.timeout(now);
    if keeper.is_syncing() {
        Some(timeout.map_or(BUSY_WAIT, |it| it.max(BUSY_WAIT)))
    } else {
        timeout
    }
}

/// Keeps batches until no more can come, then makes all durable.
pub(super) fn serve<F: Files>(
    mut keeper: JournalWriter<F>,
    syncer: &Syncer<F>,
    backlog: &Backlog,
    mut answer: impl FnMut(Reply),
) {
    while let Some(batch) = backlog.take(timeout(&keeper, Instant::now())) {
        syncer.take_in(&mut keeper).into_iter().for_each(&mut answer);
        let reply = match batch {
            Some(QueuedBatch::Frames { frames, to }) => keeper.keep(&frames, to, Instant::now()),
            Some(QueuedBatch::Lost { to }) => keeper.lose(to),
            None => None,
        };
        reply.into_iter().for_each(&mut answer);
        syncer.hand_over(&mut keeper, Instant::now());
    }
    if keeper.is_syncing() {
        syncer.finish(&mut keeper).into_iter().for_each(&mut answer);
    }
    keeper.sync();
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{Seq, UnixMillis};
    use chatshelf_common::text::Nick;
    use chatshelf_common::wire::Frame;
    use chatshelf_common::wire::frame::Joined;

    use super::*;
    use crate::disk::Durability;
    use crate::disk::backlog::BACKLOG_BYTES_MAX;
    use crate::disk::fault_injection::{Fault, FaultyFiles};
    use crate::disk::journal::Journal;

    fn joined(seq: u64) -> Vec<u8> {
        let nick = Nick::new("ada").unwrap();
        Joined { seq: Seq(seq), at: UnixMillis(1), nick, quiet: None }.to_bytes()
    }

    fn keeper(files: &FaultyFiles, durability: Durability) -> JournalWriter<FaultyFiles> {
        let (journal, _) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        let mut keeper = JournalWriter::new(journal, durability);
        // The first of all begins a segment.
        keeper.keep(&joined(1), 1, Instant::now());
        keeper.sync();
        keeper
    }

    #[test]
    fn the_thread_makes_one_batch_of_what_waits_and_answers_in_order() {
        let files = FaultyFiles::new();
        let keeper = keeper(&files, Durability::Always);
        let backlog = Backlog::default();
        (2..=5).for_each(|to| backlog.push(joined(to), to));
        backlog.push(vec![0; BACKLOG_BYTES_MAX], 6);
        backlog.push(joined(7), 7);
        backlog.close();
        let mut replies = Vec::new();
        let before = files.done();
        let syncer = Syncer::start().unwrap();
        serve(keeper, &syncer, &backlog, |reply| replies.push(reply));
        let done = files.done() - before;
        let expected = [
            Reply::Journaled { to: 5 },
            Reply::JournalFailed { to: 6 },
            Reply::Journaled { to: 7 },
        ];
        assert_eq!(format!("{replies:?}"), format!("{expected:?}"));
        assert_eq!(done, 4, "two writes, two syncs");
        let (_, events) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        assert!(events.iter().map(|event| event.seq().0).eq([1, 2, 3, 4, 5, 7]));
    }

    #[test]
    fn what_is_due_is_synced_beside_and_what_came_of_it_is_taken_in() {
        let files = FaultyFiles::new();
        let mut keeper = keeper(&files, Durability::Interval);
        let syncer = Syncer::start().unwrap();
        let now = Instant::now();
        keeper.keep(&joined(2), 20, now);
        let later = now + Duration::from_secs(1);
        let before = files.done();
        syncer.hand_over(&mut keeper, later);
        assert!(keeper.is_syncing());
        assert_eq!(timeout(&keeper, later), Some(BUSY_WAIT), "its result is looked for");
        keeper.keep(&joined(3), 30, now);
        assert_eq!(timeout(&keeper, later), Some(BUSY_WAIT), "it does not spin");
        while keeper.is_syncing() {
            assert!(syncer.take_in(&mut keeper).is_none());
            std::thread::yield_now();
        }
        assert_eq!(files.done() - before, 2, "one write, one sync");
        syncer.hand_over(&mut keeper, later);
        assert!(keeper.is_syncing(), "the next one");
    }

    #[test]
    fn writing_waits_only_when_a_sync_takes_so_long_that_too_much_is_not_durable() {
        let files = FaultyFiles::new();
        let mut keeper = keeper(&files, Durability::Interval);
        let syncer = Syncer::start().unwrap();
        let now = Instant::now();
        keeper.keep(&joined(2), 20, now);
        let unsynced = keeper.begin_sync(now + Duration::from_secs(1)).unwrap();
        assert!(syncer.take_in(&mut keeper).is_none() && keeper.is_syncing());
        keeper.keep(&joined(3).repeat((2 << 20) / joined(3).len()), 30, now);
        assert!(keeper.must_wait());
        syncer.work.send(unsynced).unwrap();
        assert!(syncer.take_in(&mut keeper).is_none() && !keeper.is_syncing());
    }

    #[test]
    fn a_sync_that_fails_is_heard_of_though_nobody_says_anything_more() {
        let files = FaultyFiles::new();
        let mut keeper = keeper(&files, Durability::Interval);
        let syncer = Syncer::start().unwrap();
        let now = Instant::now();
        keeper.keep(&joined(2), 20, now);
        files.fail(Fault::Once(files.done()), std::io::ErrorKind::Other);
        syncer.hand_over(&mut keeper, now + Duration::from_secs(1));
        let reply = syncer.finish(&mut keeper);
        assert!(matches!(reply, Some(Reply::JournalFailed { to: 20 })));
        let before = files.done();
        keeper.sync();
        assert_eq!(files.done(), before, "what failed to sync is not believed the second time");
    }
}
