//! How fast a transfer goes: its rate, the time left, whether it stands still. Owns the samples
//! of each transfer; takes the time as an argument and shows nothing itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytesize::ByteSize;

use crate::lang::tr;
use crate::session::{Stage, TransferStatus};
use crate::units::{size, wait};

/// The rate is that of the last so many samples, taken this far apart.
const SAMPLES_MAX: usize = 12;
const SAMPLE_EVERY: Duration = Duration::from_millis(400);
/// Without a byte for so long, a transfer is called stalled.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// One transfer's rate.
#[derive(Debug)]
pub(crate) struct Rate {
    started: Instant,
    samples: VecDeque<(Instant, u64)>,
    moved: u64,
    /// Bytes that were there before this run of the program.
    before: u64,
    moved_at: Instant,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { started: now, samples: VecDeque::new(), moved: 0, before: 0, moved_at: now }
    }

    /// The transfer resumes here: what was before says nothing about its rate.
    pub(super) fn resume(&mut self, moved: u64, now: Instant) {
        if self.moved == 0 {
            self.before = moved;
        }
        (self.moved, self.moved_at) = (moved, now);
        self.samples.clear();
    }

    /// Notes where the transfer is.
    pub(crate) fn note(&mut self, status: &TransferStatus, now: Instant) {
        match status.stage {
            Stage::Waiting | Stage::Queued => return,
            Stage::Held { .. } => {
                // The wait does not count as the transfer's own time.
                if self.moved == 0 {
                    self.started = now;
                }
                self.moved_at = now;
                return;
            }
            _ => {}
        }
        if status.moved > self.moved {
            self.moved = status.moved;
            self.moved_at = now;
        }
        if self.samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= SAMPLE_EVERY) {
            self.samples.push_back((now, status.moved));
            if self.samples.len() > SAMPLES_MAX {
                self.samples.pop_front();
            }
        }
    }

    /// For how long nothing has moved, if that is worth a word.
    pub(crate) fn stalled(&self, now: Instant) -> Option<Duration> {
        let idle = now.duration_since(self.moved_at);
        (idle >= STALLED_AFTER).then_some(idle)
    }

    /// What to say of the transfer besides how much of it has moved; empty when there is nothing.
    pub(crate) fn text(&self, status: &TransferStatus, now: Instant) -> String {
        match status.stage {
            Stage::Queued => return tr!("waiting for other transfers").to_owned(),
            Stage::Waiting => return tr!("waiting for the connection").to_owned(),
            Stage::Held { until } => {
                let time = wait(until.saturating_duration_since(now));
                return tr!("over the server's upload limit; continues in {time}", time);
            }
            Stage::Verifying => return tr!("verifying").to_owned(),
            Stage::Comparing => return tr!("comparing with what the server has").to_owned(),
            Stage::Asked | Stage::Moving => {}
        }
        if let Some(idle) = self.stalled(now) {
            return tr!("stalled for {s} s", s = idle.as_secs());
        }
        let rate = self.rate(now);
        if rate == 0 {
            return String::new();
        }
        let left = status.size.unwrap_or(0).saturating_sub(status.moved);
        tr!("{rate}/s, ETA {time}", rate = size(rate), time = duration(left.div_ceil(rate)))
    }

    /// `notes.iso  61% | 239.0/388.0 MB, 24.0 MB/s, ETA 0:06`.
    pub(crate) fn line(&self, status: &TransferStatus, now: Instant) -> String {
        let (head, text) = (head(status), self.text(status, now));
        if text.is_empty() { head } else { format!("{head}, {text}") }
    }

    /// Bytes a second, over the samples held.
    fn rate(&self, now: Instant) -> u64 {
        let Some((since, from)) = self.samples.front() else { return 0 };
        per_second(self.moved - from, now.duration_since(*since))
    }

    /// Bytes a second over all of this run, and the time that took.
    pub(super) fn whole(&self, status: &TransferStatus, now: Instant) -> (u64, Duration) {
        let took = now.duration_since(self.started);
        let moved = status.size.unwrap_or(0).saturating_sub(self.before);
        (per_second(moved, took), took)
    }
}

