//! Styles and symbols, and their replacements without colours or Unicode. Owns no text.

use ratatui_core::style::{Color, Modifier, Style};

/// Colours that are readable on dark and light backgrounds.
const NICK_COLOURS: [Color; 10] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::LightRed,
    Color::LightGreen,
    Color::LightBlue,
    Color::LightMagenta,
];

/// What a piece of text is, which decides its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// What people say.
    Text,
    /// What may be overlooked: times, notices.
    Dim,
    /// A nick, by its number.
    Nick(u32),
    /// Our own nick.
    Me,
    /// A line that mentions us.
    Mention,
    /// A line for one member only.
    Private,
    /// Something that failed.
    Failure,
    /// Titles and emphasis.
    Strong,
    /// What is new or in progress.
    Accent,
    /// The status bar.
    Bar,
    /// A warning in the status bar.
    BarWarning,
    /// The chosen row of a list.
    Chosen,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    /// Colours may be used.
    pub(super) colour: bool,
    /// Symbols must be ASCII.
    pub(super) ascii: bool,
}

/// Symbols that the program draws.
#[derive(Debug)]
pub(super) struct Signs {
    pub(super) across: &'static str,
    pub(super) down: &'static str,
    /// Corners of a box: above left, above right, below left, below right.
    pub(super) corners: [&'static str; 4],
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    pub(super) up_arrow: &'static str,
    pub(super) down_arrow: &'static str,
    pub(super) right_arrow: &'static str,
    pub(super) cut: &'static str,
    pub(super) dot: &'static str,
    pub(super) chosen: &'static str,
}

const LINES: Signs = Signs {
    across: "─",
    down: "│",
    corners: ["┌", "┐", "└", "┘"],
    full: "█",
    empty: "░",
    up_arrow: "↑",
    down_arrow: "↓",
    right_arrow: "→",
    cut: "…",
    dot: "·",
    chosen: "▸",
};

const ASCII: Signs = Signs {
    across: "-",
    down: "|",
    corners: ["+", "+", "+", "+"],
    full: "#",
    empty: ".",
    up_arrow: "^",
    down_arrow: "v",
    right_arrow: "->",
    cut: "~",
    dot: "-",
    chosen: ">",
};

impl Theme {
    pub(super) fn signs(self) -> &'static Signs {
        if self.ascii { &ASCII } else { &LINES }
    }

    pub(super) fn style(self, ink: Ink) -> Style {
        let (colour, modifier) = match ink {
            Ink::Text => (None, Modifier::empty()),
            Ink::Dim => (None, Modifier::DIM),
            Ink::Nick(number) => {
                (Some(NICK_COLOURS[number as usize % NICK_COLOURS.len()]), Modifier::empty())
            }
            Ink::Me | Ink::Strong => (None, Modifier::BOLD),
            Ink::Mention => (Some(Color::Yellow), Modifier::BOLD),
            Ink::Private => (Some(Color::Magenta), Modifier::empty()),
            Ink::Failure => (Some(Color::Red), Modifier::empty()),
            Ink::Accent => (Some(Color::Green), Modifier::BOLD),
            Ink::Bar | Ink::Chosen => (None, Modifier::REVERSED),
            Ink::BarWarning => (Some(Color::Red), Modifier::REVERSED.union(Modifier::BOLD)),
        };
        let style = Style::new().add_modifier(modifier);
        match colour {
            Some(colour) if self.colour => style.fg(colour),
            _ => style,
        }
    }
}
