//! Passwords: which is wanted, and where it goes. Keeps only what was given at the start.

use chatshelf_common::password::Password;
use chatshelf_common::wire::Code;

use super::App;
use crate::app::exit::{EXIT_REFUSED, EXIT_USAGE, Failure};
use crate::app::news::News;
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
            (Wanted::Room, None) => {
                let text = "no password was given, and the room asks for one";
                self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
            }
            (Wanted::Operators, None) => self.news.notice("no password was given"),
        }
    }

    /// The room asks for its password, or this was not it.
    pub(super) fn ask_password(&mut self, code: Code) {
        let is_wrong = code == Code::PASSWORD_WRONG;
        if self.manner.is_script() {
            let text = if is_wrong {
                "that is not the room's password"
            } else {
                "the room asks for a password; give it with --password-file FILE, or in the \
                 variable CHATSHELF_ROOM_PASSWORD"
            };
            return self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
        }
        let why = if is_wrong { "That is not the password." } else { "This room has a password." };
        self.password_wanted = Some(Wanted::Room);
        self.news.push(News::PasswordWanted { text: why.to_owned() });
    }

    /// The room asks for its password, and others could read it.
    pub(super) fn withhold_password(&mut self, privacy: Privacy) {
        let text = format!("the room asks for a password, which was not sent: {privacy}");
        self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
    }

    /// `/op`: with the password that was given at the start, or else one that is asked for.
    pub(super) fn become_operator(&mut self) -> Result<(), CommandError> {
        self.session().may_op()?;
        if let Some(password) = self.op_password.clone() {
            return self.link.session_mut().op(password);
        }
        if self.manner.is_script() {
            let text = "the operators' password is missing; give it with --operator-password-file \
                        FILE, or in the variable CHATSHELF_OPERATOR_PASSWORD";
            match self.manner.is_single() {
                true => self.give_up(Failure::new(text, EXIT_USAGE)),
                false => self.news.failure(text),
            }
            return Ok(());
        }
        self.password_wanted = Some(Wanted::Operators);
        self.news.push(News::PasswordWanted { text: "You ask to be an operator.".to_owned() });
        Ok(())
    }
}
