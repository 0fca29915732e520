//! One run: what is measured is chosen, measured and written down.

use std::io;
use std::process::ExitCode;

use getopts::Options;

use crate::contenders::{self, Contender};
use crate::report::Measured;
use crate::{floor, large, machine, process, rooms};

/// Rounds unless told otherwise.
const ROUNDS: usize = 3;

/// What the figures stand between in docs/BENCHMARKS.md.
const BEGIN: &str = "<!-- figures: written by make bench-peers WRITE=1 -->\n";
const END: &str = "<!-- end of figures -->\n";

/// What is asked for.
struct Plan {
    peers: bool,
    rounds: usize,
    /// Only contenders whose names begin so; all if there are none.
    only: Vec<String>,
    /// Into docs/, and not only onto the screen.
    write: bool,
}

/// Runs it all; what goes wrong is told in one line.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [flag, which, port] if flag == "--floor" => match port.parse() {
            Ok(port) => floor::serve(which, port),
            Err(why) => Err(io::Error::other(why)),
        },
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

fn parse(arguments: &[String]) -> io::Result<Plan> {
    let mut options = Options::new();
    options.optflag("", "peers", "beside what people run instead");
    options.optopt("", "rounds", "how often everything is measured", "N");
    options.optmulti("", "only", "only contenders whose names begin so", "NAME");
    options.optflag("", "write", "write the figures to docs/BENCHMARKS.md");
    // What cargo adds.
    options.optflag("", "bench", "");
    let given = options.parse(arguments).map_err(io::Error::other)?;
    Ok(Plan {
        peers: given.opt_present("peers"),
        rounds: given.opt_get_default("rounds", ROUNDS).map_err(io::Error::other)?,
        only: given.opt_strs("only"),
        write: given.opt_present("write"),
    })
}

fn run(plan: &Plan) -> io::Result<()> {
    process::pin_load()?;
    let mut progress = |line: &str| eprintln!("{line}");
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
    let rooms = rooms::measure(&here, plan.rounds, &mut progress);
    let large = large::measure(&*all[0], plan.rounds, &mut progress)?;
    let measured = Measured { machine: machine::described()?, rounds: plan.rounds, rooms, large };
    let (text, charts) = measured.written();
    print!("{text}");
    if plan.write { write(&text, &charts) } else { Ok(()) }
}

fn write(text: &str, charts: &[(String, String)]) -> io::Result<()> {
    let path = machine::repository("docs/BENCHMARKS.md");
    let document = std::fs::read_to_string(&path)?;
    let parts = document.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        return Err(io::Error::other(format!("{} has no place for figures", path.display())));
    };
    std::fs::write(&path, format!("{before}{BEGIN}{text}{END}{after}"))?;
    let folder = machine::repository("docs/charts");
    std::fs::create_dir_all(&folder)?;
    charts.iter().try_for_each(|(name, svg)| std::fs::write(folder.join(name), svg))
}
