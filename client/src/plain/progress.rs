//! How fast a transfer goes, and when to say so. Owns the samples of each transfer; takes the
//! time as an argument and shows nothing itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytesize::ByteSize;

use super::render::size;
use crate::session::{Direction, Outcome, Stage, TransferStatus};

/// The rate is that of the last so many samples, taken this far apart.
const SAMPLES_MAX: usize = 12;
const SAMPLE_EVERY: Duration = Duration::from_millis(400);
/// Without a byte for so long, a transfer is called stalled.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// Between two lines on a terminal, and elsewhere at the most and at the least.
const TERMINAL_EVERY: Duration = Duration::from_secs(1);
const PLAIN_EVERY: Duration = Duration::from_secs(5);
const PLAIN_STEP_EVERY: Duration = Duration::from_secs(1);
/// Elsewhere a line comes after each such part as well, in percent.
const PLAIN_STEP_PERCENT: u64 = 10;

/// One transfer's pace.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    samples: VecDeque<(Instant, u64)>,
    moved: u64,
    /// Bytes that were there before this run of the program.
    before: u64,
    moved_at: Instant,
    said_at: Instant,
    said_percent: u64,
    /// It was said that it waits for the connection.
    waiting_said: bool,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            samples: VecDeque::new(),
            moved: 0,
            before: 0,
            moved_at: now,
            said_at: now,
            said_percent: 0,
            waiting_said: false,
        }
    }

    /// The transfer goes on from here: what was before it says nothing about the pace.
    pub(super) fn go_on(&mut self, moved: u64, now: Instant) {
        if self.moved == 0 {
            self.before = moved;
        }
        (self.moved, self.moved_at, self.waiting_said) = (moved, now, false);
        self.samples.clear();
    }

    /// Notes where the transfer is; a line if one is due.
    pub(super) fn note(
        &mut self,
        status: &TransferStatus,
        now: Instant,
        terminal: bool,
    ) -> Option<String> {
        if status.stage == Stage::Waiting {
            return (!std::mem::replace(&mut self.waiting_said, true))
                .then(|| format!("{}, waiting for the connection", head(status)));
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
        let percent = percent(status);
        let waited = now.duration_since(self.said_at);
        let step = percent / PLAIN_STEP_PERCENT > self.said_percent / PLAIN_STEP_PERCENT;
        let stalled = now.duration_since(self.moved_at) >= STALLED_AFTER;
        let busy = matches!(status.stage, Stage::Verifying | Stage::Comparing);
        let due = match (terminal, stalled || busy) {
            (true, false) => waited >= TERMINAL_EVERY,
            (false, false) => waited >= PLAIN_EVERY || (step && waited >= PLAIN_STEP_EVERY),
            (_, true) => waited >= PLAIN_EVERY,
        };
        if !due || matches!(status.stage, Stage::Queued | Stage::Asked) {
            return None;
        }
        self.said_at = now;
        self.said_percent = percent;
        Some(self.line(status, now))
    }

    /// `notes.iso  61% | 239.0/388.0 MB, 24.0 MB/s, ETA 0:06`.
    fn line(&self, status: &TransferStatus, now: Instant) -> String {
        let (head, total) = (head(status), status.size.unwrap_or(0));
        let idle = now.duration_since(self.moved_at);
        match status.stage {
            Stage::Verifying => return format!("{head}, verifying"),
            Stage::Comparing => return format!("{head}, comparing with what the server has"),
            _ => {}
        }
        if idle >= STALLED_AFTER {
            return format!("{head}, stalled for {} s", idle.as_secs());
        }
        let rate = self.rate(now);
        if rate == 0 {
            return head;
        }
        let eta = duration((total - status.moved.min(total)).div_ceil(rate));
        format!("{head}, {}/s, ETA {eta}", size(rate))
    }

    /// Bytes a second, over the samples held.
    fn rate(&self, now: Instant) -> u64 {
        let Some((since, from)) = self.samples.front() else { return 0 };
        per_second(self.moved - from, now.duration_since(*since))
    }

    /// The last line about a transfer, and whether it went well.
    pub(super) fn closing(
        &self,
        status: &TransferStatus,
        outcome: &Outcome,
        place: Option<&str>,
        now: Instant,
    ) -> (String, bool) {
        let name = name(status);
        let up = status.direction == Direction::Upload;
        let verb = if up { "uploaded" } else { "downloaded" };
        let place = match (outcome, place) {
            (Outcome::Uploaded(item), _) => format!(" as number {item}"),
            (_, Some(path)) => format!(" to {path}"),
            _ => String::new(),
        };
        match outcome {
            Outcome::Uploaded(_) | Outcome::Downloaded => {
                let bytes = status.size.unwrap_or(0);
                let took = now.duration_since(self.started);
                let moved = bytes.saturating_sub(self.before);
                let (size, rate) = (size(bytes), size(per_second(moved, took)));
                let took = took.as_secs_f64();
                let text = format!(
                    "{name} {verb}{place}: {size} in {took:.1} s, {rate}/s, BLAKE3 verified"
                );
                (text, true)
            }
            Outcome::Cancelled => (format!("{name} cancelled, not {verb}"), true),
            Outcome::Interrupted => (interrupted(status, false), true),
            Outcome::Refused(refused) => {
                (format!("{name} not {verb}: {}", super::render::refusal(refused)), false)
            }
            Outcome::DigestMismatch => {
                (format!("{name} not {verb}: the content arrived damaged (BLAKE3 differs)"), false)
            }
            Outcome::Failed(why) => (format!("{name} not {verb}: {why}"), false),
        }
    }
}