/// `notes.iso  61% | 239.0/388.0 MB`.
fn head(status: &TransferStatus) -> String {
    format!("{}  {}% | {}", name(status), percent(status), part_of(status))
}

/// The file's name, or the number of the item or of the transfer while it is not known.
pub(crate) fn name(status: &TransferStatus) -> String {
    match (&status.name, status.item) {
        (Some(name), _) => name.to_string(),
        (None, Some(item)) => tr!("number {item}", item),
        (None, None) => tr!("transfer {number}", number = status.transfer),
    }
}

/// How much of it is moved.
pub(crate) fn percent(status: &TransferStatus) -> u64 {
    match status.size {
        Some(total) if total > 0 => (u128::from(status.moved) * 100 / u128::from(total)) as u64,
        _ => 100,
    }
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    (u128::from(bytes) * 1_000_000 / time.as_micros().max(1)) as u64
}

/// Seconds as `m:ss` or `h:mm:ss`.
fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// `239.0/388.0 MB`: both numbers in the unit of the second.
pub(crate) fn part_of(status: &TransferStatus) -> String {
    let (done, total) = (status.moved, status.size.unwrap_or(0));
    let whole = size(total);
    let divisor = match whole.rsplit(' ').next() {
        Some("kB") => bytesize::KB,
        Some("MB") => bytesize::MB,
        Some("GB") => bytesize::GB,
        Some("TB") => bytesize::TB,
        Some("B") => return format!("{done}/{whole}"),
        _ => return format!("{}/{whole}", ByteSize(done).display().si()),
    };
    format!("{:.1}/{whole}", done as f64 / divisor as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn no_bytes_for_a_while_is_called_stalled() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        rate.note(&TransferStatus::underway(MB, 10 * MB), start);
        rate.note(&TransferStatus::underway(MB, 10 * MB), start + Duration::from_secs(7));
        assert_eq!(rate.stalled(start + Duration::from_secs(4)), None);
        let text =
            rate.text(&TransferStatus::underway(MB, 10 * MB), start + Duration::from_secs(7));
        assert_eq!(text, "stalled for 7 s");
    }

    #[test]
    fn a_wait_for_the_connection_is_not_counted() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(start);
        rate.note(&TransferStatus::underway(MB, 10 * MB), after(1));
        let waiting =
            TransferStatus { stage: Stage::Waiting, ..TransferStatus::underway(MB, 10 * MB) };
        rate.note(&waiting, after(60));
        assert_eq!(rate.text(&waiting, after(60)), "waiting for the connection");
        rate.resume(MB, after(100));
        rate.note(&TransferStatus::underway(MB, 10 * MB), after(100));
        rate.note(&TransferStatus::underway(3 * MB, 10 * MB), after(102));
        assert_eq!(
            rate.text(&TransferStatus::underway(3 * MB, 10 * MB), after(102)),
            "1.0 MB/s, ETA 0:07"
        );
    }

    #[test]
    fn what_was_there_before_this_run_does_not_count_for_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        rate.resume(40 * MB, start);
        let took = Duration::from_secs(2);
        assert_eq!(
            rate.whole(&TransferStatus::underway(48 * MB, 48 * MB), start + took),
            (4 * MB, took)
        );
    }

    #[test]
    fn an_empty_file_divides_nothing_by_zero() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        rate.note(&TransferStatus::underway(0, 0), start);
        assert_eq!(rate.text(&TransferStatus::underway(0, 0), start), "");
        assert_eq!(rate.whole(&TransferStatus::underway(0, 0), start), (0, Duration::ZERO));
        assert_eq!(head(&TransferStatus::underway(0, 0)), "notes.iso  100% | 0/0 B");
    }

    #[test]
    fn durations_read_as_clocks_do() {
        assert_eq!([duration(6), duration(75), duration(3725)], ["0:06", "1:15", "1:02:05"]);
    }
}
