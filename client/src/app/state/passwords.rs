//! Passwords: which is wanted, and where it goes. Keeps only what was given at the start.

use chatshelf_common::limits::PASSWORD_BYTES_MAX;
use chatshelf_common::password::Password;
use chatshelf_common::wire::Code;

use super::App;
use crate::app::exit::{EXIT_REFUSED, EXIT_USAGE, Failure};
use crate::app::news::News;
use crate::lang::tr;
use crate::session::{CommandError, Privacy};

/// A password that somebody is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The room's.
    Room,
    /// That of its operators.
    Operators,
}

impl App {
    /// True while a password is awaited: [`App::give_password`].
    pub(crate) fn wants_password(&self) -> bool {
        self.password_wanted.is_some() && !self.is_leaving()
    }

    /// Takes what was entered after [`News::PasswordWanted`]; nothing gives up.
    pub(crate) fn give_password(&mut self, text: &str) {
        let Some(wanted) = self.password_wanted.take() else { return };
        match (wanted, Password::new(text.as_bytes())) {
            (Wanted::Room, Some(password)) => self.link.session_mut().give_password(password),
            (Wanted::Operators, Some(password)) => {
                if let Err(error) = self.link.session_mut().op(password) {
                    self.news.failure(error.to_string());
                }
            }
            (Wanted::Room, None) if text.is_empty() => {
                let text = tr!("no password was given, and the room asks for one");
                self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
            }
            (Wanted::Operators, None) if text.is_empty() => {
                self.news.notice(tr!("no password was given"));
            }
            (wanted, None) => {
                let why = tr!("A password has {max} bytes at most.", max = PASSWORD_BYTES_MAX);
                self.want(wanted, &why);
            }
        }
    }

    /// The room asks for its password, or this was not it.
    pub(super) fn ask_password(&mut self, code: Code) {
        let is_wrong = code == Code::PASSWORD_WRONG;
        if self.manner.is_script() {
            let text = if is_wrong {
                tr!("that is not the room's password")
            } else {
                tr!("the room asks for a password; give it with --password-file FILE, or in the \
                     variable CHATSHELF_ROOM_PASSWORD")
            };
            return self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
        }
        self.want(
            Wanted::Room,
            if is_wrong {
                tr!("That is not the password.")
            } else {
                tr!("This room has a password.")
            },
        );
    }

    /// The password, of the room or of its operators, is not verified yet.
    pub(super) fn tell_password_waits(&mut self) {
        let text = tr!(
            "the password waits for its turn: wrong ones came from this address, and each holds \
             up the next for 30 s"
        );
        self.news.push(News::Waits(text.to_owned()));
    }

    fn want(&mut self, wanted: Wanted, why: &str) {
        self.password_wanted = Some(wanted);
        let (text, is_rooms) = (why.to_owned(), wanted == Wanted::Room);
        self.news.push(News::PasswordWanted { text, is_rooms });
    }

    /// The room asks for its password, and others could read it.
    pub(super) fn withhold_password(&mut self, privacy: Privacy) {
        let why = self.why_withheld(privacy);
        let text = tr!("the room asks for a password, which was not sent: {why}", why);
        self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
    }

    /// Why a password was not sent, with what there is to compare.
    fn why_withheld(&self, privacy: Privacy) -> String {
        let key = self.link.unconfirmed_key();
        match key {
            Some(key) => tr!("{why}; here it is {key}", why = privacy, key),
            None => privacy.to_string(),
        }
    }

    /// `/op`: with the password that was given at the start, or else one that is asked for.
    pub(super) fn become_operator(&mut self) -> Result<(), CommandError> {
        match self.session().may_op() {
            Err(CommandError::NotPrivate(privacy)) => {
                let why = self.why_withheld(privacy);
                let text = tr!("the password was not sent: {why}", why);
                match self.manner.is_single() {
                    true => self.give_up(Failure::new(text, EXIT_REFUSED)),
                    false => self.news.failure(text),
                }
                return Ok(());
            }
            may => may?,
        }
        if let Some(password) = self.op_password.clone() {
            return self.link.session_mut().op(password);
        }
        if self.manner.is_script() {
            let text = tr!(
                "the operators' password is missing; give it with --operator-password-file FILE, \
                 or in the variable CHATSHELF_OPERATOR_PASSWORD"
            );
            match self.manner.is_single() {
                true => self.give_up(Failure::new(text, EXIT_USAGE)),
                false => self.news.failure(text),
            }
            return Ok(());
        }
        self.want(Wanted::Operators, tr!("You ask to be an operator."));
        Ok(())
    }
}