/// The last line about a transfer that another run may go on with, if it can.
pub(super) fn interrupted(status: &TransferStatus, survives: bool) -> String {
    let (name, percent) = (name(status), percent(status));
    match (status.direction, status.item) {
        (Direction::Upload, _) if status.stage == Stage::Verifying => {
            format!("{name} is sent, but not yet said to be on the shelf")
        }
        (Direction::Upload, _) if survives => {
            format!("{name} not uploaded; /upload of the same file goes on with it")
        }
        (Direction::Download, Some(item)) if survives && status.moved > 0 => {
            format!("{name} not downloaded: {percent}% of it is kept, /download {item} goes on")
        }
        (Direction::Upload, _) => format!("{name} not uploaded"),
        (Direction::Download, _) => format!("{name} not downloaded"),
    }
}

/// `notes.iso  61% | 239.0/388.0 MB`.
fn head(status: &TransferStatus) -> String {
    let total = status.size.unwrap_or(0);
    format!("{}  {}% | {}", name(status), percent(status), part_of(status.moved, total))
}

/// The file's name, or the transfer's number while it is not known.
pub(super) fn name(status: &TransferStatus) -> String {
    match &status.name {
        Some(name) => name.to_string(),
        None => format!("transfer {}", status.transfer),
    }
}

