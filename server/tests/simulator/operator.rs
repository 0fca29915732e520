//! What a user does who knows the operators' password: kicks and bans at random, takes lines and
//! items away, locks the topic; and at the end, lifts all bans.

use chatshelf_client::session::PendingCommand;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Frame;
use chatshelf_common::wire::frame::{Action, Moderate, Moderated, Op, Refused};
use chatshelf_server::passwords::Realm;

use super::trace::told;
use super::user::User;
use super::verifier;

impl User {
    /// The first user knows the password, where the room has operators.
    pub(super) fn may_moderate(&self) -> bool {
        self.plan.settings.has_operators && self.name == "user0"
    }

    /// Does one thing that only operators may; becomes one first.
    pub(super) fn moderate(&mut self) {
        let Some(process) = &mut self.process else { return };
        let session = &mut process.link.session;
        if !session.is_joined() {
            return;
        }
        if !process.rights.is_op {
            let is_wrong = !self.is_healed && self.rng.one_in(3);
            let right = verifier::password(Realm::Operators);
            let password = if is_wrong { verifier::wrong(&mut self.rng) } else { right };
            let is_op = |command: &PendingCommand| matches!(command, PendingCommand::Op(_));
            let is_asking = session.pending_commands().any(|(command, _)| is_op(command));
            if !is_asking && session.op(password).is_ok() {
                told!(self.trace, self.name, "asks to be an operator");
            }
            return;
        }
        let members = session.room().members().filter(|nick| *nick != session.nick());
        let mut others: Vec<_> = members.cloned().collect();
        others.sort_by_cached_key(|nick| nick.as_str().to_owned());
        let to = (!others.is_empty()).then(|| self.rng.pick(&others));
        let seconds = self.rng.pick(&[None, Some(1), Some(20), Some(600)]);
        let order = match self.rng.below(8) {
            0 => Moderate { to, ..Moderate::new(Action::KICK) },
            1..3 => Moderate { to, seconds, ..Moderate::new(Action::BAN) },
            3 => {
                let address = format!("::ffff:192.0.2.{}", self.rng.between(1, 8));
                let address = address.parse().ok();
                Moderate { address, seconds, ..Moderate::new(Action::BAN) }
            }
            4 => {
                let ban = session.bans().first().map(|ban| ban.ban);
                let _ = session.ask_bans();
                Moderate { ban, ..Moderate::new(Action::UNBAN) }
            }
            5 => {
                let is_own = |item| self.tasks.iter().any(|task| task.item == Some(item));
                let items = session.room().shelf().iter().map(|item| item.id);
                let items: Vec<_> = items.filter(|item| !is_own(*item)).collect();
                if !items.is_empty() {
                    let item = self.rng.pick(&items);
                    told!(self.trace, self.name, "takes anyone's item {item} off");
                    let _ = session.drop_item(item, None);
                }
                return;
            }
            6 => Moderate::new(self.rng.pick(&[Action::LOCK_TOPIC, Action::UNLOCK_TOPIC])),
            _ => {
                let lines = &process.rights.lines;
                let line = (!lines.is_empty()).then(|| self.rng.pick(lines));
                Moderate { line, ..Moderate::new(Action::REDACT) }
            }
        };
        told!(self.trace, self.name, "orders {order:?}");
        // It is only refused when too much waits.
        let _ = session.moderate(order);
    }

    /// Lifts all bans, so that everyone can come back.
    pub(super) fn lift_bans(&mut self) {
        let Some(process) = &self.process else { return };
        if self.bans_are_lifted || !process.link.session.is_joined() {
            return;
        }
        if !process.rights.is_op {
            return self.moderate();
        }
        let Some(process) = &mut self.process else { return };
        let session = &mut process.link.session;
        if !session.awaits_bans() && session.outstanding() == 0 {
            let _ = session.ask_bans();
        }
    }

    /// The server has told the bans.
    pub(super) fn note_bans(&mut self) {
        let Some(process) = &mut self.process else { return };
        if !self.is_healed {
            return;
        }
        let bans: Vec<_> = process.link.session.bans().iter().map(|ban| ban.ban).collect();
        // What it has ordered before, and is not done yet, may be another ban.
        self.bans_are_lifted = bans.is_empty() && process.link.session.outstanding() == 0;
        for ban in bans {
            let _ = process
                .link
                .session
                .moderate(Moderate { ban: Some(ban), ..Moderate::new(Action::UNBAN) });
        }
    }

    /// An operator did something.
    pub(super) fn note_moderated(&mut self, it: &Moderated) {
        if let Some(process) = &mut self.process
            && it.action == Action::OP
            && it.nick == *process.link.session.nick()
        {
            process.rights.is_op = true;
        }
    }

    /// Something was refused that only operators may.
    pub(super) fn note_refused_rights(&mut self, refused: &Refused) {
        let Some(process) = &mut self.process else { return };
        match (refused.about, refused.code) {
            // It is one already.
            (Op::KIND, Code::UNCHANGED) => process.rights.is_op = true,
            (_, Code::NOT_OPERATOR) => process.rights.is_op = false,
            _ => {}
        }
    }
}
