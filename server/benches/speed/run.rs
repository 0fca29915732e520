//! One run: what is measured is chosen, measured and written down.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use getopts::Options;

use crate::baseline::BASELINE;
use crate::contenders::{self, Contender};
use crate::measured::Measured;
use crate::{baseline, comparison, files, interrupt, large, machine, process, rooms};

/// Rounds unless told otherwise.
const ROUNDS: usize = 3;

/// What the figures stand between in docs/BENCHMARKS.md, and in docs/REPORT.md.
const BEGIN: &str = "<!-- figures: written by make bench-peers WRITE=1 -->\n";
const COMPARISON_BEGIN: &str = "<!-- figures: written by make comparison WRITE=1 -->\n";
const END: &str = "<!-- end of figures -->\n";

/// What can be measured by itself.
const PARTS: [&str; 7] = ["rooms", "large", "downloads", "uploads", "talk", "handshakes", "starts"];

/// What is asked for.
struct Plan {
    peers: bool,
    /// The small servers of docs/comparison, and nothing else.
    comparison: bool,
    rounds: usize,
    /// Only contenders whose names begin so; all if there are none.
    only: Vec<String>,
    /// Only these of [`PARTS`]; all if there are none.
    parts: Vec<String>,
    /// Into docs/, and not only onto the screen.
    write: bool,
}

/// Runs it all; what goes wrong is told in one line.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((flag, rest)) if flag == BASELINE => serve_baseline(rest),
        _ => parse(&arguments).and_then(|plan| run(&plan)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Is one of the baselines that others are held against, until it is killed.
fn serve_baseline(arguments: &[String]) -> io::Result<()> {
    let port = |port: &str| port.parse::<u16>().map_err(io::Error::other);
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [files::RECEIVE_AND_WRITE, at, dir] => {
            files::receive_and_write(port(at)?, Path::new(dir), false)
        }
        [files::RECEIVE_WRITE_AND_SYNC, at, dir] => {
            files::receive_and_write(port(at)?, Path::new(dir), true)
        }
        [which, at] => baseline::serve(which, port(at)?),
        _ => Err(io::Error::other(format!("no such baseline: {arguments:?}"))),
    }
}

fn parse(arguments: &[String]) -> io::Result<Plan> {
    let mut options = Options::new();
    options.optflag("", "peers", "beside what people run instead");
    options.optflag("", "comparison", "only the small servers of docs/comparison");
    options.optopt("", "rounds", "how often everything is measured", "N");
    options.optmulti("", "only", "only contenders whose names begin so", "NAME");
    options.optmulti("", "part", &format!("only this part: {}", PARTS.join(", ")), "PART");
    options.optflag("", "write", "write the figures to the documents");
    // What cargo adds.
    options.optflag("", "bench", "");
    let given = options.parse(arguments).map_err(io::Error::other)?;
    let parts = given.opt_strs("part");
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(io::Error::other(format!("there is no part '{unknown}'")));
    }
    Ok(Plan {
        peers: given.opt_present("peers"),
        comparison: given.opt_present("comparison"),
        rounds: given.opt_get_default("rounds", ROUNDS).map_err(io::Error::other)?,
        only: given.opt_strs("only"),
        parts,
        write: given.opt_present("write"),
    })
}

fn run(plan: &Plan) -> io::Result<()> {
    process::pin_load()?;
    interrupt::take()?;
    let mut progress = |line: &str| eprintln!("{line}");
    if plan.comparison {
        return compare(plan, &mut progress);
    }
    let mut all = contenders::own();
    if plan.peers {
        all.extend(contenders::peers());
    }
    let is_wanted = |it: &&dyn Contender| {
        plan.only.is_empty() || plan.only.iter().any(|name| it.name().starts_with(name))
    };
    let mut here: Vec<&dyn Contender> = all.iter().map(|it| &**it).filter(is_wanted).collect();
    here.retain(|contender| {
        let is_installed = contender.version().is_some();
        if !is_installed {
            progress(&format!("{} is not installed, and left out", contender.name()));
        }
        is_installed
    });
    let is_asked = |part: &str| plan.parts.is_empty() || plan.parts.iter().any(|it| it == part);
    let rooms_here = if is_asked("rooms") { &here[..] } else { &[] };
    let rooms = rooms::measure(rooms_here, plan.rounds, &mut progress)?;
    let large_rounds = if is_asked("large") { plan.rounds } else { 0 };
    let large = large::measure(&*all[0], large_rounds, &mut progress)?;
    let large_tls = large::measure(&*all[1], large_rounds, &mut progress)?;
    let large_baseline = large::measure(&*all[2], large_rounds, &mut progress)?;
    let dir = std::env::temp_dir();
    let files = files::measure(&dir, plan.rounds, plan.peers, &is_asked, &mut progress)?;
    let congestion_control = files::congestion_control()?;
    let machine = format!("{}, TCP under {congestion_control}", machine::described()?);
    let rounds = plan.rounds;
    let measured = Measured { machine, rounds, rooms, large, large_tls, large_baseline, files };
    let (text, charts) = measured.written();
    print!("{text}");
    if plan.write { write(&text, &charts) } else { Ok(()) }
}

fn compare(plan: &Plan, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
    let rounds = plan.rounds;
    let table = comparison::measure(rounds, progress)?;
    let machine = machine::described()?;
    let text = format!("Measured on {machine}; medians of {rounds} rounds.\n\n{table}");
    print!("{text}");
    if plan.write { write_into("docs/REPORT.md", COMPARISON_BEGIN, &text) } else { Ok(()) }
}

fn write(text: &str, charts: &[(String, String)]) -> io::Result<()> {
    write_into("docs/BENCHMARKS.md", BEGIN, text)?;
    let folder = machine::repository("docs/charts");
    std::fs::create_dir_all(&folder)?;
    charts.iter().try_for_each(|(name, svg)| std::fs::write(folder.join(name), svg))
}

/// Puts text into a document, in place of what stands between two marks.
fn write_into(path: &str, begin: &str, text: &str) -> io::Result<()> {
    let path = machine::repository(path);
    let document = std::fs::read_to_string(&path)?;
    let parts = document.split_once(begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        return Err(io::Error::other(format!("{} has no place for figures", path.display())));
    };
    std::fs::write(&path, format!("{before}{begin}{text}{END}{after}"))
}
