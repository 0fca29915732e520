//! The small servers of docs/comparison, as contenders.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Contender, Newcomer, Step, first_line};
use crate::machine::repository;
use crate::process::{Process, free_port};

/// A language, and how its program is built and started.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// The source, in docs/comparison.
    source: &'static str,
    /// The compiler, and what makes it tell its version.
    compiler: [&'static str; 2],
    /// Debian's package that has the compiler.
    pub(crate) package: &'static str,
    /// The command that builds it, and the one that runs it before the port: `SOURCES` stands for
    /// docs/comparison, `OUT` for the folder of what is built. None is built where the first is
    /// empty.
    build: &'static str,
    run: &'static str,
}

/// All of them. The first is what the others are held against.
pub(crate) const LANGUAGES: [&Language; 5] = [
    &Language {
        name: "C",
        source: "echo.c",
        compiler: ["gcc", "--version"],
        package: "gcc",
        build: "gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o OUT/echo-c SOURCES/echo.c",
        run: "OUT/echo-c",
    },
    &Language {
        name: "Rust",
        source: "echo.rs",
        compiler: ["rustc", "--version"],
        package: "rustc",
        build: "cargo build -q --release --manifest-path SOURCES/Cargo.toml --target-dir OUT/rust",
        run: "OUT/rust/release/echo",
    },
    &Language {
        name: "Go",
        source: "echo.go",
        compiler: ["go", "version"],
        package: "golang-go",
        build: "go build -o OUT/echo-go SOURCES/echo.go",
        run: "OUT/echo-go",
    },
    &Language {
        name: "Java",
        source: "Echo.java",
        compiler: ["javac", "-version"],
        package: "default-jdk-headless",
        build: "javac -Xlint:all -d OUT SOURCES/Echo.java",
        run: "java -cp OUT Echo",
    },
    &Language {
        name: "Python",
        source: "echo.py",
        compiler: ["python3", "--version"],
        package: "python3",
        build: "",
        run: "python3 SOURCES/echo.py",
    },
];

impl Language {
    fn command(line: &str) -> io::Result<Option<Command>> {
        let sources = sources();
        let out = out()?;
        let place = |word: &str| {
            let (before, after) = word.split_once('/').unwrap_or((word, ""));
            match before {
                "SOURCES" => sources.join(after),
                "OUT" => out.join(after),
                _ => PathBuf::from(word),
            }
        };
        let mut words = line.split(' ').filter(|word| !word.is_empty()).map(place);
        Ok(words.next().map(|program| {
            let mut command = Command::new(program);
            command.args(words);
            command
        }))
    }

    /// Builds the program.
    ///
    /// # Errors
    /// When the compiler refuses; it has said why.
    pub(crate) fn build(&self) -> io::Result<()> {
        let Some(mut command) = Self::command(self.build)? else { return Ok(()) };
        let status = command.status()?;
        let failed = || io::Error::other(format!("{} cannot be built: {status}", self.source));
        status.success().then_some(()).ok_or_else(failed)
    }

    /// Lines of its source that are neither empty nor remarks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn lines_of_code(&self) -> io::Result<usize> {
        let text = std::fs::read_to_string(sources().join(self.source))?;
        let is_remark =
            |line: &str| ["//", "/*", "* ", "#!", "\"\"\""].iter().any(|it| line.starts_with(it));
        Ok(text.lines().map(str::trim).filter(|it| !it.is_empty() && !is_remark(it)).count())
    }
}

/// Where the sources are.
fn sources() -> PathBuf {
    repository("docs/comparison")
}

/// Where the programs are built.
fn out() -> io::Result<PathBuf> {
    let target = std::env::current_exe()?;
    // target/release/deps/speed-…
    let target = target.ancestors().nth(3).unwrap_or(Path::new("target")).join("comparison");
    std::fs::create_dir_all(&target)?;
    Ok(target)
}

/// What a newcomer says, to hear it.
const HELLO: &[u8] = b"hello\n";

impl Contender for Language {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Option<String> {
        let line = first_line(self.compiler[0], self.compiler[1])?;
        let mut words = line.split(' ').filter(|word| word.contains('.'));
        words.next_back().map(|word| word.trim_start_matches("go").into())
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Self::command(self.run)?.ok_or(io::ErrorKind::InvalidInput)?;
        Process::start(command.arg(port.to_string()), port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        HELLO.into()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.pass(HELLO) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        format!("{text}\n").into()
    }
}
