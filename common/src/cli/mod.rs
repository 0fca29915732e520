//! The table of a program's options, and everything that is generated from it: the parser,
//! `--help`, names in the environment and in the configuration file, the man page, and shell
//! completions. So none of them can differ from the others.
//!
//! Owns the layout and the words around the table; what an option does is a function in the
//! program's own table. Never reads the environment or opens a file: a program passes in where to
//! look ([`Sources`]) and gets back a text to print, or its options with their values
//! ([`Program::parse`]).
//!
//! ```
//! use chatshelf_common::cli::{Sources, Opt, Parsed, Program, value::number};
//!
//! #[derive(Default)]
//! struct Settings { port: u16 }
//! static PROGRAM: Program<Settings> = Program {
//!     options: &[Opt::value("port", "N", "port to listen on", |settings: &mut Settings, text| {
//!         number(text, 1..=65535).map(|port| settings.port = port)
//!     }).short('p').default("9000")],
//!     environment: Some("DEMO_"),
//!     ..Program::new("demo", "1.0", "demonstrates")
//! };
//! let parse = |argument: &str| {
//!     PROGRAM.parse([argument.into()], &Sources::NOTHING, Settings::default())
//! };
//! assert!(matches!(parse("-p80"), Ok(Parsed::Run(Settings { port: 80 }))));
//! assert!(matches!(parse("--help"), Ok(Parsed::Print(help)) if help.contains("DEMO_PORT")));
//! assert_eq!(parse("--port=0").err().unwrap().to_string(),
//!     "--port '0': must be a number from 1 to 65535 (demo --help lists the options)");
//! ```

mod completions;
pub mod config;
mod help;
mod man;
mod parse;
#[cfg(test)]
mod tests;
mod text;
pub mod value;

use std::ffi::OsString;
use std::fmt;

/// Sets one thing from a text, or says what the text must be, as half a sentence that follows
/// `--option 'text': `.
pub type SetValue<T> = fn(&mut T, &str) -> Result<(), String>;

/// The same, for a value whose meaning depends on where another one was set.
pub type SetValueFrom<T> = fn(&mut T, &str, Origin) -> Result<(), String>;

/// Where a value was set. A place that overrides another is less than it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// On the command line.
    CommandLine,
    /// By a variable of the environment.
    Environment,
    /// In the configuration file.
    File,
}

/// A program: its name, options and commands. `T` is what the options set.
#[derive(Debug)]
pub struct Program<T: 'static> {
    /// The name that runs it.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it does, as the half line after its name at the top of a man page.
    pub does: &'static str,
    /// What it does, in a few sentences.
    pub about: &'static str,
    /// Its options, in the order in which they are shown. `--help`, `--version` and `--generate`
    /// are added.
    pub options: &'static [Opt<T>],
    /// What it can do instead of its usual work.
    pub commands: &'static [Command<T>],
    /// What the name of an option's variable begins with, if the environment can set options.
    pub environment: Option<&'static str>,
    /// The path of its configuration file, for people to read, if it has one.
    pub config: Option<&'static str>,
    /// Further sections of the help.
    pub sections: &'static [Section],
    /// Related man pages, as `name(1)`.
    pub see_also: &'static [&'static str],
}

/// One option.
#[derive(Debug)]
pub struct Opt<T> {
    long: &'static str,
    short: Option<char>,
    /// Stands for the value in the help; empty for a flag.
    hint: &'static str,
    does: &'static str,
    default: &'static str,
    /// The default is a value that the option accepts, not a description.
    default_is_value: bool,
    completes: Completes,
    set: Set<T>,
}

#[derive(Debug)]
enum Set<T> {
    Flag(fn(&mut T, bool)),
    /// A flag that only the command line can set.
    Action(fn(&mut T)),
    Value(SetValue<T>),
    ValueFrom(SetValueFrom<T>),
    /// The path of the configuration file, which the file itself cannot set.
    ConfigFile(SetValue<T>),
    /// Means the same in every program, and is handled here.
    BuiltIn,
}

