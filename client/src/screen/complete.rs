//! Tab completion: commands, nicks, names of items, local paths. Owns the candidates while the user
//! steps through them.

use super::editor::Editor;
use super::paths;
use crate::command::{Argument, HELP, Help, NOTIFY_LEVELS, SWITCH};

/// Candidates for the text from `start` to the cursor.
#[derive(Debug)]
pub(super) struct Completion {
    start: usize,
    candidates: Vec<String>,
    /// The one that is shown.
    at: usize,
}

/// What words can be completed to.
pub(super) struct Known<'a> {
    /// Members, the latest speakers first.
    pub(super) nicks: Vec<&'a str>,
    /// What is on the shelf, the newest first: each name, and a text that refers to that item only.
    pub(super) items: Vec<(&'a str, String)>,
}

impl Completion {
    /// Completes the word before the cursor to the first candidate (or the last); `None` if there
    /// is none.
    pub(super) fn begin(editor: &mut Editor, known: &Known<'_>, backwards: bool) -> Option<Self> {
        let (start, candidates) = candidates(editor.before_cursor(), known);
        let at = if backwards { candidates.len().checked_sub(1)? } else { 0 };
        editor.replace(start, candidates.get(at)?);
        Some(Self { start, candidates, at })
    }

    /// Shows the next candidate, or the previous one.
    pub(super) fn step(&mut self, editor: &mut Editor, backwards: bool) {
        let count = self.candidates.len();
        self.at = (self.at + if backwards { count - 1 } else { 1 }) % count;
        editor.replace(self.start, &self.candidates[self.at]);
    }

    /// True when there is nothing to step through: another Tab then completes again, for example
    /// inside a directory.
    pub(super) fn is_only_one(&self) -> bool {
        self.candidates.len() == 1
    }
}

/// Where the word before the cursor begins, and what it can be completed to.
fn candidates(text: &str, known: &Known<'_>) -> (usize, Vec<String>) {
    let word = text
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let Some(command) = text.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let end = if word == 0 { ": " } else { " " };
        return (word, nicks(&text[word..], known, end));
    };
    let Some(blank) = command.find(' ') else {
        return (0, commands(command));
    };
    let argument = blank + 2;
    let Some(help) = Help::of(&command[..blank]) else {
        return (word, nicks(&text[word..], known, " "));
    };
    match help.argument {
        Argument::Path => (argument, paths::completions(&text[argument..])),
        Argument::Item => {
            let quoted = text[argument..].trim_start_matches(['"', '\'']);
            let fits = |(name, reference): &&(&str, String)| {
                starts_with(name, quoted) || reference.starts_with(quoted)
            };
            let named = known.items.iter().filter(fits).map(|(_, reference)| reference.clone());
            (argument, named.collect())
        }
        Argument::Level => (argument, words(&text[argument..], &NOTIFY_LEVELS)),
        Argument::Switch => (argument, words(&text[argument..], &SWITCH)),
        Argument::Lock => (argument, words(&text[argument..], &[("topic", ())])),
        Argument::Text => (word, nicks(&text[word..], known, " ")),
    }
}

fn words<T>(begun: &str, known: &[(&str, T)]) -> Vec<String> {
    let names = known.iter().map(|(name, _)| *name);
    names.filter(|name| name.starts_with(begun)).map(str::to_owned).collect()
}

fn commands(begun: &str) -> Vec<String> {
    let lower = begun.to_lowercase();
    let names = HELP.iter().flat_map(|help| {
        // Its main name if that fits, else one of the others.
        help.names.iter().find(|name| name.starts_with(&lower)).map(|name| {
            let takes_more = help.usage.contains(' ');
            format!("/{name}{}", if takes_more { " " } else { "" })
        })
    });
    names.collect()
}

fn nicks(begun: &str, known: &Known<'_>, end: &str) -> Vec<String> {
    let fits = |nick: &&&str| starts_with(nick, begun);
    known.nicks.iter().filter(fits).map(|nick| format!("{nick}{end}")).collect()
}

/// True when the text begins like this, ignoring case.
fn starts_with(text: &str, begun: &str) -> bool {
    text.to_lowercase().starts_with(&begun.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known<'static> {
        let items = ["notes.pdf", "my file.txt"].map(|name| (name, name.to_owned()));
        let items = items.into_iter().chain([("1", "#7".to_owned())]).collect();
        Known { nicks: vec!["bob", "Ben", "ada"], items }
    }

    /// The input after `times` Tabs.
    fn tab(text: &str, times: usize) -> String {
        let mut editor = Editor::default();
        editor.insert(text);
        let mut completion = Completion::begin(&mut editor, &known(), false);
        for _ in 1..times {
            if let Some(completion) = &mut completion {
                completion.step(&mut editor, false);
            }
        }
        editor.text().to_owned()
    }

    #[test]
    fn nicks_are_addressed_at_the_beginning_of_a_line_recent_speakers_first() {
        assert_eq!(tab("b", 1), "bob: ");
        assert_eq!(tab("B", 2), "Ben: ");
        assert_eq!(tab("b", 3), "bob: ", "from the last to the first");
        assert_eq!(tab("ask a", 1), "ask ada ");
        assert_eq!(tab("ask x", 1), "ask x");
        assert_eq!(tab("", 1), "bob: ");
    }

    #[test]
    fn commands_are_completed_from_any_of_their_names() {
        assert_eq!(tab("/up", 1), "/upload ");
        assert_eq!(tab("/ge", 1), "/get ");
        assert_eq!(tab("/h", 1), "/help");
        assert_eq!(tab("//u", 1), "//u");
    }

    #[test]
    fn arguments_are_completed_to_what_the_command_takes() {
        assert_eq!(tab("/download no", 1), "/download notes.pdf");
        assert_eq!(tab("/drop no", 1), "/drop notes.pdf");
        assert_eq!(tab("/link no", 1), "/link notes.pdf");
        assert_eq!(tab("/get ", 2), "/get my file.txt");
        assert_eq!(tab("/get 1", 1), "/get #7", "what refers to that file only");
        assert_eq!(tab("/get #", 1), "/get #7");
        assert_eq!(tab("/msg a", 1), "/msg ada ");
        assert_eq!(tab("/msg ada b", 1), "/msg ada bob ");
        assert_eq!(tab("/notify m", 1), "/notify mentions");
        assert_eq!(tab("/joins of", 1), "/joins off");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a b.txt"), "").unwrap();
        let path = |name: &str| format!("/put {}/{name}", dir.path().display());
        assert_eq!(tab(&path("a"), 1), path("a b.txt"));
    }

    #[test]
    fn backwards_starts_with_the_last() {
        let mut editor = Editor::default();
        editor.insert("b");
        let mut completion = Completion::begin(&mut editor, &known(), true).unwrap();
        assert_eq!(editor.text(), "Ben: ");
        completion.step(&mut editor, true);
        assert_eq!(editor.text(), "bob: ");
    }
}
