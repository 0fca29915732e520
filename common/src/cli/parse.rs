//! Sets options from the arguments, the environment and the configuration file, in this order of
//! precedence. A value that is overridden is not checked.

use std::ffi::OsString;

use getopts::{Matches, Options, ParsingStyle};

use super::value::yes_or_no;
use super::{
    Command, Error, GENERATED, Opt, Origin, Parsed, Program, Set, Setting, Sources, Take, config,
};

/// A value, and the place where it was found.
struct Found {
    place: String,
    value: String,
    origin: Origin,
}

impl<T> Program<T> {
    /// Sets `options` from the arguments (without the program's name) and from the other sources.
    ///
    /// # Errors
    /// The first mistake, in one line, with its place.
    pub fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
        sources: &Sources<'_>,
        options: T,
    ) -> Result<Parsed<T>, Error> {
        self.parse_explained(arguments, sources, options).map(|(parsed, _)| parsed)
    }

    /// The same, and each option outside of commands with the value that holds, in the order of the
    /// table. There are none if there is something to print.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_explained(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
        sources: &Sources<'_>,
        mut options: T,
    ) -> Result<(Parsed<T>, Vec<Setting>), Error> {
        let mut raw = Raw::default();
        let texts: Vec<String> = arguments.into_iter().map(|it| raw.text_of(it)).collect();
        // What follows a command belongs to it.
        let before = self.getopts(None, ParsingStyle::StopAtFirstFree).parse(texts);
        let before = before.map_err(|why| self.usage(why.to_string()))?;
        if let Some(text) = self.built_in(&before, None)? {
            return Ok((Parsed::Print(text), Vec::new()));
        }
        let (command, behind) = match before.free.split_first() {
            None => (None, None),
            Some((word, _)) if word.starts_with(Raw::MARK) => {
                return Err(self.not_text(raw.argument(word.clone())));
            }
            Some((word, rest)) => {
                let command = self.command(word)?;
                let behind = self.getopts(Some(command), ParsingStyle::FloatingFrees).parse(rest);
                let behind = behind.map_err(|why| self.usage(why.to_string()))?;
                if let Some(text) = self.built_in(&behind, Some(command))? {
                    return Ok((Parsed::Print(text), Vec::new()));
                }
                (Some(command), Some(behind))
            }
        };
        let matches: Vec<&Matches> =
            [Some(&before), behind.as_ref()].into_iter().flatten().collect();
        self.expect_text(&matches, command, &raw)?;
        let settings = self.set_options(&matches, sources, &mut options)?;
        if let (Some(command), Some(behind)) = (command, behind) {
            self.take_arguments(command, behind, &raw, &mut options)?;
        }
        Ok((Parsed::Run(options), settings))
    }

    /// Sets a command's own options, and passes it its arguments.
    fn take_arguments(
        &self,
        command: &Command<T>,
        behind: Matches,
        raw: &Raw,
        options: &mut T,
    ) -> Result<(), Error> {
        for option in command.options {
            if let Some(found) = self.given(option, &[&behind])? {
                self.set(option, &found, options)?;
            }
        }
        let taken = match command.take {
            Take::Words(take) => take(options, behind.free),
            Take::Files(take) => {
                let files = behind.free.into_iter().map(|text| raw.argument(text));
                take(options, files.collect())
            }
        };
        taken.map_err(|why| self.usage(why))
    }

    fn usage(&self, why: String) -> Error {
        Error::Usage { program: self.name, why: one_line(&why) }
    }

    fn not_text(&self, raw: OsString) -> Error {
        self.usage(format!("{raw:?} is not UTF-8"))
    }

    /// Refuses arguments that are not UTF-8, except file names.
    fn expect_text(
        &self,
        matches: &[&Matches],
        command: Option<&Command<T>>,
        raw: &Raw,
    ) -> Result<(), Error> {
        let takes_files = command.is_some_and(|command| matches!(command.take, Take::Files(_)));
        let known = self.options_behind(command).into_iter().map(|(option, _)| option.long);
        let known: Vec<&str> = known.collect();
        for matches in matches {
            let values = known.iter().filter(|long| matches.opt_defined(long));
            let values = values.filter_map(|long| matches.opt_str(long));
            let frees = matches.free.iter().filter(|_| !takes_files).cloned();
            if let Some(text) = values.chain(frees).find(|text| text.starts_with(Raw::MARK)) {
                return Err(self.not_text(raw.argument(text)));
            }
        }
        Ok(())
    }

    fn command(&self, word: &str) -> Result<&Command<T>, Error> {
        if self.commands.is_empty() {
            return Err(self.usage(format!("unexpected argument '{word}'")));
        }
        let named = self.commands.iter().find(|command| command.name == word);
        named.ok_or_else(|| self.usage(format!("there is no command '{word}'")))
    }

    /// The text that a built-in option asks for.
    fn built_in(
        &self,
        matches: &Matches,
        command: Option<&Command<T>>,
    ) -> Result<Option<String>, Error> {
        if matches.opt_present("help") {
            return Ok(Some(command.map_or_else(|| self.help(), |command| self.help_of(command))));
        }
        if matches.opt_present("version") {
            return Ok(Some(format!("{} {}\n", self.name, self.version)));
        }
        match matches.opt_str("generate").as_deref() {
            None => Ok(None),
            Some("man") => Ok(Some(self.man_page())),
            Some("bash") => Ok(Some(self.bash())),
            Some("zsh") => Ok(Some(self.zsh())),
            Some("fish") => Ok(Some(self.fish())),
            Some(other) => {
                let kinds = GENERATED.join(", ");
                Err(self.usage(format!("--generate '{other}': must be one of {kinds}")))
            }
        }
    }

    /// The parser of the program's options and, after a command, of that command's own.
    fn getopts(&self, command: Option<&Command<T>>, style: ParsingStyle) -> Options {
        let mut parser = Options::new();
        parser.parsing_style(style);
        for (option, short) in self.options_behind(command) {
            option.add_to(&mut parser, short);
        }
        parser
    }

    fn set_options(
        &self,
        matches: &[&Matches],
        sources: &Sources<'_>,
        options: &mut T,
    ) -> Result<Vec<Setting>, Error> {
        let file = self.config_file(matches, sources)?;
        let mut settings = Vec::new();
        for option in self.options {
            let found = match self.given_or_in_environment(option, matches, sources)? {
                Some(found) => Some(found),
                None => file.as_ref().and_then(|file| in_file(option, file)),
            };
            if let Some(found) = &found {
                self.set(option, found, options)?;
            }
            if option.is_setting() {
                settings.push(option.setting(found));
            }
        }
        Ok(settings)
    }

    /// The configuration file, if the program has one and it exists.
    fn config_file(
        &self,
        matches: &[&Matches],
        sources: &Sources<'_>,
    ) -> Result<Option<config::File>, Error> {
        if self.config.is_none() {
            return Ok(None);
        }
        let mut named = self.options.iter().filter(|it| matches!(it.set, Set::ConfigFile(_)));
        let path = match named.next() {
            Some(option) => self.given_or_in_environment(option, matches, sources)?,
            None => None,
        };
        let file = (sources.config)(path.as_ref().map(|found| &found.value[..]))?;
        file.iter().try_for_each(|file| self.expect_known(file))?;
        Ok(file)
    }

    /// Every key of the file must be an option, so that a typing error is noticed.
    fn expect_known(&self, file: &config::File) -> Result<(), Error> {
        for entry in &file.entries {
            let option = self.options.iter().find(|option| option.long == entry.key);
            let why = match option.map(|option| &option.set) {
                None => format!("there is no option '{}'", entry.key),
                Some(Set::Action(_) | Set::ConfigFile(_)) => {
                    format!("'{}' cannot be set in a file", entry.key)
                }
                Some(_) => continue,
            };
            return Err(Error::Setting(format!("{}:{}: {why}", file.path, entry.line)));
        }
        Ok(())
    }

    fn given_or_in_environment(
        &self,
        option: &Opt<T>,
        matches: &[&Matches],
        sources: &Sources<'_>,
    ) -> Result<Option<Found>, Error> {
        match self.given(option, matches)? {
            Some(found) => Ok(Some(found)),
            None => self.in_environment(option, sources),
        }
    }

    /// The value on the command line.
    fn given(&self, option: &Opt<T>, matches: &[&Matches]) -> Result<Option<Found>, Error> {
        let mut given = matches.iter().filter(|matches| matches.opt_present(option.long));
        let Some(first) = given.next() else { return Ok(None) };
        if given.next().is_some() {
            return Err(self.usage(format!("Option '{}' given more than once", option.long)));
        }
        let value = first.opt_str(option.long).unwrap_or_else(|| "yes".into());
        let place = format!("--{}", option.long);
        Ok(Some(Found { place, value, origin: Origin::CommandLine }))
    }

    /// The value in the environment. An empty variable sets nothing. One that an orchestrator has
    /// set for a service of the same name is not meant for us.
    fn in_environment(
        &self,
        option: &Opt<T>,
        sources: &Sources<'_>,
    ) -> Result<Option<Found>, Error> {
        let Some(place) = self.variable(option) else { return Ok(None) };
        let value = (sources.variable)(&place).filter(|value| !value.is_empty());
        let Some(value) = value else { return Ok(None) };
        match value.into_string() {
            Ok(value) if is_service(&value) => {
                let text = format!(
                    "{place} '{value}' is ignored: it is a service's address, not a setting \
                     (--{} sets it)",
                    option.long
                );
                (sources.warn)(&one_line(&text));
                Ok(None)
            }
            Ok(value) => Ok(Some(Found { place, value, origin: Origin::Environment })),
            Err(raw) => Err(Error::Setting(format!("{place} {raw:?}: is not UTF-8"))),
        }
    }

    fn set(&self, option: &Opt<T>, found: &Found, options: &mut T) -> Result<(), Error> {
        let Found { place, value, origin } = found;
        let result = match &option.set {
            Set::Flag(set) => yes_or_no(value).map(|on| set(options, on)),
            Set::Action(set) => {
                set(options);
                Ok(())
            }
            Set::Value(set) | Set::ConfigFile(set) => set(options, value),
            Set::ValueFrom(set) => set(options, value, *origin),
            Set::BuiltIn => Ok(()),
        };
        result.map_err(|why| match origin {
            Origin::CommandLine => self.usage(format!("{place} '{value}': {why}")),
            Origin::Environment => Error::Setting(one_line(&format!("{place} '{value}': {why}"))),
            Origin::File => {
                Error::Setting(one_line(&format!("{place}: {} '{value}': {why}", option.long)))
            }
        })
    }
}

