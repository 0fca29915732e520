//! What was measured, as Markdown and charts: the part of docs/BENCHMARKS.md that is written by
//! this program.

use std::fmt::Write;
use std::time::Duration;

use crate::chart::{self, Bar};
use crate::contenders::{OURS, OURS_TLS};
use crate::large::{LARGE, Large};
use crate::measured::{MIB, Measured, spread_ms};
use crate::rooms::{Results, Sample, WORKS, Work};
use crate::spread::{Spread, number};
use crate::targets::{self, Target};

/// A table of cells, the first row being its head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        // Writing to a String can't fail.
        let _ = writeln!(out, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(out, "|{}", " --- |".repeat(row.len()));
        }
    }
    out
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

impl Measured<'_> {
    /// The text, and the charts by the names that it calls them.
    pub(crate) fn written(&self) -> (String, Vec<(String, String)>) {
        let mut out = format!("Measured on {}; medians of {} rounds, ", self.machine, self.rounds);
        out += "with the lowest and the highest in brackets.\n\n";
        out += &self.targets();
        let mut charts = Vec::new();
        let rooms = if self.rooms.is_empty() { &[][..] } else { &WORKS };
        for (index, work) in rooms.iter().enumerate() {
            let name = format!(
                "cpu-{}-members-{}-senders-{}.svg",
                work.members, work.senders, work.in_flight
            );
            let title = title(*work);
            let _ =
                write!(out, "### {title}\n\n![{title}](charts/{name})\n\n{}\n", self.talk(index));
            charts.push((name, self.chart(index)));
        }
        if !self.rooms.is_empty() {
            let _ = write!(out, "### Coming in\n\n{}\n", self.arrivals());
        }
        if !self.large.is_empty() {
            let _ = write!(out, "### Ten thousand members\n\n{}\n", self.large());
        }
        if !(self.files.downloads.is_empty() && self.files.uploads.is_empty()) {
            let _ = write!(out, "### Files\n\n{}\n", self.transfers());
        }
        if !(self.files.busy.is_empty() && self.files.starts.is_empty()) {
            let _ =
                write!(out, "### Talk beside files, and starts\n\n{}\n", self.beside_transfers());
        }
        if !self.rooms.is_empty() {
            let _ = write!(out, "### Who they are\n\n{}", self.contenders());
        }
        (out, charts)
    }

    /// What the server is to reach, and whether it does.
    fn targets(&self) -> String {
        let mut rows = vec![row(["what", "target", "measured", "held"])];
        for Target { what, most, is_minimum, measured } in targets::of(self) {
            let bound = if is_minimum { "at least" } else { "at most" };
            let is_held = if is_minimum { measured >= most } else { measured <= most };
            let bound = format!("{bound} {}", number(most));
            let held = if is_held { "yes" } else { "**no**" };
            rows.push(vec![what, bound, number(measured), held.into()]);
        }
        if rows.len() == 1 { String::new() } else { format!("### Targets\n\n{}\n", table(&rows)) }
    }

    fn talk(&self, work: usize) -> String {
        let head =
            ["", "CPU per delivery, µs", "× ours", "deliveries/s", "latency p50, p99, p99.9, ms"];
        let mut rows = vec![row(head)];
        let ours = self.room_of(OURS).and_then(|results| results.cpu_us(work));
        for results in &self.rooms {
            let samples = &results.works[work];
            let (Some(cpu), Some(rate)) = (
                results.cpu_us(work),
                Spread::of(samples.iter().map(|sample| sample.deliveries_per_s)),
            ) else {
                continue;
            };
            let ratio = ours.map_or(String::new(), |ours| number(cpu.median / ours.median));
            let name = results.contender.name().to_owned();
            rows.push(vec![name, cpu.to_string(), ratio, number(rate.median), latencies(samples)]);
        }
        table(&rows)
    }

    fn chart(&self, work: usize) -> String {
        let bar = |results: &Results<'_>| {
            let median = results.cpu_us(work)?.median;
            let label = results.contender.name().into();
            let text = format!("{} µs", number(median));
            let is_ours = results.contender.name() == OURS;
            Some(Bar { label, value: median, text, is_ours })
        };
        let bars: Vec<Bar> = self.rooms.iter().filter_map(bar).collect();
        chart::svg(&format!("CPU per delivery: {}", title(WORKS[work])), &bars)
    }

    fn arrivals(&self) -> String {
        let head =
            ["", "100 members: joins/s", "1,000 members: joins/s", "bytes for each of 1,000"];
        let mut rows = vec![row(head)];
        for results in &self.rooms {
            let of = |members: usize, what: fn(&crate::rooms::Arrival) -> f64| {
                let arrivals = results.arrivals.iter().filter(|(size, _)| *size == members);
                let spread = Spread::of(arrivals.map(|(_, arrival)| what(arrival)));
                spread.map_or(String::new(), |spread| number(spread.median))
            };
            rows.push(vec![
                results.contender.name().into(),
                of(100, |arrival| arrival.joins_per_s),
                of(1000, |arrival| arrival.joins_per_s),
                of(1000, |arrival| arrival.memory_bytes),
            ]);
        }
        table(&rows)
    }

    fn large(&self) -> String {
        let mut rows = vec![row(["what", OURS, OURS_TLS, "bare shared log"])];
        let mut add = |what: &str, value: fn(&Large) -> f64| {
            let shown = |all: &[Large]| {
                let spread = Spread::of(all.iter().map(value));
                spread.map_or(String::new(), |spread| spread.to_string())
            };
            let all = [&self.large, &self.large_tls, &self.large_baseline];
            let cells = all.into_iter().map(|it| shown(it));
            rows.push([what.to_owned()].into_iter().chain(cells).collect());
        };
        add("until all are in and told of one another, s", |it| {
            LARGE as f64 / it.arrival.joins_per_s
        });
        add("memory of the server, MiB", |it| it.memory_bytes as f64 / MIB);
        add("memory for each member beyond 100, bytes", |it| it.member_bytes);
        add("one line at a time: CPU per delivery, µs", |it| it.large.cpu_us);
        add("the same with 100 members, µs", |it| it.small.cpu_us);
        add("from a line to the last who hears it, ms", |it| it.last_hears_ms);
        table(&rows)
    }

    fn transfers(&self) -> String {
        let mut rows = vec![row(["1 GiB", "", "MiB/s", "server CPU per GiB, s"])];
        for (what, all) in [("down", &self.files.downloads), ("up", &self.files.uploads)] {
            for series in all {
                let cells = (series.mib_per_s(), series.cpu_s_per_gib());
                if let (Some(rate), Some(cpu)) = cells {
                    let name = series.name.to_owned();
                    rows.push(vec![what.into(), name, rate.to_string(), cpu.to_string()]);
                }
            }
        }
        table(&rows)
    }

    fn beside_transfers(&self) -> String {
        let mut rows = vec![row(["what", "measured"])];
        let mut add = |what: &str, spread: Option<Spread>| {
            rows.extend(spread.map(|spread| vec![what.into(), spread.to_string()]));
        };
        add("a line in a quiet room of ten: p50, ms", spread_ms(self.quiet(), |it| it.p50));
        add("p99, ms", spread_ms(self.quiet(), |it| it.p99));
        add("beside 4 downloads and 4 uploads: p50, ms", spread_ms(self.busy(), |it| it.p50));
        add("p99, ms", spread_ms(self.busy(), |it| it.p99));
        let moved = self.files.busy.iter().map(|busy| {
            let bytes = busy.moved.down_bytes + busy.moved.up_bytes;
            bytes as f64 / MIB / busy.moved.elapsed.as_secs_f64()
        });
        add("moved meanwhile, both ways, MiB/s", Spread::of(moved));
        let handshakes = || self.files.handshakes.iter();
        let rate = Spread::of(handshakes().map(|it| it.per_second));
        add("beside handshakes of TLS, each second", rate);
        let p99 = spread_ms(handshakes().map(|it| &it.latency), |it| it.p99);
        add("p99 of a line meanwhile, ms", p99);
        let starts = &self.files.starts;
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let listening = starts.iter().map(|start| ms(start.listening));
        add("start with a full shelf, until it listens, ms", Spread::of(listening));
        let answering = starts.iter().map(|start| ms(start.answering));
        add("until it answers, ms", Spread::of(answering));
        table(&rows)
    }

    fn contenders(&self) -> String {
        let mut rows = vec![row(["", "version", ""])];
        for results in &self.rooms {
            let version = results.contender.version().unwrap_or_else(|| "not installed".into());
            let failure = results.failure.clone().unwrap_or_default();
            rows.push(vec![results.contender.name().into(), version, failure]);
        }
        table(&rows)
    }
}

fn title(work: Work) -> String {
    let Work { members, senders, in_flight, .. } = work;
    let members = number(members as f64);
    if senders == 1 {
        format!("{members} members, one speaks, {in_flight} in flight")
    } else {
        format!("{members} members, {senders} speak, {in_flight} in flight each")
    }
}

fn latencies(samples: &[Sample]) -> String {
    let at = |place: usize| {
        let values = samples.iter().filter_map(|sample| sample.latency_us);
        Spread::of(values.map(|latency| f64::from(latency[place]) / 1000.0))
    };
    let cells: Vec<String> = (0..3).filter_map(at).map(|spread| number(spread.median)).collect();
    cells.join(", ")
}
