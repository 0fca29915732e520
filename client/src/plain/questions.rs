//! What is asked before the room is reached, and on the way to becoming an operator: whether a key
//! is the right one, another name, a password. Owns nothing of how an answer is typed.

use std::time::Instant;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::text::Nick;

use super::{Lines, Source};
use crate::app::{App, format};
use crate::command;
use crate::echo::EchoOff;
use crate::lang::{text_error, tr};

/// A password that is being typed, or verified, where a terminal edits the line itself.
pub(super) struct Secret {
    /// The terminal does not show it, where that can be.
    echo_off: Option<EchoOff>,
    /// It is the room's: until the server answers, it may be typed again, and is not to be said.
    pub(super) is_rooms: bool,
}

impl Lines {
    pub(super) fn answer_name(&mut self, text: &str, app: &mut App) {
        match (self.asking.take(), Nick::new(text)) {
            (Some(free), _) if text.is_empty() => app.rejoin(free),
            (_, Ok(nick)) => app.rejoin(nick),
            (suggestion, Err(why)) => {
                self.notice(&tr!("that cannot be a name: {why}", why = text_error(&why)));
                self.asking = suggestion;
            }
        }
    }

    /// Nothing but a whole word trusts a key.
    pub(super) fn answer_key(&mut self, text: &str, app: &mut App, now: Instant) {
        match command::yes_or_no(text) {
            Some(true) => app.accept_key(now),
            Some(false) => app.refuse_key(),
            None => self.notice(tr!("Type yes or no:")),
        }
    }

    pub(super) fn key_unknown(&mut self, key: Fingerprint, app: &App) {
        for line in format::key_question(app.server(), key) {
            self.notice(&line);
        }
        self.notice(tr!("Type yes or no:"));
    }

    pub(super) fn nick_refused(&mut self, text: &str, suggestion: Option<Nick>) {
        self.end_secret();
        self.notice(text);
        let question = match &suggestion {
            Some(free) => tr!("Your name [{free}]:", free),
            None => tr!("Your name:").to_owned(),
        };
        self.notice(&question);
        self.asking = suggestion;
    }

    /// Asks for a password, without showing what is typed. Where that cannot be, says how to give
    /// it otherwise; an empty line gives up.
    pub(super) fn ask_password(&mut self, text: &str, is_rooms: bool) {
        self.notice(text);
        match &mut self.source {
            Source::Keys(prompt) => prompt.ask_secret(&format!("{} ", tr!("Password:")), is_rooms),
            Source::Input(_) => {
                // Its end, at last, shows again what is typed.
                self.secret = None;
                let secret = self.secret.insert(Secret { echo_off: EchoOff::begin(), is_rooms });
                let is_hidden = secret.echo_off.is_some();
                self.notice(match is_hidden {
                    true => tr!("Password, which is not shown while you type:"),
                    false => tr!(
                        "it would be shown while you type; leave, and give it with an option or in \
                         the environment (--help)"
                    ),
                });
            }
        }
    }

    /// The password that was entered is the right one.
    pub(super) fn end_secret(&mut self) {
        self.secret = None;
        if let Source::Keys(prompt) = &mut self.source {
            prompt.end_secret();
        }
    }
}