/// How much of it is moved.
pub(super) fn percent(status: &TransferStatus) -> u64 {
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
fn part_of(done: u64, total: u64) -> String {
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
    use chatshelf_common::id::ItemId;
    use chatshelf_common::text::FileName;

    use super::*;
    use crate::session::TransferHandle;

    fn at(moved: u64, size: u64) -> TransferStatus {
        TransferStatus {
            transfer: TransferHandle(1),
            direction: Direction::Upload,
            name: FileName::new("notes.iso").ok(),
            item: None,
            size: Some(size),
            moved,
            stage: Stage::Moving,
        }
    }

    const MB: u64 = 1_000_000;

    /// The lines of a transfer that moves `step` bytes every 100 ms for `ticks` ticks.
    fn lines(step: u64, ticks: u32, total: u64, terminal: bool) -> Vec<String> {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        let tick = |i: u32| {
            let now = start + Duration::from_millis(100) * i;
            progress.note(&at((step * u64::from(i)).min(total), total), now, terminal)
        };
        (1..=ticks).filter_map(tick).collect()
    }

    #[test]
    fn a_line_says_part_rate_and_eta() {
        let lines = lines(2_400_000, 100, 388 * MB, true);
        assert_eq!(lines.len(), 10, "one a second on a terminal");
        assert_eq!(lines[9], "notes.iso  61% | 240.0/388.0 MB, 24.0 MB/s, ETA 0:07");
    }

    #[test]
    fn elsewhere_lines_are_few() {
        assert_eq!(lines(MB / 10, 100, 100 * MB, false).len(), 2, "slow: every 5 s");
        assert_eq!(lines(MB, 100, 100 * MB, false).len(), 10, "quick: every tenth");
        assert_eq!(lines(MB, 9, 10 * MB, false).len(), 0, "done within a second: none");
    }

    #[test]
    fn no_bytes_for_a_while_is_called_stalled() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        progress.note(&at(MB, 10 * MB), start, true);
        let line = progress.note(&at(MB, 10 * MB), start + Duration::from_secs(7), true);
        assert_eq!(line.unwrap(), "notes.iso  10% | 1.0/10.0 MB, stalled for 7 s");
    }

    #[test]
    fn it_is_said_once_that_a_transfer_waits_and_the_wait_is_not_counted() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(start);
        progress.note(&at(MB, 10 * MB), after(1), true);
        let waiting = TransferStatus { stage: Stage::Waiting, ..at(MB, 10 * MB) };
        let line = progress.note(&waiting, after(2), true);
        assert_eq!(line.unwrap(), "notes.iso  10% | 1.0/10.0 MB, waiting for the connection");
        assert_eq!(progress.note(&waiting, after(60), true), None);
        progress.go_on(MB, after(100));
        assert_eq!(progress.note(&at(MB, 10 * MB), after(100), true).map(|_| ()), Some(()));
        let line = progress.note(&at(3 * MB, 10 * MB), after(102), true).unwrap();
        assert_eq!(line, "notes.iso  30% | 3.0/10.0 MB, 1.0 MB/s, ETA 0:07");
    }

    #[test]
    fn what_was_there_before_this_run_does_not_count_for_the_rate() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        progress.go_on(40 * MB, start);
        let now = start + Duration::from_secs(2);
        let outcome = Outcome::Uploaded(ItemId(7));
        let (text, _) = progress.closing(&at(48 * MB, 48 * MB), &outcome, None, now);
        assert!(text.contains("48.0 MB in 2.0 s, 4.0 MB/s"), "{text}");
    }

    #[test]
    fn an_interrupted_transfer_says_how_it_goes_on_if_it_can() {
        let up = at(MB, 10 * MB);
        assert!(interrupted(&up, true).ends_with("/upload of the same file goes on with it"));
        assert_eq!(interrupted(&up, false), "notes.iso not uploaded");
        let down = TransferStatus {
            direction: Direction::Download,
            item: Some(ItemId(7)),
            ..at(MB, 10 * MB)
        };
        let text = interrupted(&down, true);
        assert_eq!(text, "notes.iso not downloaded: 10% of it is kept, /download 7 goes on");
        assert_eq!(interrupted(&down, false), "notes.iso not downloaded");
    }

    #[test]
    fn the_closing_line_says_size_time_rate_and_verified() {
        let start = Instant::now();
        let progress = Progress::new(start);
        let now = start + Duration::from_secs(2);
        let outcome = Outcome::Uploaded(ItemId(7));
        let (text, good) = progress.closing(&at(48 * MB, 48 * MB), &outcome, None, now);
        let expected =
            "notes.iso uploaded as number 7: 48.0 MB in 2.0 s, 24.0 MB/s, BLAKE3 verified";
        assert_eq!((text.as_str(), good), (expected, true));
        let (text, good) = progress.closing(&at(0, 9), &Outcome::DigestMismatch, None, now);
        assert!(!good && !text.contains("verified"), "{text}");
    }

    #[test]
    fn an_empty_file_divides_nothing_by_zero() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        let later = start + Duration::from_secs(6);
        assert!(progress.note(&at(0, 0), later, true).unwrap().contains("100%"));
        let (text, _) = progress.closing(&at(0, 0), &Outcome::Downloaded, Some("x"), start);
        assert!(text.contains("0 B"), "{text}");
    }

    #[test]
    fn durations_read_as_clocks_do() {
        assert_eq!([duration(6), duration(75), duration(3725)], ["0:06", "1:15", "1:02:05"]);
    }
}