/// What a shell offers to complete a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completes {
    /// Nothing.
    Nothing,
    /// These words.
    Words(&'static [&'static str]),
    /// File names.
    Files,
    /// Directory names.
    Directories,
    /// Host names.
    Hosts,
}

/// Something that a program does instead of its usual work.
#[derive(Debug)]
pub struct Command<T: 'static> {
    /// The word that selects it.
    pub name: &'static str,
    /// Its arguments as the help shows them; empty for none.
    pub arguments: &'static str,
    /// What it does, in half a line.
    pub does: &'static str,
    /// What it does, in a few sentences.
    pub about: &'static str,
    /// Options that only it has. They are accepted after its name only.
    pub options: &'static [Opt<T>],
    /// What a shell offers to complete its arguments.
    pub completes: Completes,
    /// Takes its arguments after all options are set, or says what is wrong, as a sentence.
    pub take: Take<T>,
}

/// The function that takes the arguments of a command.
#[derive(Debug)]
pub enum Take<T> {
    /// Texts.
    Words(fn(&mut T, Vec<String>) -> Result<(), String>),
    /// File names, which need not be UTF-8.
    Files(fn(&mut T, Vec<OsString>) -> Result<(), String>),
}

/// A part of the help and of the man page.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its content.
    pub blocks: &'static [Block],
}

/// A piece of a section.
#[derive(Debug)]
pub enum Block {
    /// Sentences.
    Text(&'static str),
    /// Lines, shown as they are.
    Lines(&'static str),
    /// Terms and what they mean.
    Table(&'static [(&'static str, &'static str)]),
}

/// Finds and reads the configuration file, or says why it cannot be read. It gets the path that an
/// option made by [`Opt::config_file`] has been given.
pub type FindConfig<'a> = dyn Fn(Option<&str>) -> Result<Option<config::File>, Error> + 'a;

/// Where options can be set, other than on the command line.
pub struct Sources<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The configuration file; called only if it matters.
    pub config: &'a FindConfig<'a>,
    /// Told, in one line, of settings that are ignored without being mistakes.
    pub warn: &'a dyn Fn(&str),
}

impl Sources<'_> {
    /// No other source than the command line.
    pub const NOTHING: Self = Self { variable: &|_| None, config: &|_| Ok(None), warn: &|_| () };
}

/// What a program is to do.
#[derive(Debug)]
pub enum Parsed<T> {
    /// Print this and exit.
    Print(String),
    /// Do its work.
    Run(T),
}

/// An option with the value that holds, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option's long name.
    pub option: &'static str,
    /// The value as it was given, or the description of the default.
    pub value: String,
    /// Where it was given, as `--port`, `DEMO_PORT` or `/etc/demo:3`; none for the default.
    pub place: Option<String>,
}

