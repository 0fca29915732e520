//! The hot paths, and how many instructions each took when it was last looked at.

use super::paths;

/// How far a count may rise above what was measured, in percent of it. Compilers and processors
/// make some difference; this is for what is worse than that.
const BOUND_PERCENT: u64 = 150;

/// A path that is walked so often that its instructions matter.
pub(crate) struct HotPath {
    pub(crate) name: &'static str,
    /// What the instructions are counted for.
    pub(crate) unit: &'static str,
    /// Instructions for each unit, on x86-64.
    pub(crate) measured: u64,
    /// Walks it, and says for how many units.
    pub(crate) walk: fn() -> u64,
}

impl HotPath {
    /// Most instructions that a unit may take.
    pub(crate) fn bound(&self) -> u64 {
        self.measured * BOUND_PERCENT / 100
    }
}

/// Lines are of 100 bytes, and the room has 100 members.
#[rustfmt::skip]
pub(crate) const PATHS: [HotPath; 6] = [
    HotPath { name: "decode", unit: "line", measured: 1_158, walk: paths::decode },
    HotPath { name: "append", unit: "line", measured: 2_116, walk: paths::append },
    HotPath { name: "flush-1", unit: "member", measured: 337, walk: paths::flush::<1> },
    HotPath { name: "flush-64", unit: "member", measured: 337, walk: paths::flush::<64> },
    HotPath { name: "deliver-1", unit: "delivery", measured: 389, walk: paths::deliver::<1> },
    HotPath { name: "deliver-64", unit: "delivery", measured: 38, walk: paths::deliver::<64> },
];
