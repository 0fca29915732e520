//! What the server is to reach, as ratios within one run where others come into it.

use crate::contenders::{Carrier, OURS, OURS_LINK, OURS_TLS, OURS_WEB, SHARED_LOG};
use crate::files::NGINX_TLS;
use crate::files::results::{FileResults, Latency, Series};
use crate::large::LARGE;
use crate::measured::{Measured, spread_ms};
use crate::rooms::{Results, WORKS};
use crate::spread::Spread;

/// One target, and how it went.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    /// The bound.
    pub(crate) most: f64,
    /// The bound is the least that will do, not the most.
    pub(crate) is_minimum: bool,
    pub(crate) measured: f64,
}

/// For each of [`WORKS`]: the bound beside the best peer, and beside the bare shared log with lines
/// of our size.
const TALK: [(f64, Option<f64>); WORKS.len()] =
    [(0.5, Some(1.15)), (1.0, Some(1.15)), (0.5, None), (0.6, Some(1.15))];

/// All targets that this run says something about.
pub(crate) fn of(measured: &Measured<'_>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (work, (peer_most, log_most)) in TALK.into_iter().enumerate() {
        let cpu = |results: &Results<'_>| results.cpu_us(work).map(|spread| spread.median);
        let Some(ours) = measured.room_of(OURS).and_then(cpu) else { continue };
        let is_peer = |results: &&Results<'_>| {
            results.contender.is_peer() && results.contender.carrier() == Carrier::Tcp
        };
        let peers = measured.rooms.iter().filter(is_peer);
        let best = peers.filter_map(|results| Some((results.contender.name(), cpu(results)?)));
        if let Some((name, best)) = best.min_by(|one, other| one.1.total_cmp(&other.1)) {
            let what = format!("{}: CPU per delivery / best peer ({name})", short(work));
            targets.push(most(what, peer_most, ours / best));
        }
        if let (Some(bound), Some(log)) = (log_most, measured.room_of(SHARED_LOG).and_then(cpu)) {
            let what =
                format!("{}: CPU per delivery / bare shared log of our wire size", short(work));
            targets.push(most(what, bound, ours / log));
        }
    }
    targets.extend(encrypted(measured));
    targets.extend(web(measured));
    targets.extend(joins(measured));
    targets.extend(large(measured));
    targets.extend(files(&measured.files));
    targets.extend(lines_beside_files(measured));
    targets
}

fn most(what: impl Into<String>, most: f64, measured: f64) -> Target {
    Target { what: what.into(), most, is_minimum: false, measured }
}

fn short(work: usize) -> String {
    let work = WORKS[work];
    format!("{} members, {} × {} in flight", work.members, work.senders, work.in_flight)
}

/// What encryption may cost.
fn encrypted(measured: &Measured<'_>) -> Vec<Target> {
    let is_tls = |carrier| carrier == Carrier::Tls;
    carried(measured, "TLS", OURS_TLS, is_tls, &[(0, 0.5, 2.0), (1, 1.0, 1.3)])
}

/// What WebSocket may cost, and what a member that only listens takes more than over TCP.
fn web(measured: &Measured<'_>) -> Vec<Target> {
    let is_web = |carrier| matches!(carrier, Carrier::WebSocket { .. });
    let mut targets = carried(measured, "WebSocket", OURS_WEB, is_web, &[(0, 0.5, 1.2)]);
    let memory = |name| {
        let arrivals = measured.room_of(name)?.arrivals.iter();
        let thousand = arrivals.filter(|(members, _)| *members == 1000);
        Some(Spread::of(thousand.map(|(_, arrival)| arrival.memory_bytes))?.median)
    };
    if let (Some(web), Some(tcp)) = (memory(OURS_WEB), memory(OURS)) {
        let what = "each of 1,000 members over WebSocket, bytes more than over TCP";
        targets.push(most(what, 1024.0, web - tcp));
    }
    targets
}

/// What a carrier may cost. `bounds` has places in [`WORKS`], each with the bound beside the best
/// peer over the same carrier, and the one beside our own plain TCP.
fn carried(
    measured: &Measured<'_>,
    carrier: &str,
    ours: &str,
    is_carrier: impl Fn(Carrier) -> bool,
    bounds: &[(usize, f64, f64)],
) -> Vec<Target> {
    let mut targets = Vec::new();
    let Some(ours) = measured.room_of(ours) else { return targets };
    for (work, peer_most, plain_most) in bounds.iter().copied() {
        let cpu = |results: &Results<'_>| results.cpu_us(work).map(|spread| spread.median);
        let Some(cost) = cpu(ours) else { continue };
        let is_peer = |results: &&Results<'_>| {
            results.contender.is_peer() && is_carrier(results.contender.carrier())
        };
        let best = measured.rooms.iter().filter(is_peer).filter_map(cpu).min_by(f64::total_cmp);
        if let Some(best) = best {
            let what =
                format!("{}, {carrier}: CPU per delivery / best {carrier} peer", short(work));
            targets.push(most(what, peer_most, cost / best));
        }
        if let Some(plain) = measured.room_of(OURS).and_then(cpu) {
            let what = format!("{}, {carrier}: CPU per delivery / plain", short(work));
            targets.push(most(what, plain_most, cost / plain));
        }
    }
    targets
}

