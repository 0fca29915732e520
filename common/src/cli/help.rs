//! `--help`, of a program and of one of its commands.

use super::text::layout;
use super::{Block, Command, Opt, Program, Section};

/// Columns of a line.
const WIDTH: usize = 88;
const INDENT: usize = 4;
/// Widest left column; a longer entry gets a line of its own.
const LEFT_MAX: usize = 24;

impl<T> Program<T> {
    pub(super) fn help(&self) -> String {
        let mut out = format!("Usage: {} [OPTIONS]\n", self.name);
        if !self.commands.is_empty() {
            out.push_str(&format!("       {} [OPTIONS] COMMAND [ARGUMENTS]\n", self.name));
        }
        out.push('\n');
        paragraph(&mut out, self.about, 0);
        if !self.commands.is_empty() {
            out.push_str("\nCommands:\n");
            let left = |command: &Command<T>| format!("{} {}", command.name, command.arguments);
            rows(&mut out, self.commands.iter().map(|it| (left(it), it.does.to_owned())));
            out.push_str(&format!(
                "{:INDENT$}{} COMMAND --help describes a command\n",
                "", self.name
            ));
        }
        out.push_str("\nOptions:\n");
        rows(&mut out, self.all_options().map(|option| self.row(option)));
        if let Some(text) = self.where_set() {
            out.push('\n');
            paragraph(&mut out, &text, 0);
        }
        self.sections.iter().for_each(|section| self::section(&mut out, section));
        out
    }

    pub(super) fn help_of(&self, command: &Command<T>) -> String {
        let options = if command.options.is_empty() { "" } else { " [OPTIONS]" };
        let arguments = format!("{} {}", command.name, command.arguments);
        let mut out = format!("Usage: {}{options} {}\n\n", self.name, arguments.trim_end());
        paragraph(&mut out, command.about, 0);
        if !command.options.is_empty() {
            out.push_str("\nOptions:\n");
            rows(&mut out, command.options.iter().map(|option| self.row(option)));
        }
        let more = format!("It also accepts the options of {} --help.", self.name);
        out.push('\n');
        paragraph(&mut out, &more, 0);
        out
    }

    fn row(&self, option: &Opt<T>) -> (String, String) {
        let short = option.short.map_or("    ".into(), |short| format!("-{short}, "));
        let left = format!("{short}--{} {}", option.long, option.hint);
        let mut right = option.does.to_owned();
        if !option.default.is_empty() {
            right.push_str(&format!(" [{}]", option.default));
        }
        let is_global = self.options.iter().any(|other| std::ptr::eq(other, option));
        if let Some(variable) = self.variable(option).filter(|_| is_global) {
            right.push_str(&format!(" ${variable}"));
        }
        (left, right)
    }

    /// The other places where options can be set, in sentences.
    pub(super) fn where_set(&self) -> Option<String> {
        self.environment?;
        let mut text =
            "Defaults are in [brackets]. An option can also be set by the variable that is \
                        named after it"
                .to_owned();
        if let Some(config) = self.config {
            text.push_str(&format!(
                ", or by a line such as 'port = 9000' in {config}; a line that begins with # is a \
                 comment"
            ));
        }
        text.push_str(". The command line overrides the environment");
        if self.config.is_some() {
            text.push_str(", and the environment overrides the file");
        }
        text.push('.');
        if let Some(flag) = self.options.iter().find(|option| option.is_switch()) {
            let long = flag.long;
            text.push_str(&format!(
                " A flag such as {long} is 'yes' or 'no' there; --{long}=no turns it off."
            ));
        }
        Some(text)
    }
}

fn section(out: &mut String, section: &Section) {
    out.push_str(&format!("\n{}:\n", section.title));
    for (number, block) in section.blocks.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        match block {
            Block::Text(text) => paragraph(out, text, INDENT),
            Block::Lines(lines) => {
                lines.lines().for_each(|line| out.push_str(&format!("{:INDENT$}{line}\n", "")));
            }
            Block::Table(table) => {
                let owned = |(left, right): &(&str, &str)| ((*left).into(), (*right).into());
                rows(out, table.iter().map(owned));
            }
        }
    }
}

/// Two columns. A left side that is too long for its column gets a line of its own.
fn rows(out: &mut String, rows: impl Iterator<Item = (String, String)>) {
    let rows: Vec<_> = rows.map(|(left, right)| (left.trim_end().to_owned(), right)).collect();
    let width = |left: &str| left.chars().count();
    let fitting = rows.iter().map(|(left, _)| width(left)).filter(|width| *width <= LEFT_MAX);
    let column = INDENT + fitting.max().unwrap_or(0) + 2;
    let indent = " ".repeat(column);
    for (left, right) in rows {
        if width(&left) > LEFT_MAX {
            out.push_str(&format!("{:INDENT$}{left}\n", ""));
            fill(out, &right, &indent, &indent);
        } else {
            let head = format!("{:INDENT$}{left:rest$}", "", rest = column - INDENT);
            fill(out, &right, &head, &indent);
        }
    }
}

fn paragraph(out: &mut String, text: &str, indent: usize) {
    let indent = " ".repeat(indent);
    fill(out, text, &indent, &indent);
}

fn fill(out: &mut String, text: &str, first_indent: &str, indent: &str) {
    let layout = layout(WIDTH).initial_indent(first_indent).subsequent_indent(indent);
    out.push_str(&format!("{}\n", textwrap::fill(text, layout)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_left_column_has_a_line_of_its_own() {
        let mut out = String::new();
        let long = "x".repeat(LEFT_MAX + 1);
        let pair = |left: &str| (left.to_owned(), "does".to_owned());
        rows(&mut out, [pair("a"), pair(&long), pair("abc")].into_iter());
        assert_eq!(out, format!("    a    does\n    {long}\n         does\n    abc  does\n"));
        // Not even by a character.
        let (mut out, most) = (String::new(), "x".repeat(LEFT_MAX));
        rows(&mut out, [pair(&most), pair(&long)].into_iter());
        let gap = " ".repeat(LEFT_MAX + 2);
        assert_eq!(out, format!("    {most}  does\n    {long}\n    {gap}does\n"));
    }
}
