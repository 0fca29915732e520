//! What a line typed at the prompt means: a typed [`Command`], or a sentence that says what is
//! wrong. Pure; the same for every front that has a prompt.

use chatshelf_common::limits::MESSAGE_BYTES_MAX;

use super::arguments::message;
use super::table::Help;
use super::{Command, CommandError};
use crate::raw_text;
use crate::text::cleaned;

const _: () = assert!(MESSAGE_BYTES_MAX < crate::input::LINE_BYTES_MAX);

/// Reads a line. An empty one (or only blanks) is nothing.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn parse(line: &str) -> Result<Option<Command>, CommandError> {
    match line.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => say(rest),
        Some(rest) => command(rest).map(Some),
        None => say(line),
    }
}

/// Says a text, whatever it begins with.
///
/// # Errors
/// When it is no message.
pub fn say(line: &str) -> Result<Option<Command>, CommandError> {
    let line = raw_text::lossy(line);
    if cleaned(&line).trim().is_empty() {
        return Ok(None);
    }
    message(&line).map(Command::Say).map(Some)
}

fn command(line: &str) -> Result<Command, CommandError> {
    let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match Help::of(name) {
        Some(help) if help.names_paths() => help.read(arguments.trim()),
        Some(help) => help.read(raw_text::lossy(arguments).trim()),
        None => Err(CommandError::Unknown(raw_text::lossy(name))),
    }
}

