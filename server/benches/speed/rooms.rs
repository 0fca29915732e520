//! What it costs to let a room hear what is said: rounds over all contenders, each started again,
//! so that a phase in which the machine is slow falls upon all alike.

use std::io;
use std::time::{Duration, Instant};

use crate::contenders::{Contender, MARK};
use crate::crowd::{Crowd, Heard, Talk};
use crate::interrupt;
use crate::process::Process;

/// Bytes of a line.
const LINE_BYTES: usize = 100;
/// No line is begun after so long: some contenders would take minutes.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Of the lines of a work, this part is said before anything is measured.
const WARM_UP: u64 = 10;

/// A kind of talk in a room of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) members: usize,
    pub(crate) senders: usize,
    /// Of each sender.
    pub(crate) in_flight: usize,
    pub(crate) lines: u64,
}

/// What is measured beside others.
pub(crate) const WORKS: [Work; 4] = [
    Work { members: 100, senders: 1, in_flight: 64, lines: 40_000 },
    Work { members: 100, senders: 1, in_flight: 1, lines: 4_000 },
    Work { members: 100, senders: 100, in_flight: 4, lines: 40_000 },
    Work { members: 1000, senders: 1, in_flight: 16, lines: 3_000 },
];

/// One measurement of a work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// CPU time of the server for each line that a member heard.
    pub(crate) cpu_us: f64,
    pub(crate) deliveries_per_s: f64,
    /// At 50, 99 and 99.9 %; none where lines can't be told from one another.
    pub(crate) latency_us: Option<[u32; 3]>,
}

/// One measurement of people coming into a room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) joins_per_s: f64,
    /// Server memory for each of them, in bytes.
    pub(crate) memory_bytes: f64,
}

/// All samples of one contender.
pub(crate) struct Results<'a> {
    pub(crate) contender: &'a dyn Contender,
    /// For each of [`WORKS`].
    pub(crate) works: [Vec<Sample>; WORKS.len()],
    /// For each size of room, that and what was measured.
    pub(crate) arrivals: Vec<(usize, Arrival)>,
    /// Why it could not be measured to the end.
    pub(crate) failure: Option<String>,
}

/// Measures all works of all contenders, `rounds` times. One that fails is left out from then on.
///
/// # Errors
/// When it is interrupted.
pub(crate) fn measure<'a>(
    contenders: &[&'a dyn Contender],
    rounds: usize,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Results<'a>>> {
    let new = |contender: &&'a dyn Contender| Results {
        contender: *contender,
        works: Default::default(),
        arrivals: Vec::new(),
        failure: None,
    };
    let mut all: Vec<_> = contenders.iter().map(new).collect();
    for round in 1..=rounds {
        for members in [100, 1000] {
            for results in all.iter_mut().filter(|results| results.failure.is_none()) {
                let name = results.contender.name();
                progress(&format!("round {round} of {rounds}: {members} members, {name}"));
                if let Err(why) = results.round(members) {
                    interrupt::check()?;
                    progress(&format!("{name} can't be measured: {why}"));
                    results.failure = Some(why.to_string());
                }
            }
        }
    }
    Ok(all)
}

impl Results<'_> {
    fn round(&mut self, members: usize) -> io::Result<()> {
        let process = self.contender.start(members)?;
        let (mut crowd, arrival) = arrive(self.contender, &process, members)?;
        self.arrivals.push((members, arrival));
        for (samples, work) in self.works.iter_mut().zip(WORKS) {
            if work.members == members {
                samples.push(sample(&mut crowd, &process, work)?);
            }
        }
        Ok(())
    }
}

/// Lets a crowd into an empty room.
///
/// # Errors
/// When it can't get in.
pub(crate) fn arrive<'a>(
    contender: &'a dyn Contender,
    process: &Process,
    members: usize,
) -> io::Result<(Crowd<'a>, Arrival)> {
    let (empty, begun) = (process.memory()?, Instant::now());
    let crowd = Crowd::join(contender, process.address(), members)?;
    let joins_per_s = members as f64 / begun.elapsed().as_secs_f64();
    let grown = process.memory()?.saturating_sub(empty);
    Ok((crowd, Arrival { joins_per_s, memory_bytes: grown as f64 / members as f64 }))
}

/// Measures one work.
///
/// # Errors
/// When the room breaks down.
pub(crate) fn sample(crowd: &mut Crowd<'_>, process: &Process, work: Work) -> io::Result<Sample> {
    let Work { senders, in_flight, lines, .. } = work;
    let text = format!("{MARK}{}", "x".repeat(LINE_BYTES - MARK.len()));
    let warm_up = Talk { senders, in_flight, lines: lines / WARM_UP, time_max: TIME_MAX };
    crowd.talk(warm_up, &text)?;
    let before = process.cpu()?;
    let heard = crowd.talk(Talk { lines, ..warm_up }, &text)?;
    let cpu = process.cpu()?.saturating_sub(before);
    Ok(Sample {
        cpu_us: cpu.as_secs_f64() * 1e6 / heard.deliveries as f64,
        deliveries_per_s: heard.deliveries as f64 / heard.time.as_secs_f64(),
        latency_us: percentiles(heard),
    })
}

fn percentiles(heard: Heard) -> Option<[u32; 3]> {
    let mut latencies = heard.latencies_us;
    latencies.sort_unstable();
    let last = latencies.len().checked_sub(1)?;
    Some([0.5, 0.99, 0.999].map(|part| latencies[(last as f64 * part) as usize]))
}
