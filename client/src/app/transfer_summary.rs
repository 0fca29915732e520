//! The last line about a transfer: how it ended, and whether another run can resume it. Pure
//! functions.

use std::time::Instant;

use super::format::refusal;
use super::rate::{Rate, name, percent};
use crate::session::{Direction, Outcome, Stage, TransferStatus};
use crate::units::size;

/// How a transfer ended. `place` is where a download has gone.
pub(super) fn closing(
    rate: &Rate,
    status: &TransferStatus,
    outcome: &Outcome,
    place: Option<&str>,
    now: Instant,
) -> String {
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
            let (rate, took) = rate.whole(status, now);
            let (size, rate, took) =
                (size(status.size.unwrap_or(0)), size(rate), took.as_secs_f64());
            format!("{name} {verb}{place}: {size} in {took:.1} s, {rate}/s, BLAKE3 verified")
        }
        Outcome::Cancelled => format!("{name} cancelled, not {verb}"),
        Outcome::Interrupted => interrupted(status, false),
        Outcome::Refused(refused) => format!("{name} not {verb}: {}", refusal(refused)),
        Outcome::DigestMismatch => {
            format!("{name} not {verb}: the content arrived damaged (BLAKE3 differs)")
        }
        Outcome::Failed(why) => format!("{name} not {verb}: {why}"),
    }
}

/// The line about a transfer that waits.
pub(super) fn queued(status: &TransferStatus, is_joined: bool) -> String {
    let (name, number) = (name(status), status.transfer);
    let what = if is_joined { "other transfers" } else { "the connection" };
    format!("{name} waits for {what} (transfer {number}; /cancel {number} stops it)")
}

/// The last line about a transfer that another run may resume, if it can.
pub(super) fn interrupted(status: &TransferStatus, survives: bool) -> String {
    let (name, percent) = (name(status), percent(status));
    match (status.direction, status.item) {
        (Direction::Upload, _) if status.stage == Stage::Verifying => {
            format!("{name} is sent, but not yet said to be on the shelf")
        }
        (Direction::Upload, _) if survives => {
            format!("{name} not uploaded; /upload of the same file resumes it")
        }
        (Direction::Download, Some(item)) if survives && status.moved > 0 => {
            format!("{name} not downloaded: {percent}% of it is kept, /download {item} resumes it")
        }
        (Direction::Upload, _) => format!("{name} not uploaded"),
        (Direction::Download, _) => format!("{name} not downloaded"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use chatshelf_common::id::ItemId;

    const MB: u64 = 1_000_000;

    #[test]
    fn an_interrupted_transfer_says_how_it_is_resumed_if_it_can() {
        let up = TransferStatus::underway(MB, 10 * MB);
        assert!(interrupted(&up, true).ends_with("/upload of the same file resumes it"));
        assert_eq!(interrupted(&up, false), "notes.iso not uploaded");
        let down = TransferStatus {
            direction: Direction::Download,
            item: Some(ItemId(7)),
            ..TransferStatus::underway(MB, 10 * MB)
        };
        let text = interrupted(&down, true);
        assert_eq!(text, "notes.iso not downloaded: 10% of it is kept, /download 7 resumes it");
        assert_eq!(interrupted(&down, false), "notes.iso not downloaded");
    }

    #[test]
    fn the_closing_line_says_size_time_rate_and_verified() {
        let start = Instant::now();
        let rate = Rate::new(start);
        let now = start + Duration::from_secs(2);
        let outcome = Outcome::Uploaded(ItemId(7));
        let text = closing(&rate, &TransferStatus::underway(48 * MB, 48 * MB), &outcome, None, now);
        let expected =
            "notes.iso uploaded as number 7: 48.0 MB in 2.0 s, 24.0 MB/s, BLAKE3 verified";
        assert_eq!(text, expected);
        let text =
            closing(&rate, &TransferStatus::underway(0, 9), &Outcome::DigestMismatch, None, now);
        assert!(!text.contains("verified"), "{text}");
        let text =
            closing(&rate, &TransferStatus::underway(0, 0), &Outcome::Downloaded, Some("x"), start);
        assert!(text.contains("to x: 0 B"), "{text}");
    }
}
