//! Everything that one run has measured, and the figures that follow from it. Formats nothing.

use std::time::Duration;

use crate::files::results::{FileResults, Latency, Sample, Series};
use crate::large::Large;
use crate::rooms::Results;
use crate::spread::Spread;

pub(crate) const MIB: f64 = 1048576.0;

/// Everything that one run has measured.
pub(crate) struct Measured<'a> {
    /// The machine and the day.
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) rooms: Vec<Results<'a>>,
    /// Ours, with ten thousand members; the same over TLS; and the bare shared log's.
    pub(crate) large: Vec<Large>,
    pub(crate) large_tls: Vec<Large>,
    pub(crate) large_baseline: Vec<Large>,
    pub(crate) files: FileResults,
}

impl Measured<'_> {
    /// What was measured of the contender of this name.
    pub(crate) fn room_of(&self, name: &str) -> Option<&Results<'_>> {
        self.rooms.iter().find(|results| results.contender.name() == name)
    }

    /// Lines in a room without transfers.
    pub(crate) fn quiet(&self) -> impl Iterator<Item = &Latency> {
        self.files.quiet.iter()
    }

    /// Lines beside transfers.
    pub(crate) fn busy(&self) -> impl Iterator<Item = &Latency> {
        self.files.busy.iter().map(|busy| &busy.latency)
    }
}

impl Results<'_> {
    /// CPU time for each delivery of one of [`WORKS`], in microseconds.
    pub(crate) fn cpu_us(&self, work: usize) -> Option<Spread> {
        Spread::of(self.works[work].iter().map(|sample| sample.cpu_us))
    }
}

impl Series {
    pub(crate) fn mib_per_s(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.bytes_per_second() / MIB))
    }

    pub(crate) fn cpu_s_per_gib(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(Sample::cpu_seconds_per_gib))
    }
}

/// Times in milliseconds.
pub(crate) fn spread_ms<'a>(
    all: impl Iterator<Item = &'a Latency>,
    time: impl Fn(&Latency) -> Duration,
) -> Option<Spread> {
    Spread::of(all.map(|latency| time(latency).as_secs_f64() * 1000.0))
}
