//! The one-shot commands of operators: each becomes an operator first, and then does what the
//! command of the same name does in the room.

use chatshelf_common::cli::{Command, Completes, Take};

use super::{JSON, Options, Task, alone};
use crate::command::{self, CommandError};

pub(super) const KICK: Command<Options> =
    order("kick", "NAME [REASON]", "put a member out of the room", KICK_ABOUT, |options, words| {
        take(options, "kick", &words)
    });

pub(super) const BAN: Command<Options> = order(
    "ban",
    "NAME|ADDRESS [TIME] [REASON]",
    "keep somebody out of the room",
    BAN_ABOUT,
    |options, words| take(options, "ban", &words),
);

pub(super) const UNBAN: Command<Options> =
    order("unban", "NUMBER", "end a ban", UNBAN_ABOUT, |options, words| {
        take(options, "unban", &words)
    });

pub(super) const BANS: Command<Options> = Command {
    name: "bans",
    arguments: "",
    does: "show who is banned",
    about: "Shows the bans, oldest first: number, whom, for how long, by whom, why; as JSON one \
            array of objects with ban, to, address, until, nick, at and reason. Only operators are \
            told: see kick.",
    options: &[JSON],
    completes: Completes::Nothing,
    take: Take::Words(|options, words| {
        let json = options.own.json;
        alone(options, &words, Task::Bans { json })
    }),
};

pub(super) const REDACT: Command<Options> = order(
    "redact",
    "NAME [N]|'#SEQ'",
    "take the text of a line away",
    REDACT_ABOUT,
    |options, words| take(options, "redact", &words),
);

pub(super) const LOCK: Command<Options> =
    order("lock", "topic", "let only operators set the topic", LOCK_ABOUT, |options, words| {
        take(options, "lock", &words)
    });

pub(super) const UNLOCK: Command<Options> =
    order("unlock", "topic", "let anyone set the topic", LOCK_ABOUT, |options, words| {
        take(options, "unlock", &words)
    });

const KICK_ABOUT: &str = "Puts a member out of the room, who is told REASON and may come back. Only \
                          operators can: the command shows the operators' password, which comes \
                          from --operator-password-file or the variable \
                          CHATSHELF_OPERATOR_PASSWORD. The room is told.";

const BAN_ABOUT: &str = "Keeps a name, and all that look like it, or an address out of the room: \
                         for TIME, such as 30m, 2h or 7d, or for good. Anyone it applies to is put \
                         out at once. Only operators can: see kick. The room is told.";

const UNBAN_ABOUT: &str = "Ends the ban with this number, which bans shows. Only operators can: see \
                           kick. The room is told.";

const REDACT_ABOUT: &str = "Removes the text of a line: from the server's history and disk, and from \
                            the screens of those who are here. The line is the last that NAME \
                            said, or the Nth last, or the one with this seq in the JSON of tail. \
                            Only operators can: see kick. The room is told.";

const LOCK_ABOUT: &str = "Reserves the topic to operators (lock), or gives it back to everyone \
                          (unlock). Only operators can: see kick. The room is told.";

const fn order(
    name: &'static str,
    arguments: &'static str,
    does: &'static str,
    about: &'static str,
    take: fn(&mut Options, Vec<String>) -> Result<(), String>,
) -> Command<Options> {
    let completes = Completes::Nothing;
    Command { name, arguments, does, about, options: &[], completes, take: Take::Words(take) }
}

/// Reads what would be typed in the room as `/NAME WORDS`.
fn take(options: &mut Options, name: &str, words: &[String]) -> Result<(), String> {
    let line = format!("/{name} {}", words.join(" "));
    match command::parse(&line) {
        Ok(Some(command)) => {
            options.task = Some(Task::AsOperator(command));
            Ok(())
        }
        Ok(None) => Err(format!("{name} needs arguments")),
        Err(CommandError::Usage(usage)) => Err(format!("usage: chatshelf {}", &usage[1..])),
        Err(why) => Err(why.to_string()),
    }
}
