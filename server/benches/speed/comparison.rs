//! The small servers of docs/comparison, one in each of five languages: built, held against the
//! rules of its README.md, and measured with the same crowd as everything else.

use std::io;

use crate::contenders::language::{LANGUAGES, Language};
use crate::contenders::{self, Contender};
use crate::interrupt;
use crate::report::table;
use crate::rooms::{self, WORKS};
use crate::rules;
use crate::spread::{Spread, number};

/// Which of [`WORKS`]: many lines at once, one at a time, and a large room.
const MEASURED: [usize; 3] = [0, 1, 3];

/// What was measured of one server.
struct Results<'a> {
    contender: &'a dyn Contender,
    lines_of_code: Option<usize>,
    /// CPU time for each delivery in microseconds, for each of [`MEASURED`].
    cpu_us: [Vec<f64>; MEASURED.len()],
    /// The most memory that it had, with 100 members and with 1,000, in bytes.
    peak_bytes: [Vec<f64>; 2],
}

/// Builds, checks and measures them; returns a table, in Markdown.
///
/// # Errors
/// When a program cannot be built, breaks a rule, or cannot be measured.
pub(crate) fn measure(rounds: usize, progress: &mut dyn FnMut(&str)) -> io::Result<String> {
    let ours = contenders::own().swap_remove(0);
    let mut all = Vec::new();
    for language in LANGUAGES {
        if language.version().is_none() {
            let Language { name, package, .. } = language;
            progress(&format!("{name} is left out: install {package} (Debian's package)"));
            continue;
        }
        progress(&format!("{} is built and checked", language.name));
        language.build()?;
        rules::check(language)
            .map_err(|why| io::Error::other(format!("{}: {why}", language.name)))?;
        all.push(Results::of(language, Some(language.lines_of_code()?)));
    }
    all.push(Results::of(&*ours, None));
    for round in 1..=rounds {
        for members in [100, 1000] {
            for results in &mut all {
                let name = results.contender.name();
                progress(&format!("round {round} of {rounds}: {members} members, {name}"));
                results.round(members)?;
                interrupt::check()?;
            }
        }
    }
    Ok(written(&all))
}

impl<'a> Results<'a> {
    fn of(contender: &'a dyn Contender, lines_of_code: Option<usize>) -> Self {
        Self {
            contender,
            lines_of_code,
            cpu_us: Default::default(),
            peak_bytes: Default::default(),
        }
    }

    fn round(&mut self, members: usize) -> io::Result<()> {
        let process = self.contender.start(members)?;
        let (mut crowd, _) = rooms::arrive(self.contender, &process, members)?;
        for (cpu_us, work) in self.cpu_us.iter_mut().zip(MEASURED.map(|work| WORKS[work])) {
            if work.members == members {
                cpu_us.push(rooms::sample(&mut crowd, &process, work)?.cpu_us);
            }
        }
        self.peak_bytes[usize::from(members > 100)].push(process.peak_memory()? as f64);
        Ok(())
    }
}

fn written(all: &[Results<'_>]) -> String {
    let head = [
        "",
        "version",
        "lines of code",
        "memory, MiB: 100, 1,000 clients",
        "CPU, µs: 100 clients, 64 lines in flight",
        "100 clients, 1 line",
        "1,000 clients, 16 lines",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
    for results in all {
        let peaks = results.peak_bytes.iter().filter_map(|peaks| median(peaks));
        let peaks: Vec<String> = peaks.map(|bytes| number(bytes / crate::measured::MIB)).collect();
        let mut row = vec![
            results.contender.name().to_owned(),
            results.contender.version().unwrap_or_default().replace("chatshelf-server ", ""),
            results.lines_of_code.map_or(String::new(), |lines| lines.to_string()),
            peaks.join(", "),
        ];
        for (work, cpu_us) in results.cpu_us.iter().enumerate() {
            // Ratios to the first, for machines differ more than programs do.
            let first = median(&all[0].cpu_us[work]);
            let cell = median(cpu_us).zip(first);
            row.push(cell.map_or(String::new(), |(cpu, first)| {
                format!("{} (× {})", number(cpu), number(cpu / first))
            }));
        }
        rows.push(row);
    }
    table(&rows)
}
