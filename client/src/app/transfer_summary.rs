//! The last line about a transfer: how it ended, and whether another run can resume it. Pure
//! functions.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::format::{refusal, refusal_for_now};
use super::rate::{Rate, name, percent};
use chatshelf_common::wire::frame::Refused;

use crate::lang::{because, tr};
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
    let done = match (outcome, place) {
        (Outcome::Uploaded(item), _) => tr!("{name} uploaded as number {item}", name, item),
        (Outcome::Downloaded, Some(path)) => tr!("{name} downloaded to {path}", name, path),
        (Outcome::Downloaded, None) => tr!("{name} downloaded", name),
        (Outcome::Cancelled, _) => return cancelled(status),
        (Outcome::Interrupted, _) => return interrupted(status, false),
        (Outcome::Refused(refused), _) => return because(undone(status), refusal(refused)),
        (Outcome::DigestMismatch, _) => {
            let why = tr!("the content arrived damaged (BLAKE3 differs)");
            return because(undone(status), why);
        }
        (Outcome::Failed(why), _) => return because(undone(status), why),
    };
    let (rate, took) = rate.whole(status, now);
    let s = format!("{:.1}", took.as_secs_f64());
    let (size, rate) = (size(status.size.unwrap_or(0)), size(rate));
    tr!("{done}: {size} in {s} s, {rate}/s, BLAKE3 verified", done, size, s, rate)
}

fn cancelled(status: &TransferStatus) -> String {
    let name = name(status);
    match status.direction {
        Direction::Upload => tr!("{name} cancelled, not uploaded", name),
        Direction::Download => tr!("{name} cancelled, not downloaded", name),
    }
}

/// Says that it did not complete.
fn undone(status: &TransferStatus) -> String {
    let name = name(status);
    match status.direction {
        Direction::Upload => not_uploaded(name),
        Direction::Download => tr!("{name} not downloaded", name),
    }
}

/// Says that a file did not go on the shelf.
pub(super) fn not_uploaded(name: impl Display) -> String {
    tr!("{name} not uploaded", name)
}

/// The line about a transfer that waits.
pub(super) fn queued(status: &TransferStatus, is_joined: bool) -> String {
    let name = name(status);
    let what = match is_joined {
        true => tr!("{name} waits for other transfers", name),
        false => tr!("{name} waits for the connection", name),
    };
    stoppable(what, status)
}

/// The line about an upload that waits until the server takes more.
pub(super) fn held(status: &TransferStatus, why: &Refused, wait: Duration) -> String {
    let what = tr!("{name} waits: {why}", name = name(status), why = refusal_for_now(why, wait));
    stoppable(what, status)
}

/// The line about a transfer that begins.
pub(super) fn started(status: &TransferStatus) -> String {
    let (name, size) = (name(status), status.size.map(size));
    let what = match (status.direction, &status.name, size) {
        (Direction::Upload, Some(_), Some(size)) => tr!("uploading {name}, {size}", name, size),
        (Direction::Upload, ..) => tr!("uploading {name}", name),
        (Direction::Download, Some(_), Some(size)) => tr!("downloading {name}, {size}", name, size),
        (Direction::Download, Some(_), None) => tr!("downloading {name}", name),
        (Direction::Download, None, _) => {
            tr!("downloading a file that the shelf does not show").to_owned()
        }
    };
    stoppable(what, status)
}

/// Adds how to cancel it.
fn stoppable(what: String, status: &TransferStatus) -> String {
    let number = status.transfer;
    tr!("{what} (transfer {number}; /cancel {number} stops it)", what, number)
}

/// The last line about a transfer that another run may resume, if it can.
pub(super) fn interrupted(status: &TransferStatus, survives: bool) -> String {
    let (name, percent) = (name(status), percent(status));
    match (status.direction, status.item) {
        (Direction::Upload, _) if status.stage == Stage::Verifying => {
            tr!("{name} is sent, but not yet confirmed on the shelf", name)
        }
        (Direction::Upload, _) if survives => {
            tr!("{name} not uploaded; /upload of the same file resumes it", name)
        }
        (Direction::Download, Some(item)) if survives && status.moved > 0 => {
            tr!(
                "{name} not downloaded: {percent}% of it is kept, /download {item} resumes it",
                name,
                percent,
                item,
            )
        }
        _ => undone(status),
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
