//! What `/stats` shows: the figures of the server and of this connection, in words. Pure functions.

use std::time::Duration;

use chatshelf_common::wire::frame::{FigureKind, Stats};

use super::format;
use crate::lang::tr;
use crate::link::Encryption;
use crate::session::Session;
use crate::units::size;

/// What the server has done, if it has told, and what this connection sees of it.
pub(crate) fn lines(session: &Session, encryption: Option<Encryption>) -> Vec<String> {
    let mut lines = session.stats().map_or_else(Vec::new, |stats| server(stats, session));
    let encryption = encryption.map(|it| format::encryption(it).to_owned());
    let rtt = session.last_rtt().map(|rtt| tr!("round trip {time}", time = milliseconds(rtt)));
    let joined =
        session.joined_for().map(|time| tr!("in the room for {time}", time = length(time)));
    let returns = match session.returns() {
        0 => tr!("no reconnect").to_owned(),
        returns => tr!("{n} reconnect", "{n} reconnects", n = returns),
    };
    let parts = [encryption, rtt, joined, Some(returns)].into_iter().flatten();
    let parts = parts.reduce(|first, second| tr!("{first}, {second}", first, second));
    lines.push(tr!("this connection: {parts}", parts = parts.unwrap_or_default()));
    lines
}

fn server(stats: &Stats, session: &Session) -> Vec<String> {
    // Another server may leave out what it does not count.
    let of = |kind| stats.value(kind).unwrap_or_default();
    let software = session.limits().and_then(|limits| limits.software.as_ref());
    let name = software.map_or(tr!("the server"), |software| software.as_str());
    let shelf = session.room().shelf();
    let shelf_bytes = shelf.iter().map(|item| item.size).sum();
    let time = length(Duration::from_millis(of(FigureKind::UPTIME_MS)));
    let head = tr!("{name}, up {time}", name, time);
    let details = [
        tr!(
            "members: {members}, {joins} joined, {returns} came back",
            members = of(FigureKind::MEMBERS),
            joins = of(FigureKind::JOINS),
            returns = of(FigureKind::RETURNS),
        ),
        tr!(
            "connections: {open}, {ended} ended ({left} left, {lost} lost, {silent} timed out, \
             {slow} too slow)",
            open = of(FigureKind::CONNECTIONS),
            ended = of(FigureKind::CLOSES),
            left = of(FigureKind::CLOSES_LEFT),
            lost = of(FigureKind::CLOSES_LOST),
            silent = of(FigureKind::CLOSES_TIMED_OUT),
            slow = of(FigureKind::CLOSES_TOO_SLOW),
        ),
        tr!(
            "lines: {lines}, {refusals} refusals",
            lines = of(FigureKind::LINES),
            refusals = of(FigureKind::REFUSALS),
        ),
        tr!(
            "traffic: {received} in, {sent} out",
            received = size(of(FigureKind::BYTES_IN)),
            sent = size(of(FigureKind::BYTES_OUT)),
        ),
        tr!(
            "files: {uploads} uploaded, {downloads} downloaded, {running} on their way; on the \
             shelf {items} of {size}",
            uploads = of(FigureKind::UPLOADS),
            downloads = of(FigureKind::DOWNLOADS),
            running = of(FigureKind::TRANSFERS),
            items = shelf.len(),
            size = size(shelf_bytes),
        ),
    ];
    let details = details.iter().map(|line| format!("   {line}"));
    std::iter::once(head).chain(details).collect()
}

/// A round trip, to a tenth of a millisecond.
fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// A length of time in its two largest units.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, tr!("d")), (3_600, tr!("h")), (60, tr!("min")), (1, tr!("s"))];
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