/// What is wrong with the arguments or settings, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The command line is wrong.
    Usage {
        /// The program that was called.
        program: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A setting from another source is wrong: where, and what.
    Setting(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { program, why } => {
                write!(f, "{why} ({program} --help lists the options)")
            }
            Self::Setting(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl<T> Program<T> {
    /// A program without options.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str, does: &'static str) -> Self {
        Self {
            name,
            version,
            does,
            about: "",
            options: &[],
            commands: &[],
            environment: None,
            config: None,
            sections: &[],
            see_also: &[],
        }
    }

    /// The options that every program has.
    const BUILT_IN: &'static [Opt<T>] = &[
        Opt::built_in(
            "generate",
            "KIND",
            "print the man page or a shell's completions: man, bash, zsh, fish",
        )
        .completes(Completes::Words(GENERATED)),
        Opt::built_in("help", "", "show this and exit").short('h'),
        Opt::built_in("version", "", "show the version and exit").short('V'),
    ];

    /// Its own options, and those that every program has.
    fn all_options(&self) -> impl Iterator<Item = &Opt<T>> {
        self.options.iter().chain(Self::BUILT_IN)
    }

    /// Each option whose default is a value that it accepts, by its long name. Without the option,
    /// a program must do what it does with that value; a program's tests can check this.
    pub fn defaults(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let with_value = self.options.iter().filter(|option| option.default_is_value);
        with_value.map(|option| (option.long, option.default))
    }

    /// The variables that can set options, for tests that compare a document with them.
    pub fn variables(&self) -> impl Iterator<Item = String> {
        self.options.iter().filter_map(|option| self.variable(option))
    }

    /// The options that are accepted after a command (or without one), each with its short name
    /// there: a command's own option takes a short name from a global one.
    fn options_behind(&self, command: Option<&Command<T>>) -> Vec<(&Opt<T>, Option<char>)> {
        let own = command.map_or(&[][..], |command| command.options);
        let is_free = |short: &char| own.iter().all(|option| option.short != Some(*short));
        let global = self.all_options().map(|option| (option, option.short.filter(is_free)));
        own.iter().map(|option| (option, option.short)).chain(global).collect()
    }

    /// The variable that can set an option.
    fn variable(&self, option: &Opt<T>) -> Option<String> {
        let prefix = self.environment.filter(|_| option.is_setting())?;
        Some(format!("{prefix}{}", option.long.to_uppercase().replace('-', "_")))
    }
}

/// The values that `--generate` accepts.
const GENERATED: &[&str] = &["man", "bash", "zsh", "fish"];

impl<T> Opt<T> {
    const fn new(long: &'static str, hint: &'static str, does: &'static str, set: Set<T>) -> Self {
        let (short, default, completes) = (None, "", Completes::Nothing);
        Self { long, short, hint, does, default, default_is_value: false, completes, set }
    }

    const fn built_in(long: &'static str, hint: &'static str, does: &'static str) -> Self {
        Self::new(long, hint, does, Set::BuiltIn)
    }

    /// An option without a value, which is on when it is given.
    pub const fn flag(long: &'static str, does: &'static str, set: fn(&mut T, bool)) -> Self {
        Self::new(long, "", does, Set::Flag(set))
    }

    /// The same for what is done once, when it is asked for: neither the environment nor the
    /// configuration file can set it.
    pub const fn action(long: &'static str, does: &'static str, set: fn(&mut T)) -> Self {
        Self::new(long, "", does, Set::Action(set))
    }

    /// An option whose value is the path of the configuration file ([`Sources::config`]).
    pub const fn config_file(
        long: &'static str,
        hint: &'static str,
        does: &'static str,
        set: SetValue<T>,
    ) -> Self {
        Self::new(long, hint, does, Set::ConfigFile(set)).completes(Completes::Files)
    }

    /// An option with a value, which the help shows as `hint`.
    pub const fn value(
        long: &'static str,
        hint: &'static str,
        does: &'static str,
        set: SetValue<T>,
    ) -> Self {
        Self::new(long, hint, does, Set::Value(set))
    }

    /// The same, for a value whose meaning depends on where another one was set. Options are set in
    /// the order of the table.
    pub const fn value_from(
        long: &'static str,
        hint: &'static str,
        does: &'static str,
        set: SetValueFrom<T>,
    ) -> Self {
        Self::new(long, hint, does, Set::ValueFrom(set))
    }

    /// The same, with a short name.
    #[must_use]
    pub const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    /// The same, with the value that holds by default: this shows it, and does not set it.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        (self.default, self.default_is_value) = (value, true);
        self
    }

    /// The same, with a description of the default.
    #[must_use]
    pub const fn otherwise(mut self, words: &'static str) -> Self {
        (self.default, self.default_is_value) = (words, false);
        self
    }

    /// The same, with what a shell offers to complete it.
    #[must_use]
    pub const fn completes(mut self, completes: Completes) -> Self {
        self.completes = completes;
        self
    }

    const fn is_flag(&self) -> bool {
        self.hint.is_empty()
    }

    /// True for a flag that can be set in other places than the command line.
    const fn is_switch(&self) -> bool {
        matches!(self.set, Set::Flag(_))
    }

    /// True for what the environment can set as well.
    const fn is_setting(&self) -> bool {
        !matches!(self.set, Set::BuiltIn | Set::Action(_))
    }
}
