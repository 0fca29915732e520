//! Contenders that do the same, one after the other, round after round.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::results::{Sample, Series};
use crate::interrupt;
use crate::process::Process;

/// Transfers of each contender before those that count. The first write to a stretch of a virtual
/// disk may cost several times what the next ones do, and a server that replaces a file safely
/// has the old one and the new one at once: two stretches.
const WARM_UPS: usize = 2;

/// Pause before each transfer, in which what the one before left behind is cleared away.
const SETTLE: Duration = Duration::from_millis(500);

/// Someone who can transfer a file.
pub(super) trait Contender {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Transfers the file once, and leaves nothing that would make the next time another one.
    fn transfer(&self) -> io::Result<Sample>;
}

/// Has them all transfer their file, in turns; `prepare` is called before each transfer.
pub(super) fn race(
    what: &str,
    contenders: &[Box<dyn Contender + '_>],
    rounds: usize,
    prepare: &dyn Fn() -> io::Result<()>,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Series>> {
    let new = |name| Series { name, samples: Vec::new() };
    let mut series: Vec<_> = contenders.iter().map(|contender| new(contender.name())).collect();
    for round in 0..WARM_UPS + rounds {
        for (contender, series) in contenders.iter().zip(&mut series) {
            let name = contender.name();
            let tell =
                |why: io::Error| io::Error::new(why.kind(), format!("{what}, {name}: {why}"));
            match (round + 1).checked_sub(WARM_UPS) {
                None | Some(0) => progress(&format!("{what}, warming up: {name}")),
                Some(round) => progress(&format!("{what}, round {round} of {rounds}: {name}")),
            }
            interrupt::check()?;
            sleep(SETTLE);
            prepare()?;
            let sample = contender.transfer().map_err(tell)?;
            if round >= WARM_UPS {
                series.samples.push(sample);
            }
        }
    }
    Ok(series)
}

/// A transfer that is being measured.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    process: &'a Process,
    cpu: Duration,
    started: Instant,
}

impl<'a> Meter<'a> {
    /// Begins.
    pub(super) fn start(process: &'a Process) -> io::Result<Self> {
        Ok(Self { process, cpu: process.cpu()?, started: Instant::now() })
    }

    /// Ends: so many bytes were transferred.
    pub(super) fn stop(self, bytes: u64) -> io::Result<Sample> {
        let elapsed = self.started.elapsed();
        Ok(Sample { bytes, elapsed, cpu: self.process.cpu()?.saturating_sub(self.cpu) })
    }
}
