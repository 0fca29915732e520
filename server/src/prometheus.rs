//! The server's statistics as text for Prometheus: the table of all metrics, and how they are
//! written (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Pure functions of a
//! [`Stats`]; who asks for the text, and how, is the matter of `net`.
//!
//! Units are the base units, seconds and bytes; counters end in `_total`. Every series is there
//! from the start, with 0, so that a query never finds nothing. OPERATIONS.md, "Watching it", lists
//! the same metrics.

use std::fmt::{self, Write};

use chatshelf_common::wire::Code;
use chatshelf_common::wire::code::CODES;

use crate::engine::{Causes, Stats};
use crate::histogram::Histogram;

/// The type of the text, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The label of causes without a name of their own.
const OTHER: &str = "OTHER";

/// One metric.
struct Metric {
    name: &'static str,
    help: &'static str,
    value: Value,
}

/// Where a metric's value comes from.
enum Value {
    /// A number that only grows.
    Counter(fn(&Stats) -> u64),
    /// A number of things now.
    Gauge(fn(&Stats) -> u64),
    /// A time, or a length of time, in milliseconds.
    Milliseconds(fn(&Stats) -> u64),
    /// The longest of some lengths of time.
    Longest(fn(&Stats) -> &Histogram),
    /// A counter for each cause.
    Causes(fn(&Stats) -> &Causes),
    /// Lengths of time.
    Histogram(fn(&Stats) -> &Histogram),
    /// The version, as a label.
    Version,
}

impl Value {
    /// Its type, in the words of the format.
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) | Self::Causes(_) => "counter",
            Self::Histogram(_) => "histogram",
            Self::Gauge(_) | Self::Milliseconds(_) | Self::Longest(_) | Self::Version => "gauge",
        }
    }
}

const fn metric(name: &'static str, value: Value, help: &'static str) -> Metric {
    Metric { name, help, value }
}

/// Every metric, in the order in which they are written.
static METRICS: &[Metric] = {
    use Value::{Causes, Counter, Gauge, Histogram, Longest, Milliseconds, Version};
    &[
        metric("chatshelf_build_info", Version, "The server's version, as a label."),
        metric(
            "chatshelf_start_time_seconds",
            Milliseconds(|it| it.started_at.0),
            "When the server started, since 1970-01-01T00:00:00Z.",
        ),
        metric("chatshelf_members", Gauge(|it| it.memory.members as u64), "Members now."),
        metric(
            "chatshelf_members_max",
            Gauge(|it| it.members_max as u64),
            "The most members at once: --max-members, or what open files allow.",
        ),
        metric(
            "chatshelf_open_connections",
            Gauge(|it| it.memory.connections as u64),
            "Connections now, with those that have not joined or are leaving.",
        ),
        metric(
            "chatshelf_connections_total",
            Counter(|it| it.counters.connections),
            "Connections accepted.",
        ),
        metric(
            "chatshelf_tls_handshakes_total",
            Counter(|it| it.handshakes.completed),
            "TLS handshakes that have led to a connection.",
        ),
        metric(
            "chatshelf_tls_handshake_failures_total",
            Counter(|it| it.handshakes.failed),
            "TLS handshakes that failed because of what the client sent.",
        ),
        metric(
            "chatshelf_joins_total",
            Counter(|it| it.counters.joins),
            "Joins that resumed no membership.",
        ),
        metric(
            "chatshelf_resumes_total",
            Counter(|it| it.counters.returns),
            "Joins that resumed a membership.",
        ),
        metric(
            "chatshelf_closes_total",
            Causes(|it| &it.counters.closes),
            "Connections that ended, by the code of their goodbye, sent or not.",
        ),
        metric(
            "chatshelf_refusals_total",
            Causes(|it| &it.counters.refusals),
            "Requests refused, by the code of the refusal.",
        ),
        metric("chatshelf_lines_total", Counter(|it| it.counters.lines), "Lines said to everyone."),
        metric(
            "chatshelf_received_bytes_total",
            Counter(|it| it.counters.bytes_in),
            "Bytes read from connections.",
        ),
        metric(
            "chatshelf_sent_bytes_total",
            Counter(|it| it.counters.bytes_out),
            "Bytes written to connections.",
        ),
        metric(
            "chatshelf_uploads_total",
            Counter(|it| it.counters.uploads),
            "Uploads that became items.",
        ),
        metric(
            "chatshelf_downloads_total",
            Counter(|it| it.counters.downloads),
            "Downloads sent whole.",
        ),
        metric(
            "chatshelf_transfers",
            Gauge(|it| it.memory.transfers as u64),
            "Transfers that run now, or have ended and whose file is not closed.",
        ),
        metric("chatshelf_shelf_items", Gauge(|it| it.items as u64), "Items on the shelf."),
        metric("chatshelf_shelf_bytes", Gauge(|it| it.item_bytes), "Bytes of these items."),
        metric(
            "chatshelf_turn_seconds",
            Histogram(|it| &it.counters.turns),
            "How long turns of the event loop took, without the wait before.",
        ),
        metric(
            "chatshelf_longest_turn_seconds",
            Longest(|it| &it.counters.turns),
            "The longest turn since the server started.",
        ),
        metric(
            "chatshelf_slowest_member_bytes",
            Gauge(|it| it.slowest_bytes),
            "Bytes of events that the member furthest behind has not been sent.",
        ),
        metric(
            "chatshelf_memory_bytes",
            Gauge(|it| it.memory.bytes() as u64),
            "Bytes that the event loop holds, about, without the code and the kernel's buffers.",
        ),
        metric(
            "chatshelf_blocks",
            Gauge(|it| it.memory.blocks as u64),
            "Blocks of 256 KiB with file data, or spare.",
        ),
        metric(
            "chatshelf_unreleased_bytes",
            Gauge(|it| it.unreleased_bytes),
            "Bytes of events that wait for the journal before members may see them.",
        ),
        metric(
            "chatshelf_journal_sync_seconds",
            Histogram(|it| &it.disk.syncs),
            "How long syncs of the journal took.",
        ),
        metric(
            "chatshelf_longest_journal_sync_seconds",
            Longest(|it| &it.disk.syncs),
            "The longest sync of the journal since the server started.",
        ),
        metric(
            "chatshelf_journal_failing",
            Gauge(|it| it.disk.is_journal_failing.into()),
            "1 while events cannot be written to the journal, else 0.",
        ),
        metric(
            "chatshelf_disk_requests",
            Gauge(|it| it.disk.requests as u64),
            "Requests that the disk thread has not finished.",
        ),
    ]
};