/// True for a value such as `tcp://10.0.0.7:9000`, which Kubernetes and Docker put into `NAME_PORT`
/// in every container that can reach a service `name`. No option accepts such a value.
fn is_service(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
}

/// Keeps arguments that are not UTF-8 while the others are parsed. In their place stands a mark
/// with a NUL, which no argument can contain.
#[derive(Default)]
struct Raw(Vec<OsString>);

impl Raw {
    const MARK: char = '\0';

    fn text_of(&mut self, argument: OsString) -> String {
        argument.into_string().unwrap_or_else(|raw| {
            self.0.push(raw);
            format!("{}{}", Self::MARK, self.0.len() - 1)
        })
    }

    /// The argument that a mark stands for; any other text is the argument itself.
    fn argument(&self, text: String) -> OsString {
        let number = text.strip_prefix(Self::MARK).and_then(|number| number.parse::<usize>().ok());
        number.and_then(|number| self.0.get(number).cloned()).unwrap_or_else(|| text.into())
    }
}

/// Replaces control characters, so that no argument can break the line of a message or act on the
/// terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The value in the configuration file.
fn in_file<T>(option: &Opt<T>, file: &config::File) -> Option<Found> {
    let entry = file.entries.iter().find(|entry| entry.key == option.long)?;
    let place = format!("{}:{}", file.path, entry.line);
    Some(Found { place, value: entry.value.clone(), origin: Origin::File })
}

impl<T> Opt<T> {
    /// What holds for it.
    fn setting(&self, found: Option<Found>) -> Setting {
        let (value, place) = match found {
            Some(Found { value, place, .. }) => (value, Some(place)),
            None if self.is_switch() => ("no".to_owned(), None),
            None => (self.default.to_owned(), None),
        };
        Setting { option: self.long, value, place }
    }

    fn add_to(&self, parser: &mut Options, short: Option<char>) {
        let short = short.map(String::from).unwrap_or_default();
        match &self.set {
            _ if !self.is_flag() => parser.optopt(&short, self.long, self.does, self.hint),
            // It may be set elsewhere, so the command line must be able to turn it off. A flag with
            // a short name cannot have a value: that would swallow the next argument.
            Set::Flag(_) if short.is_empty() => parser.optflagopt("", self.long, self.does, "no"),
            _ => parser.optflag(&short, self.long, self.does),
        };
    }
}
