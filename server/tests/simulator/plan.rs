//! The plan of a run: how big it is, how the server is set up, what the network and the disk are
//! like, and which troubles come when. All of it follows from the seed.

use chatshelf_common::rate::Rate;
use chatshelf_server::disk::Durability;
use chatshelf_server::disk::store::{PARTIAL_BYTES_MIN, StoreSettings};
use chatshelf_server::engine::{Allowances, Deadlines, Links, Settings};

use super::rng::Rng;

/// Allowances that users meet all the time.
const TIGHT: Allowances = Allowances {
    lines: Rate::new(4, 5, 1_000),
    changes: Rate::new(2, 1, 1_000),
    uploads: Rate::new(8 << 20, 1 << 20, 1_000),
    ..Allowances::DEFAULT
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Everything that is decided before the run begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    /// Connections that the server has descriptors for.
    pub(crate) connections_max: usize,
    pub(crate) store: StoreSettings,
    pub(crate) segment_bytes: u64,
    /// Streams and disk behave as Windows' do.
    pub(crate) is_short: bool,
    pub(crate) is_windows: bool,
    pub(crate) users: u64,
    pub(crate) hostiles: u64,
    pub(crate) guests: u64,
    /// Things that each user does, about.
    pub(crate) deeds: u64,
    /// Longest text of a line, in bytes.
    pub(crate) line_bytes: usize,
    /// So much is said that the server can't hold it all for who is slow.
    pub(crate) is_flood: bool,
    /// Files are mostly small; this one in so many is of megabytes.
    pub(crate) big_file_one_in: u64,
    pub(crate) weather: Weather,
    /// How long one piece of work takes at most.
    pub(crate) disk_ms: u64,
    pub(crate) journal_ms: u64,
    /// When the troubles end and everything is made good.
    pub(crate) heals_at_ms: u64,
    pub(crate) troubles: Vec<(u64, Trouble)>,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server's process is killed; what it wrote is with the system.
    Kill,
    /// The server's machine loses its power.
    PowerCut,
    /// The same, in the midst of its work: at this operation of the disk from now on.
    Crash {
        after: u64,
        with_power: bool,
    },
    /// The operator stops the server.
    Stop,
    /// Of a thousand disk operations so many fail, for a while.
    DiskFaults {
        per_mille: u64,
        for_ms: u64,
    },
    /// One disk operation fails.
    DiskFault {
        after: u64,
    },
    /// The disk has no more than this free, for a while.
    DiskFull {
        free: u64,
        for_ms: u64,
    },
    /// Each piece of disk work takes up to so long, for a while.
    SlowDisk {
        ms: u64,
        for_ms: u64,
    },
    /// A wire, or all of them, breaks, falls silent or stalls.
    Reset {
        all: bool,
    },
    Silence {
        all: bool,
    },
    Stall {
        for_ms: u64,
    },
    /// Everyone sleeps for so long.
    Sleep {
        ms: u64,
    },
    /// Someone sets the wall clock.
    SetWall {
        by_ms: i64,
    },
}

/// How a wire behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Bytes take from 0 to so long.
    pub(crate) latency_ms: u64,
    /// Most bytes that arrive at once.
    pub(crate) piece_bytes: usize,
    /// Bytes that either side's system holds for it.
    pub(crate) buffer_bytes: usize,
    /// Of a thousand deliveries so many wait for seconds.
    pub(crate) stalls_per_mille: u64,
    /// Of a hundred wires so many are cut somewhere.
    pub(crate) cuts_percent: u64,
}