/// The answer to a question that a single key must not answer: a whole word, `yes` or `no`. Whoever
/// wants to leave says no.
#[must_use]
pub fn yes_or_no(line: &str) -> Option<bool> {
    match line.trim().to_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        other => (parse(other) == Ok(Some(Command::Quit))).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::ItemId;
    use chatshelf_common::text::{Message, Nick};

    use super::*;
    use crate::command::{Copied, Download, HELP, Notify, PathLine, Upload};
    use crate::item::{Found, ItemError, ItemLine, ItemRef, Shelf};
    use crate::session::TransferHandle;

    fn said(line: &str) -> String {
        match parse(line) {
            Ok(Some(Command::Say(text))) => text.as_str().to_owned(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn plain_lines_are_said_and_two_slashes_are_one() {
        assert_eq!(said("hello"), "hello");
        assert_eq!(said("  /quit"), "  /quit");
        assert_eq!(said("//etc/hosts"), "/etc/hosts");
        assert_eq!(said("//"), "/");
        assert_eq!(said("\x1b[31mred\x1b[0m\x07"), "red");
        for nothing in ["", "   ", "\t", "\x1b[2J", "\x07"] {
            assert_eq!(parse(nothing), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_with_both_lengths() {
        assert_eq!(said(&"m".repeat(8192)).len(), 8192);
        let error = parse(&"m".repeat(8193)).unwrap_err().to_string();
        assert!(error.contains("8192") && error.contains("8193"), "{error}");
        assert!(parse(&format!("/me {}", "m".repeat(8193))).is_err());
        // What does not travel does not count.
        assert_eq!(said(&format!("\x1b[1m{}", "m".repeat(8192))).len(), 8192);
    }

    #[test]
    fn every_command_is_known_by_all_its_names_in_any_case() {
        for help in HELP {
            for name in help.names {
                for line in [format!("/{name}"), format!("/{} a b", name.to_uppercase())] {
                    assert!(!matches!(parse(&line), Err(CommandError::Unknown(_))), "{line}");
                }
            }
        }
        assert_eq!(parse("/ls"), Ok(Some(Command::Files)));
        assert_eq!(parse("/exit "), Ok(Some(Command::Quit)));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_may_have_bytes_that_are_not_utf_8_and_talk_has_none() {
        use std::os::unix::ffi::OsStrExt;
        let line = |bytes: &[u8]| parse(&raw_text::from_bytes(bytes)).unwrap().unwrap();
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        let Command::Upload(Upload::Typed(paths)) = line(b"/upload caf\xe9") else { panic!() };
        assert_eq!(paths.resolve(|_| false), [path]);
        let Command::Download(Download::Typed(item)) = line(b"/get 7 caf\xe9") else { panic!() };
        let found = Shelf::new(std::iter::empty()).item_and_path(&item).unwrap();
        assert_eq!(found.path.as_deref(), Some(path));
        for bytes in [&b"caf\xe9"[..], b"/me caf\xe9"] {
            let (Command::Say(text) | Command::Act(text)) = line(bytes) else { panic!() };
            assert_eq!(text.as_str(), "caf\u{fffd}");
        }
    }

    #[test]
    fn unknown_commands_are_reported_and_never_sent() {
        for line in ["/frobnicate", "/", "/ hello", "/usr/bin"] {
            assert!(matches!(parse(line), Err(CommandError::Unknown(_))), "{line}");
        }
    }

    #[test]
    fn bad_arguments_get_the_usage_line() {
        for line in [
            "/me",
            "/nick",
            "/msg",
            "/msg bob",
            "/upload",
            "/download ",
            "/drop",
            "/unignore",
            "/cancel x",
            "/quit now",
            "/notify x",
            "/joins maybe",
            "/mouse maybe",
            "/copy 0",
            "/find",
            "/copy link x",
            "/copy 1 2",
        ] {
            let error = parse(line).unwrap_err();
            assert!(matches!(error, CommandError::Usage(_)), "{line}: {error}");
            let name = line.split(' ').next().unwrap();
            assert!(error.to_string().starts_with(&format!("usage: {name}")), "{error}");
        }
        assert!(matches!(parse("/nick a b"), Err(CommandError::Nick(_))));
    }

    #[test]
    fn arguments_are_understood() {
        let command = |line| parse(line).unwrap().unwrap();
        let to = Nick::new("bob").unwrap();
        let text = Message::new("see  you").unwrap();
        assert_eq!(command("/msg bob  see  you"), Command::Tell { to, text });
        assert_eq!(command("/cancel #3"), Command::Cancel(Some(TransferHandle(3))));
        assert_eq!(command("/cancel"), Command::Cancel(None));
        assert_eq!(command("/drop #3"), Command::Drop(vec![ItemRef::Number(ItemId(3))]));
        assert_eq!(command("/drop 'a b'"), Command::Drop(vec![ItemRef::Name("a b".into())]));
        assert_eq!(command("/link #3"), Command::Link(ItemRef::Number(ItemId(3))));
        assert_eq!(command("/link 'a b'"), Command::Link(ItemRef::Name("a b".into())));
        assert_eq!(command("/topic"), Command::ShowTopic);
        assert_eq!(command("/notify all"), Command::Notify(Some(Notify::All)));
        assert_eq!(command("/notify"), Command::Notify(None));
        assert_eq!(command("/joins off"), Command::Joins(Some(false)));
        assert_eq!(command("/joins"), Command::Joins(None));
        assert_eq!(command("/mouse off"), Command::Mouse(Some(false)));
        let copied =
            |is_link, nth: usize| Command::Copy(Copied { is_link, nth: nth.try_into().unwrap() });
        assert_eq!([command("/copy"), command("/copy 3")], [copied(false, 1), copied(false, 3)]);
        assert_eq!(
            [command("/copy link"), command("/copy link 2")],
            [copied(true, 1), copied(true, 2)]
        );
        let bob = Nick::new("bob").unwrap();
        assert_eq!(command("/ignore"), Command::Ignore(None));
        assert_eq!(command("/ignore bob"), Command::Ignore(Some(bob.clone())));
        assert_eq!(command("/unignore bob "), Command::Unignore(bob));
        assert_eq!(command("/topic -"), Command::SetTopic(None));
        for (line, paths) in [("/upload a b.txt", "a b.txt"), ("/put 'a b.txt'", "'a b.txt'")] {
            assert_eq!(command(line), Command::Upload(Upload::Typed(PathLine::new(paths))));
        }
        let fetch = Download::Typed(ItemLine::new("7 'a b'"));
        assert_eq!(command("/download 7 'a b'"), Command::Download(fetch));
    }

    #[test]
    fn a_download_is_named_by_number_or_name_with_or_without_a_path() {
        let names = ["a.txt", "my notes.txt", "a.txt", "it's", "77"];
        let shelf = Shelf::new((1..).map(ItemId).zip(names));
        let resolve = |text: &str| match parse(&format!("/download {text}")).unwrap() {
            Some(Command::Download(Download::Typed(line))) => shelf.item_and_path(&line),
            other => panic!("{text}: {other:?}"),
        };
        let found = |id, path: Option<&str>, is_by_name| {
            Ok(Found { item: ItemId(id), is_by_name, path: path.map(Into::into) })
        };
        assert_eq!(resolve("1"), found(1, None, false));
        assert_eq!(resolve("#2 sub/"), found(2, Some("sub/"), false));
        assert_eq!(resolve("2 #dir"), found(2, Some("#dir"), false));
        assert_eq!(resolve("a.txt"), found(3, None, true), "the newest of the name");
        assert_eq!(resolve("a.txt 'b c.txt'"), found(3, Some("b c.txt"), true));
        assert_eq!(resolve("my notes.txt"), found(2, None, true), "the whole text is a name");
        assert_eq!(resolve("\"my notes.txt\" x"), found(2, Some("x"), true));
        assert_eq!(resolve("it's"), found(4, None, true), "though its quote is open");
        assert_eq!(resolve("name:77"), found(5, None, true));
        assert!(matches!(resolve("77"), Err(ItemError::NumberOrName(..))));
        assert_eq!(resolve("99"), found(99, None, false), "the server knows what became of it");
        assert_eq!(resolve("nope"), Err(ItemError::NotOnShelf("nope".into())));
        assert_eq!(resolve("1 a b"), Err(ItemError::NotAnItem));
        assert_eq!(resolve("'open"), Err(ItemError::NotAnItem));
    }
}
