//! The man page, in the macros that groff and mandoc share. Owns how text is escaped for them.

use super::text::layout;
use super::{Block, Command, Opt, Program, Section};

/// The manual's section: user commands.
const SECTION: &str = "1";
/// Columns of its source, before escaping makes some lines longer.
const COLUMNS: usize = 72;

impl<T> Program<T> {
    pub(super) fn man_page(&self) -> String {
        let Self { name, version, .. } = *self;
        let title = name.to_uppercase();
        // No date, so that the same source always gives the same page.
        let mut out = format!(
            ".TH {} {SECTION} \"\" {} {}\n",
            quoted(&title),
            quoted(&format!("{name} {version}")),
            quoted("User Commands"),
        );
        out.push_str(".SH NAME\n");
        out.push_str(&format!("{} \\- {}\n", escaped(name), escaped(self.does)));
        out.push_str(".SH SYNOPSIS\n");
        out.push_str(&format!("{} [\\fIOPTIONS\\fR]\n", bold(name)));
        if !self.commands.is_empty() {
            out.push_str(&format!(
                ".br\n{} [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n",
                bold(name)
            ));
        }
        out.push_str(".SH DESCRIPTION\n");
        text(&mut out, self.about);
        if !self.commands.is_empty() {
            out.push_str(".SH COMMANDS\n");
            self.commands.iter().for_each(|command| self.command_entry(&mut out, command));
        }
        out.push_str(".SH OPTIONS\n");
        self.all_options().for_each(|option| self.option_entry(&mut out, option, true));
        if let Some(words) = self.where_set() {
            out.push_str(".PP\n");
            text(&mut out, &words);
        }
        self.sections.iter().for_each(|section| self::section(&mut out, section));
        if !self.see_also.is_empty() {
            out.push_str(".SH SEE ALSO\n");
            let pages: Vec<String> = self.see_also.iter().map(|page| reference(page)).collect();
            out.push_str(&format!("{}\n", pages.join(", ")));
        }
        out
    }

    fn command_entry(&self, out: &mut String, command: &Command<T>) {
        let arguments = match command.arguments {
            "" => String::new(),
            arguments => format!(" {}", italic(arguments)),
        };
        out.push_str(&format!(".TP\n{}{arguments}\n", bold(command.name)));
        text(out, command.about);
        if !command.options.is_empty() {
            out.push_str(".RS\n");
            command.options.iter().for_each(|option| self.option_entry(out, option, false));
            out.push_str(".RE\n");
        }
    }

    fn option_entry(&self, out: &mut String, option: &Opt<T>, is_global: bool) {
        let short = option.short.map_or(String::new(), |short| bold(&format!("-{short}")) + ", ");
        let hint = match option.hint {
            "" => String::new(),
            hint => format!(" {}", italic(hint)),
        };
        out.push_str(&format!(".TP\n{short}{}{hint}\n", bold(&format!("--{}", option.long))));
        match option.default {
            "" => text(out, option.does),
            default => text(out, &format!("{} [{default}]", option.does)),
        }
        if let Some(variable) = self.variable(option).filter(|_| is_global) {
            out.push_str(&format!(".br\nEnvironment: {}\n", bold(&variable)));
        }
    }
}

fn section(out: &mut String, section: &Section) {
    let title = match section.title {
        // Its usual name in manuals.
        "Exit codes" => "EXIT STATUS".to_owned(),
        title => title.to_uppercase(),
    };
    out.push_str(&format!(".SH {}\n", quoted(&title)));
    for (number, block) in section.blocks.iter().enumerate() {
        match block {
            Block::Text(words) => {
                if number > 0 {
                    out.push_str(".PP\n");
                }
                text(out, words);
            }
            Block::Lines(lines) => {
                if number > 0 {
                    out.push_str(".PP\n");
                }
                out.push_str(".nf\n");
                lines.lines().for_each(|line| text_line(out, line));
                out.push_str(".fi\n");
            }
            Block::Table(table) => {
                for (left, right) in *table {
                    out.push_str(&format!(".TP\n{}\n", bold(left)));
                    text(out, right);
                }
            }
        }
    }
}

/// Starts each sentence on a new line, as is usual in the source of manuals.
fn text(out: &mut String, text: &str) {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in words.split_inclusive(". ") {
        textwrap::wrap(sentence, layout(COLUMNS)).iter().for_each(|line| text_line(out, line));
    }
}

fn text_line(out: &mut String, line: &str) {
    out.push_str(&guarded(&escaped(line)));
    out.push('\n');
}

/// A reference to another page, as `name(1)`.
fn reference(page: &str) -> String {
    match page.split_once('(') {
        Some((name, section)) => format!("{}({section}", bold(name)),
        None => bold(page),
    }
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escaped(text))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\(dq"))
}

/// Keeps a line from being read as a request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

/// Escapes what is special to the macros, keeps hyphens as hyphens that can be copied, and writes
/// other characters than ASCII by their code points.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            '`' => out.push_str("\\(ga"),
            '…' => out.push_str("..."),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_read_as_a_request() {
        let mut out = String::new();
        text(&mut out, ".config is a file. 'tis so. C:\\dir -x é");
        assert_eq!(out, "\\&.config is a file.\n\\(aqtis so.\nC:\\edir \\-x \\[u00E9]\n");
    }
}
