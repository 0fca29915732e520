//! What `/stats` shows: the figures of the server and of this connection, in words. Pure functions.

use std::time::Duration;

use chatshelf_common::wire::frame::{FigureKind, Stats};

use super::format;
use crate::session::Session;
use crate::units::size;

/// What the server has done, if it has told, and what this connection sees of it.
pub(crate) fn lines(session: &Session, is_encrypted: Option<bool>) -> Vec<String> {
    let mut lines = session.stats().map_or_else(Vec::new, |stats| server(stats, session));
    let encryption = is_encrypted.map(|is_encrypted| format::encryption(is_encrypted).to_owned());
    let rtt = session.last_rtt().map(|rtt| format!("round trip {}", milliseconds(rtt)));
    let joined = session.joined_for().map(|time| format!("in the room for {}", length(time)));
    let returns = match session.returns() {
        0 => "no reconnect".to_owned(),
        1 => "1 reconnect".to_owned(),
        more => format!("{more} reconnects"),
    };
    let parts: Vec<String> =
        [encryption, rtt, joined, Some(returns)].into_iter().flatten().collect();
    lines.push(format!("this connection: {}", parts.join(", ")));
    lines
}

fn server(stats: &Stats, session: &Session) -> Vec<String> {
    // Another server may leave out what it does not count.
    let of = |kind| stats.value(kind).unwrap_or_default();
    let software = session.limits().and_then(|limits| limits.software.as_ref());
    let name = software.map_or("the server", |software| software.as_str());
    let shelf = session.room().shelf();
    let shelf_bytes = shelf.iter().map(|item| item.size).sum();
    vec![
        format!("{name}, up {}", length(Duration::from_millis(of(FigureKind::UPTIME_MS)))),
        format!(
            "   members: {}, {} joined, {} came back",
            of(FigureKind::MEMBERS),
            of(FigureKind::JOINS),
            of(FigureKind::RETURNS),
        ),
        format!(
            "   connections: {}, {} ended ({} left, {} lost, {} timed out, {} too slow)",
            of(FigureKind::CONNECTIONS),
            of(FigureKind::CLOSES),
            of(FigureKind::CLOSES_LEFT),
            of(FigureKind::CLOSES_LOST),
            of(FigureKind::CLOSES_TIMED_OUT),
            of(FigureKind::CLOSES_TOO_SLOW),
        ),
        format!("   lines: {}, {} refusals", of(FigureKind::LINES), of(FigureKind::REFUSALS)),
        format!(
            "   traffic: {} in, {} out",
            size(of(FigureKind::BYTES_IN)),
            size(of(FigureKind::BYTES_OUT)),
        ),
        format!(
            "   files: {} uploaded, {} downloaded, {} on their way; on the shelf {} of {}",
            of(FigureKind::UPLOADS),
            of(FigureKind::DOWNLOADS),
            of(FigureKind::TRANSFERS),
            shelf.len(),
            size(shelf_bytes),
        ),
    ]
}

/// A round trip, to a tenth of a millisecond.
fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// A length of time in its two largest units.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let largest = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let parts: Vec<String> = units[largest..]
        .iter()
        .take(2)
        .map(|(unit, name)| {
            let count = rest / unit;
            rest %= unit;
            format!("{count} {name}")
        })
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_its_two_largest_units() {
        let shown = [0, 59, 60, 3_599, 3_600, 90_061, 86_400 * 400]
            .map(|seconds| length(Duration::from_secs(seconds)));
        assert_eq!(
            shown,
            ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "1 d 1 h", "400 d 0 h"]
        );
        assert_eq!(milliseconds(Duration::from_micros(830)), "0.8 ms");
    }
}
