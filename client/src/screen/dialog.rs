//! Questions and overlays above the room: their texts. Owns what an open one needs to be answered;
//! `keys` has what the answers do.

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::text::Nick;

use super::editor::Editor;
use super::paste::Question;
use super::wrap::padded;
use crate::app::format;
use crate::command::HELP;
use crate::lang::{self, tr};
use crate::text::shown;

/// The dialog that is open.
#[derive(Debug)]
pub(super) enum Dialog {
    /// Which name?
    Name(NameQuestion),
    /// Is this the server's key?
    Key(KeyQuestion),
    /// The password?
    Password(PasswordQuestion),
    /// Leave?
    Quit,
    /// What is to become of a paste?
    Pasted(Question),
    /// Commands and keys, from this row on.
    Help(usize),
}

/// A server's key, and the word that is being typed: what was typed before stays in the input.
#[derive(Debug)]
pub(super) struct KeyQuestion {
    pub(super) key: Fingerprint,
    pub(super) editor: Editor,
}

/// A name that is being typed.
#[derive(Debug, Default)]
pub(super) struct NameQuestion {
    pub(super) editor: Editor,
    /// Why the last name was refused.
    pub(super) why: Option<String>,
    /// A name that is free.
    pub(super) suggestion: Option<Nick>,
}

/// A password that is being typed, which is not shown.
#[derive(Debug)]
pub(super) struct PasswordQuestion {
    pub(super) editor: Editor,
    /// Why it is wanted.
    pub(super) why: String,
    /// It is the room's: what is typed before that is verified must not be taken for talk.
    pub(super) is_rooms: bool,
    /// It is being verified.
    pub(super) is_sent: bool,
}

/// Keys as the help shows them, two per row.
const KEYS: [[(&str, &str); 2]; 5] = [
    [("Enter", "send"), ("Alt-Enter", "new line")],
    [("Tab", "complete"), ("Up Down", "what you sent before")],
    [("PgUp PgDn", "scroll, or the wheel"), ("Esc", "back to the newest")],
    [("Ctrl-F", "the shelf, or click"), ("Ctrl-L Z", "redraw; suspend")],
    [("Ctrl-K U W", "cut; Ctrl-Y pastes"), ("Ctrl-C", "leave")],
];
/// Columns of the help: of a command, of a key, and of a key with what it does.
const USAGE_COLUMNS: usize = 26;
const KEY_COLUMNS: usize = 11;
const KEY_PAIR_COLUMNS: usize = 36;

impl Dialog {
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Name(_) => "chatshelf",
            Self::Key(_) => tr!("Is this the right server?"),
            Self::Password(_) => tr!("Password"),
            Self::Quit => tr!("Leave?"),
            Self::Pasted(question) => question.title(),
            Self::Help(_) => tr!("Help: Up and Down scroll, Esc closes"),
        }
    }

    /// Its text, for a connection to `server`; leaving would interrupt `running` transfers.
    pub(super) fn lines(&self, server: &str, running: usize) -> Vec<String> {
        match self {
            Self::Key(question) => {
                let mut lines = format::key_question(server, question.key).to_vec();
                lines.push(tr!("Type yes or no:").to_owned());
                lines
            }
            Self::Name(question) => {
                let mut lines = vec![tr!("Which name do you want in the room?").to_owned()];
                lines.extend(question.why.as_deref().map(shown));
                let free = question.suggestion.as_ref();
                let free = free.map(|free| shown(free.as_str()));
                lines.extend(free.map(|nick| tr!("Enter alone takes {nick}.", nick)));
                lines
            }
            Self::Password(PasswordQuestion { is_sent: true, .. }) => {
                vec![tr!("The server verifies the password.").to_owned()]
            }
            Self::Password(question) => vec![
                shown(&question.why),
                String::new(),
                tr!("The password is not shown while you type.").to_owned(),
            ],
            Self::Quit => {
                let mut lines = vec![tr!("Leave the room?").to_owned()];
                if running > 0 {
                    lines.push(tr!(
                        "{n} transfer is still running.",
                        "{n} transfers are still running.",
                        n = running,
                    ));
                }
                lines
            }
            Self::Pasted(question) => question.lines(),
            Self::Help(_) => help(),
        }
    }

    /// Where an answer is typed that is shown.
    pub(super) fn editor(&self) -> Option<&Editor> {
        match self {
            Self::Name(question) => Some(&question.editor),
            Self::Key(question) => Some(&question.editor),
            Self::Password(_) | Self::Quit | Self::Pasted(_) | Self::Help(_) => None,
        }
    }

    /// The keys that answer it.
    pub(super) fn answers(&self) -> &'static str {
        match self {
            Self::Name(_) => tr!("Enter: join   Ctrl-C: leave"),
            Self::Key(_) => tr!("Enter: answer   Esc: leave"),
            Self::Password(PasswordQuestion { is_sent: true, .. }) => tr!("Esc: leave"),
            Self::Password(PasswordQuestion { is_rooms: true, .. }) => {
                tr!("Enter: send it   Esc: leave")
            }
            Self::Password(_) => tr!("Enter: send it   Esc: cancel"),
            Self::Quit => tr!("Enter: leave   Esc: stay"),
            Self::Pasted(question) => question.answers(),
            Self::Help(_) => "",
        }
    }
}

