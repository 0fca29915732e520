//! Counts the instructions of the server's hot paths and holds them against bounds
//! (docs/BENCHMARKS.md, "Instruction counts").
//!
//! It runs itself under valgrind's callgrind, once for each path of [`table::PATHS`]. Only what
//! happens inside [`counted_alone`] counts, so getting ready is free. No clock is read: the counts
//! are the same on a busy machine.

mod lines;
mod paths;
mod rig;
mod table;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use table::{HotPath, PATHS};

/// Comes before a path's name, on the command line of the run that is counted.
const WALK: &str = "--walk";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.find(|argument| argument == WALK).and_then(|_| arguments.next());
    if let Some(path) = PATHS.iter().find(|path| Some(path.name) == name.as_deref()) {
        println!("{}", (path.walk)());
        return ExitCode::SUCCESS;
    }
    let mut is_well = true;
    for path in &PATHS {
        match check(path) {
            Ok(line) => println!("{line}"),
            Err(why) => {
                eprintln!("{}: {why}", path.name);
                is_well = false;
            }
        }
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The only place whose instructions are counted. Callgrind finds it by its name, [`COUNTED`].
#[inline(never)]
fn counted_alone<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Pattern of the names that the compiler gives to [`counted_alone`].
const COUNTED: &str = "*counted_alone*";

/// Counts a path, and says how many instructions it takes.
///
/// # Errors
/// When it takes too many, or they can't be counted.
fn check(path: &HotPath) -> io::Result<String> {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind.{}", path.name));
    let count = count(path, &profile)?;
    let HotPath { name, unit, measured, .. } = path;
    let bound = path.bound();
    if count <= bound {
        let what = format!("{count} instructions for each {unit}");
        return Ok(format!("{name:<12} {what} (measured {measured}, bound {bound})"));
    }
    Err(io::Error::other(format!(
        "{count} instructions for each {unit}, more than the bound of {bound} ({measured} were \
         measured). To see where they go: callgrind_annotate {}. If they are worth it, say so in \
         server/benches/instructions/table.rs",
        profile.display()
    )))
}

/// Instructions for each unit of a path; what callgrind writes about them goes to `profile`.
fn count(path: &HotPath, profile: &Path) -> io::Result<u64> {
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--quiet", "--tool=callgrind", &format!("--toggle-collect={COUNTED}")]);
    callgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    let ran = callgrind.arg(std::env::current_exe()?).args([WALK, path.name]).output();
    let ran =
        ran.map_err(|why| io::Error::new(why.kind(), format!("can't run valgrind: {why}")))?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let (true, Ok(units)) = (ran.status.success(), said.trim().parse::<u64>()) else {
        let why = String::from_utf8_lossy(&ran.stderr);
        return Err(io::Error::other(format!("it failed under valgrind ({}): {why}", ran.status)));
    };
    let text = std::fs::read_to_string(profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    match total {
        Some(total) if total > 0 => Ok(u64::div_ceil(total, units)),
        _ => Err(io::Error::other("callgrind has counted nothing")),
    }
}