fn joins(measured: &Measured<'_>) -> Option<Target> {
    let rate = |results: &Results<'_>| {
        let thousand = results.arrivals.iter().filter(|(members, _)| *members == 1000);
        Some(Spread::of(thousand.map(|(_, arrival)| arrival.joins_per_s))?.median)
    };
    let ours = measured.room_of(OURS).and_then(rate)?;
    let measured = ours / measured.room_of("uhub").and_then(rate)?;
    Some(Target {
        what: "1,000 joins: rate / uhub's".into(),
        most: 20.0,
        is_minimum: true,
        measured,
    })
}

fn large(measured: &Measured<'_>) -> Vec<Target> {
    let median = |value: &dyn Fn(&crate::large::Large) -> f64| {
        Spread::of(measured.large.iter().map(value)).map(|spread| spread.median)
    };
    let targets = [
        (
            "10,000 members / 100: CPU per delivery",
            1.25,
            median(&|it| it.large.cpu_us / it.small.cpu_us),
        ),
        ("memory for each member, 100 to 10,000, bytes", 512.0, median(&|it| it.member_bytes)),
        ("10,000 join, s", 10.0, median(&|it| LARGE as f64 / it.arrival.joins_per_s)),
        ("a line reaches all 10,000, ms", 100.0, median(&|it| it.last_hears_ms)),
        ("memory with 10,000, MiB", 64.0, median(&|it| it.memory_bytes as f64 / 1048576.0)),
    ];
    let encrypted = Spread::of(measured.large_tls.iter().map(|it| it.member_bytes));
    let encrypted = encrypted.map(|spread| spread.median);
    let what = "memory for each member over TLS, 100 to 10,000, bytes";
    let targets = targets.into_iter().chain([(what, 4096.0, encrypted)]);
    targets.filter_map(|(what, bound, measured)| Some(most(what, bound, measured?))).collect()
}

fn files(files: &FileResults) -> Vec<Target> {
    let by_name = |all: &[Series], name: &str, what: fn(&Series) -> Option<Spread>| {
        let series = all.iter().find(|series| series.name == name)?;
        Some(what(series)?.median)
    };
    let quotient = |all: &[Series], our: &str, other: &str, what: fn(&Series) -> Option<Spread>| {
        Some(by_name(all, our, what)? / by_name(all, other, what)?)
    };
    let ratio = |all: &[Series], other: &str, what: fn(&Series) -> Option<Spread>| {
        quotient(all, OURS, other, what)
    };
    let tls =
        |what: fn(&Series) -> Option<Spread>| quotient(&files.downloads, OURS_TLS, NGINX_TLS, what);
    let link =
        |what: fn(&Series) -> Option<Spread>| quotient(&files.downloads, OURS_LINK, "nginx", what);
    let (down, up) = (&files.downloads, &files.uploads);
    let targets = [
        ("download: rate / nginx sendfile's", 1.0, true, ratio(down, "nginx", Series::mib_per_s)),
        ("download: CPU / nginx's", 1.1, false, ratio(down, "nginx", Series::cpu_s_per_gib)),
        ("download by a link: rate / nginx sendfile's", 0.95, true, link(Series::mib_per_s)),
        ("download by a link: CPU / nginx's", 1.2, false, link(Series::cpu_s_per_gib)),
        ("download over TLS: rate / nginx's", 0.9, true, tls(Series::mib_per_s)),
        ("download over TLS: CPU / nginx's", 1.2, false, tls(Series::cpu_s_per_gib)),
        (
            "upload, verified and durable: rate / nginx PUT's, which is neither",
            1.5,
            true,
            ratio(up, "nginx", Series::mib_per_s),
        ),
        (
            "upload: time / a bare receive-and-write loop's",
            1.3,
            false,
            ratio(up, crate::files::BARE, Series::mib_per_s).map(f64::recip),
        ),
    ];
    let target = |(what, most, is_minimum, measured): (&str, f64, bool, Option<f64>)| {
        Some(Target { what: what.into(), most, is_minimum, measured: measured? })
    };
    targets.into_iter().filter_map(target).collect()
}

fn lines_beside_files(measured: &Measured<'_>) -> Vec<Target> {
    let p99 = |latency: &Latency| latency.p99;
    let (quiet, busy) = (spread_ms(measured.quiet(), p99), spread_ms(measured.busy(), p99));
    let listening = measured.files.starts.iter().map(|start| start.listening.as_secs_f64() * 1e3);
    let mut targets = Vec::new();
    if let (Some(quiet), Some(busy)) = (quiet, busy) {
        targets.push(most("a line beside 4 downloads and 4 uploads: p99, ms", 2.0, busy.median));
        targets.push(most("the same / quiet", 5.0, busy.median / quiet.median));
    }
    let handshakes = measured.files.handshakes.iter();
    let rate = Spread::of(handshakes.clone().map(|it| it.per_second));
    targets.extend(rate.map(|rate| Target {
        what: "handshakes of TLS beside talk, each second".into(),
        most: 1000.0,
        is_minimum: true,
        measured: rate.median,
    }));
    let meanwhile = spread_ms(handshakes.map(|it| &it.latency), p99);
    targets.extend(meanwhile.map(|it| most("p99 of a line beside them, ms", 20.0, it.median)));
    let start = Spread::of(listening).map(|spread| spread.median);
    targets.extend(start.map(|ms| most("start with a full shelf, until it listens, ms", 20.0, ms)));
    targets
}