/// Keys, two per line, then commands, one per line. They do not fit on every screen, so the keys
/// that scroll come first.
fn help() -> Vec<String> {
    let command = |help: &crate::command::Help| {
        // The first half of the sentence is enough here.
        let does = lang::text(help.does).split([';', '；']).next().unwrap_or_default();
        format!("{:USAGE_COLUMNS$} {does}", help.usage)
    };
    let keys = KEYS.iter().map(|row| {
        let pair = |(key, does): &(&str, &str)| format!("{key:KEY_COLUMNS$} {}", lang::text(does));
        let [left, right] = [pair(&row[0]), pair(&row[1])];
        format!("{} {right}", padded(&left, KEY_PAIR_COLUMNS))
    });
    let mut lines: Vec<String> = keys.chain([String::new()]).collect();
    lines.extend(HELP.iter().map(command));
    lines.push(format!("{:USAGE_COLUMNS$} {}", "//text", tr!("say /text")));
    lines
}

#[cfg(test)]
mod tests {
    use chatshelf_common::strings;

    use super::*;
    use crate::screen::wrap::width;

    #[test]
    fn the_manual_describes_every_key_of_the_help() {
        let manual = include_str!("../../../docs/MANUAL.md");
        let table = manual.split("| key | ").nth(1).unwrap().split("\n\n").next().unwrap();
        let described: Vec<&str> = table
            .lines()
            .filter_map(|row| row.strip_prefix("| ")?.split(" | ").next())
            .flat_map(|keys| keys.split(", "))
            .collect();
        for (keys, does) in KEYS.as_flattened() {
            // Those of Ctrl are written once.
            let prefix = if keys.starts_with("Ctrl-") { "Ctrl-" } else { "" };
            for key in keys.trim_start_matches("Ctrl-").split(' ') {
                let key = format!("{prefix}{key}");
                assert!(described.contains(&key.as_str()), "{key}, {does}: {described:?}");
            }
        }
    }

    #[test]
    fn what_keys_and_commands_do_is_said_in_every_language_and_fits() {
        let row = |text: &str| strings::rows().find(|row| row.english == text).unwrap();
        for (_, does) in KEYS.as_flattened() {
            let row = row(does);
            for text in [row.simplified, row.traditional] {
                assert!(KEY_COLUMNS + 1 + width(text) <= KEY_PAIR_COLUMNS, "{text}");
            }
        }
        for help in HELP {
            let row = row(help.does);
            for text in [row.simplified, row.traditional] {
                let short = text.split('；').next().unwrap();
                assert!(USAGE_COLUMNS.max(help.usage.len()) + 1 + width(short) <= 76, "{text}");
            }
        }
    }

    #[test]
    fn the_help_is_as_wide_as_a_screen_of_the_usual_size_and_has_every_command() {
        let lines = help();
        for line in &lines {
            assert!(width(line) + 4 <= 80, "{line}");
        }
        for help in HELP {
            assert!(lines.iter().any(|line| line.starts_with(help.usage)), "{}", help.usage);
        }
    }
}