/// Writes all metrics.
#[must_use]
pub fn page(stats: &Stats) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = METRICS.iter().try_for_each(|metric| metric.write(stats, &mut page));
    page
}

impl Metric {
    fn write(&self, stats: &Stats, page: &mut String) -> fmt::Result {
        let Self { name, help, value } = self;
        writeln!(page, "# HELP {name} {help}\n# TYPE {name} {}", value.kind())?;
        match value {
            Value::Counter(of) | Value::Gauge(of) => writeln!(page, "{name} {}", of(stats)),
            Value::Milliseconds(of) => writeln!(page, "{name} {}", of(stats) as f64 / 1e3),
            Value::Longest(of) => writeln!(page, "{name} {}", seconds(of(stats).longest_us())),
            Value::Version => {
                writeln!(page, "{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))
            }
            Value::Causes(of) => {
                let of = of(stats);
                let known = CODES.iter().copied();
                known.chain([(Code(u16::MAX), OTHER)]).try_for_each(|(code, label)| {
                    writeln!(page, "{name}{{code=\"{label}\"}} {}", of.of(code))
                })
            }
            Value::Histogram(of) => {
                let times = of(stats);
                for (bound_us, count) in times.up_to() {
                    writeln!(page, "{name}_bucket{{le=\"{}\"}} {count}", seconds(bound_us))?;
                }
                writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {}", times.count())?;
                writeln!(page, "{name}_sum {}", seconds(times.sum_us()))?;
                writeln!(page, "{name}_count {}", times.count())
            }
        }
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        page.lines().filter(|line| line.contains(name)).collect()
    }

    #[test]
    fn a_metric_has_its_help_its_type_and_its_value() {
        let mut stats = Stats { item_bytes: 77, ..Stats::default() };
        stats.counters.lines = 43;
        stats.started_at.0 = 1_795_366_800_250;
        let page = page(&stats);
        assert_eq!(
            lines_of(&page, "chatshelf_lines_total"),
            [
                "# HELP chatshelf_lines_total Lines said to everyone.",
                "# TYPE chatshelf_lines_total counter",
                "chatshelf_lines_total 43",
            ]
        );
        for line in [
            "# TYPE chatshelf_shelf_bytes gauge",
            "chatshelf_shelf_bytes 77",
            "chatshelf_start_time_seconds 1795366800.25",
            "chatshelf_refusals_total{code=\"NICK_TAKEN\"} 0",
            "chatshelf_closes_total{code=\"OTHER\"} 0",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}:\n{page}");
        }
    }

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut stats = Stats::default();
        [40, 60, 2_000_000].into_iter().for_each(|us| stats.counters.turns.note(us));
        let page = page(&stats);
        let lines = lines_of(&page, "chatshelf_turn_seconds");
        assert_eq!(lines[2], "chatshelf_turn_seconds_bucket{le=\"0.00005\"} 1");
        assert_eq!(lines[3], "chatshelf_turn_seconds_bucket{le=\"0.0001\"} 2");
        assert_eq!(
            lines[lines.len() - 3..],
            [
                "chatshelf_turn_seconds_bucket{le=\"+Inf\"} 3",
                "chatshelf_turn_seconds_sum 2.0001",
                "chatshelf_turn_seconds_count 3",
            ]
        );
        assert_eq!(
            lines_of(&page, "chatshelf_longest_turn_seconds")[2].split(' ').nth(1),
            Some("2")
        );
    }

    #[test]
    fn the_operators_table_lists_every_metric_and_no_other() {
        let operations = include_str!("../../docs/OPERATIONS.md");
        let rows: Vec<[&str; 2]> = operations
            .lines()
            .filter_map(|line| line.strip_prefix("| `chatshelf_")?.split_once("` | "))
            .map(|(name, rest)| [name, rest.split(" |").next().unwrap_or_default()])
            .collect();
        let ours: Vec<[&str; 2]> = METRICS
            .iter()
            .map(|it| [it.name.trim_start_matches("chatshelf_"), it.value.kind()])
            .collect();
        assert_eq!(rows, ours);
    }
}
