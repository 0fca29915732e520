//! The log: one line on standard error for each message, as text or as JSON, at a level that can
//! change while the server runs.
//!
//! Owns how a line is written. Whatever a message contains, it stays one line: nobody can forge
//! another with a name or a path.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use chatshelf_common::json;
use env_logger::fmt::Formatter;
use env_logger::{Builder, Logger};
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

/// The variable by which modules get levels of their own, as `info,chatshelf_server::disk=debug`.
const DIRECTIVES: &str = "RUST_LOG";

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
    /// The least important level that is logged.
    pub level: LevelFilter,
    /// The level overrides the directives of `RUST_LOG`.
    pub overrides: bool,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, module, message.
    Text,
    /// For programs: an object with `time`, `level`, `target`, `message`, and what the message is
    /// about in fields of its own.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// Logs as these settings say, from now on.
pub fn apply(settings: LogSettings) {
    let logger = settings.logger();
    log::set_max_level(logger.filter());
    *LOGGER.0.write().unwrap_or_else(PoisonError::into_inner) = Some(logger);
    // It fails if it has been set already: then the new settings hold by now.
    let _ = log::set_logger(&LOGGER);
}

/// The process's logger.
static LOGGER: Reloadable = Reloadable(RwLock::new(None));

/// A logger that can be replaced by another. A level that is off costs what it always does: the
/// `log` crate compares it with a number before it asks any logger.
struct Reloadable(RwLock<Option<Logger>>);

impl Reloadable {
    fn current(&self) -> RwLockReadGuard<'_, Option<Logger>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Reloadable {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.current().as_ref().is_some_and(|logger| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(logger) = self.current().as_ref() {
            logger.log(record);
        }
    }

    fn flush(&self) {}
}

impl LogSettings {
    fn logger(self) -> Logger {
        let mut builder = Builder::new();
        let directives = std::env::var(DIRECTIVES).ok().filter(|text| !text.is_empty());
        match directives.filter(|_| !self.overrides) {
            Some(directives) => builder.parse_filters(&directives),
            None => builder.filter_level(self.level),
        };
        match self.format {
            LogFormat::Text => builder.format(write_text),
            LogFormat::Json => builder.format(write_json),
        };
        builder.build()
    }
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, level, target) = (out.timestamp(), record.level(), record.target());
    let style = out.default_level_style(level);
    write!(out, "[{time} {style}{level:<5}{style:#} {target}] ")?;
    writeln!(out, "{}", escaped(&record.args().to_string()))
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, level) = (out.timestamp_millis(), record.level().as_str().to_lowercase());
    let mut line = format!("{{\"time\":\"{time}\",\"level\":\"{level}\"");
    let mut fields = JsonFields(&mut line);
    fields.text("target", record.target());
    fields.text("message", &record.args().to_string());
    record.key_values().visit(&mut fields).map_err(io::Error::other)?;
    writeln!(out, "{line}}}")
}

/// Writes members of a JSON object.
struct JsonFields<'a>(&'a mut String);

impl JsonFields<'_> {
    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(&json::string(value));
    }

    fn key(&mut self, key: &str) {
        let key = json::string(key);
        // Writing to a string cannot fail.
        let _ = write!(self.0, ",{key}:");
    }
}

impl<'kvs> VisitSource<'kvs> for JsonFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match value.to_u64() {
            Some(number) => {
                self.key(key.as_str());
                self.0.push_str(&number.to_string());
            }
            None => self.text(key.as_str(), &value.to_string()),
        }
        Ok(())
    }
}

/// Replaces what could end a line, act on a terminal or reorder what is shown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// True for control characters, line and paragraph separators, and what changes the direction of
/// text.
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use log::kv::Source;

    use super::*;

    #[test]
    fn a_line_stays_one_line_whatever_it_contains() {
        let nasty = "a\nb\r\t\u{1b}[2J\u{7f}\u{9b}\u{2028}\u{202e}";
        assert_eq!(escaped(nasty), "a\\nb\\r\\t\\u{1b}[2J\\u{7f}\\u{9b}\\u{2028}\\u{202e}");
        assert_eq!(escaped("Grüße, \"C:\\x\""), "Grüße, \"C:\\x\"");
    }

    #[test]
    fn fields_are_numbers_or_strings() {
        let mut line = String::new();
        let fields: [(&str, Value<'_>); 3] =
            [("item", 3_u64.into()), ("nick", "a\"b".into()), ("limit", (-1_i64).into())];
        fields[..].visit(&mut JsonFields(&mut line)).unwrap();
        assert_eq!(line, ",\"item\":3,\"nick\":\"a\\\"b\",\"limit\":\"-1\"");
    }
}
