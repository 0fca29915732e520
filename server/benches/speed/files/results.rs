//! What was measured, every sample of it; medians and tables are the caller's.

use std::time::Duration;

const GIB: f64 = (1 << 30) as f64;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct FileResults {
    /// One file from the server to a client that drops the bytes, by contender.
    pub(crate) downloads: Vec<Series>,
    /// One file from a client to the server's disk, by contender.
    pub(crate) uploads: Vec<Series>,
    /// Lines in a room without transfers, a sample for each round.
    pub(crate) quiet: Vec<Latency>,
    /// Lines beside transfers that run flat out, a sample for each round.
    pub(crate) busy: Vec<Busy>,
    /// Lines beside handshakes, a sample for each round.
    pub(crate) handshakes: Vec<Handshakes>,
    /// Starts with a full shelf and a full log.
    pub(crate) starts: Vec<Start>,
}

/// All transfers of one contender.
#[derive(Debug)]
pub(crate) struct Series {
    /// What the contender is called.
    pub(crate) name: &'static str,
    /// One for each round.
    pub(crate) samples: Vec<Sample>,
}

/// One transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The file's size.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// CPU time of the server meanwhile.
    pub(crate) cpu: Duration,
}

/// From the write of a line to a member's having read it, over all lines and all members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    /// Half of them took no longer.
    pub(crate) p50: Duration,
    /// Ninety-nine of a hundred took no longer.
    pub(crate) p99: Duration,
}

/// Talk beside transfers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    /// How long lines took.
    pub(crate) latency: Latency,
    /// What the transfers moved meanwhile: a short wait is worth little if that is little.
    pub(crate) moved: Moved,
}

/// Talk beside handshakes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshakes {
    /// How long lines took.
    pub(crate) latency: Latency,
    /// Handshakes that were finished meanwhile.
    pub(crate) per_second: f64,
}

/// What went over connections, whole files or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// File bytes that came down.
    pub(crate) down_bytes: u64,
    /// File bytes that went up.
    pub(crate) up_bytes: u64,
    /// In which time.
    pub(crate) elapsed: Duration,
}

/// One start, from the spawn on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Until a client can connect. It need not be served yet: the kernel takes it.
    pub(crate) listening: Duration,
    /// Until one that has connected then has its hello answered.
    pub(crate) answering: Duration,
}

impl Sample {
    /// How fast it was.
    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64()
    }

    /// Seconds of the server's CPU time for each GiB.
    pub(crate) fn cpu_seconds_per_gib(&self) -> f64 {
        self.cpu.as_secs_f64() * GIB / self.bytes as f64
    }
}

impl Latency {
    /// Of so many waits.
    pub(super) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |part: f64| {
            let place = (all.len() as f64 * part).ceil() as usize;
            all.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p99: at(0.99) }
    }
}