impl Weather {
    /// Makes it good.
    pub(crate) fn heal(&mut self) {
        self.latency_ms = self.latency_ms.min(20);
        self.piece_bytes = self.piece_bytes.max(1_000);
        self.buffer_bytes = self.buffer_bytes.max(16_384);
        (self.stalls_per_mille, self.cuts_percent) = (0, 0);
    }
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut Rng::new(seed, 1);
        let durability = rng.pick(&[
            Durability::None,
            Durability::Interval,
            Durability::Interval,
            Durability::Always,
        ]);
        // Of their own, so that the rest of a seed's plan is what it was.
        let rules = &mut Rng::new(seed, 4);
        let settings = Settings {
            file_bytes_max: 32 << 20,
            keep: rng.pick(&[5, 5, 5, 1, 2, 8]),
            history_max: rng.pick(&[1000, 1000, 20]),
            members_max: rng.pick(&[1000, 40]),
            allowances: if rng.one_in(2) { TIGHT } else { Allowances::UNLIMITED },
            deadlines: Deadlines::DEFAULT,
            durability,
            asks_password: rules.one_in(4),
            has_operators: rules.one_in(2),
            links: Links::UNTOLD,
        };
        let store = StoreSettings {
            min_free_bytes: rng.pick(&[0, 0, 100_000]),
            keep_partial_ms: rng.pick(&[24 * HOUR_MS, 24 * HOUR_MS, HOUR_MS, MINUTE_MS, 0]),
            partial_bytes_max: rng.pick(&[1 << 30, 1 << 30, 500_000]),
            partial_bytes_min: if seed.is_multiple_of(2) { PARTIAL_BYTES_MIN } else { 1 },
        };
        let heals_at_ms = rng.pick(&[20_000, 60_000, 120_000, 300_000]);
        let is_busy = rng.one_in(3);
        let is_flood = rng.one_in(50);
        let mut plan = Self {
            seed,
            settings,
            connections_max: rng.pick(&[10_000, 10_000, 24]),
            store,
            segment_bytes: rng.pick(&[4 << 20, 4 << 20, 4 << 20, 20_000]),
            is_short: !rng.one_in(4),
            is_windows: rng.one_in(6),
            users: if is_busy { rng.between(5, 9) } else { rng.between(1, 5) },
            hostiles: rng.pick(&[0, 0, 1, 2, 4]),
            guests: rules.pick(&[0, 0, 1, 2]),
            deeds: if is_flood { 40 } else { rng.pick(&[5, 15, 40, 60]) },
            line_bytes: if is_flood { 8_000 } else { rng.pick(&[40, 40, 300, 8_000]) },
            is_flood,
            big_file_one_in: rng.pick(&[100, 30]),
            weather: weather(rng),
            disk_ms: rng.pick(&[0, 2, 20, 200]),
            journal_ms: rng.pick(&[0, 1, 10, 100]),
            heals_at_ms,
            troubles: Vec::new(),
        };
        if is_flood {
            plan.weather.piece_bytes = 100_000;
            plan.weather.buffer_bytes = 65_536;
        }
        let troubles = rng.pick(&[0, 1, 3, 6, 12]);
        for _ in 0..troubles {
            let at_ms = rng.below(heals_at_ms);
            plan.troubles.push((at_ms, trouble(rng)));
        }
        plan.troubles.sort_by_key(|(at_ms, _)| *at_ms);
        plan
    }
}

impl Plan {
    /// True when so few bytes move at once that large files would take too many steps.
    pub(crate) fn is_narrow(&self) -> bool {
        self.weather.buffer_bytes < 4_096 || self.weather.piece_bytes < 1_000
    }
}

fn weather(rng: &mut Rng) -> Weather {
    Weather {
        latency_ms: rng.pick(&[0, 1, 5, 50, 500]),
        piece_bytes: rng.pick(&[1, 10, 1_000, 100_000]),
        buffer_bytes: rng.pick(&[200, 4_096, 65_536, 262_144]),
        stalls_per_mille: rng.pick(&[0, 0, 1, 5]),
        cuts_percent: rng.pick(&[0, 0, 20, 60]),
    }
}

fn trouble(rng: &mut Rng) -> Trouble {
    let for_ms = rng.between(500, 30_000);
    match rng.below(20) {
        0..2 => Trouble::Kill,
        2..4 => Trouble::PowerCut,
        4..6 => Trouble::Crash { after: rng.between(1, 60), with_power: rng.one_in(2) },
        6 => Trouble::Stop,
        7..9 => Trouble::DiskFaults { per_mille: rng.pick(&[5, 50, 300, 1000]), for_ms },
        9..11 => Trouble::DiskFault { after: rng.between(1, 30) },
        11 => Trouble::DiskFull { free: rng.pick(&[0, 1_000, 150_000, 400_000]), for_ms },
        12 => Trouble::SlowDisk { ms: rng.pick(&[500, 3_000, 20_000]), for_ms },
        13 => Trouble::Reset { all: true },
        14 => Trouble::Reset { all: false },
        15 => Trouble::Silence { all: rng.one_in(3) },
        16 => Trouble::Silence { all: false },
        17 => Trouble::Stall { for_ms },
        18 => Trouble::Sleep { ms: rng.pick(&[40_000, 130_000, HOUR_MS, 5 * HOUR_MS]) },
        _ => Trouble::SetWall { by_ms: rng.pick(&[-5_000_000, -1, 40_000_000]) },
    }
}
