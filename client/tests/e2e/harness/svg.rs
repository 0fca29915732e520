//! A terminal's screen as an SVG picture: the cells that are there, with their colours, and nothing
//! else.

use std::fmt::Write;

/// Size of a cell and of the margin, in pixels of the picture.
pub(super) const CELL: (f64, f64) = (8.4, 18.0);
pub(super) const MARGIN: f64 = 14.0;
/// The font, as attributes of a group.
pub(super) const FONT: &str = "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
     font-size=\"14\"";
/// How far below a cell's top its text stands.
const BASELINE: f64 = 13.5;
pub(super) const GROUND: &str = "#1d2129";
pub(super) const TEXT: &str = "#d7dce4";
/// The sixteen colours.
const COLOURS: [&str; 16] = [
    "#1d2129", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dce4",
    "#5c6370", "#ef8d95", "#b3d99a", "#f0d399", "#8ac6f5", "#d99bea", "#7fd0d9", "#ffffff",
];

/// How a run of cells looks.
#[derive(Clone, PartialEq)]
struct Look {
    text: &'static str,
    ground: &'static str,
    is_bold: bool,
    is_dim: bool,
}

/// The picture.
pub(crate) fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n\
         <g {FONT} fill=\"{TEXT}\">\n"
    );
    for row in 0..rows {
        let drawn = draw_row(screen, row);
        if !drawn.is_empty() {
            let y = MARGIN + f64::from(row) * CELL.1;
            let _ = writeln!(out, "<g transform=\"translate(0 {y:.0})\">{drawn}</g>");
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// A row, drawn at the top of a picture, to which it leaves font and default colour; empty if
/// nothing is there.
pub(super) fn draw_row(screen: &vt100::Screen, row: u16) -> String {
    let mut out = String::new();
    runs(screen, row).iter().for_each(|run| draw(&mut out, run));
    out
}

/// Cells of one look beside each other: where they begin, how many they are, what they say.
struct Run {
    column: u16,
    cells: u16,
    text: String,
    look: Look,
}

fn runs(screen: &vt100::Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1 {
        let Some(cell) = screen.cell(row, column) else { continue };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let look = look(cell);
        match runs.last_mut().filter(|run| run.look == look) {
            // The second half of a wide character says nothing itself.
            Some(run) if cell.is_wide_continuation() => run.cells += 1,
            Some(run) => {
                run.cells += 1;
                run.text.push_str(text);
            }
            None => runs.push(Run { column, cells: 1, text: text.to_owned(), look }),
        }
    }
    runs
}

fn look(cell: &vt100::Cell) -> Look {
    let mut text = colour(cell.fgcolor(), TEXT);
    let mut ground = colour(cell.bgcolor(), GROUND);
    if cell.inverse() {
        std::mem::swap(&mut text, &mut ground);
    }
    Look { text, ground, is_bold: cell.bold(), is_dim: cell.dim() }
}

fn colour(colour: vt100::Color, default: &'static str) -> &'static str {
    match colour {
        vt100::Color::Idx(number) => COLOURS.get(usize::from(number)).copied().unwrap_or(default),
        vt100::Color::Default | vt100::Color::Rgb(..) => default,
    }
}

fn draw(out: &mut String, run: &Run) {
    let Run { column, cells, text, look } = run;
    let x = MARGIN + f64::from(*column) * CELL.0;
    let width = f64::from(*cells) * CELL.0;
    if look.ground != GROUND {
        let (ground, height) = (look.ground, CELL.1);
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{ground}\"/>"
        );
    }
    // Browsers collapse blanks: those at the edges are left out, the others do not break.
    let shown = text.trim_matches(' ');
    if shown.is_empty() {
        return;
    }
    let before = text.len() - text.trim_start_matches(' ').len();
    let behind = text.len() - text.trim_end_matches(' ').len();
    let x = x + before as f64 * CELL.0;
    let width = width - (before + behind) as f64 * CELL.0;
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let escaped = escaped.replace(' ', "\u{a0}");
    let fill = if look.text == TEXT { "" } else { &format!(" fill=\"{}\"", look.text) };
    let bold = if look.is_bold { " font-weight=\"bold\"" } else { "" };
    let dim = if look.is_dim { " fill-opacity=\"0.6\"" } else { "" };
    let _ = write!(
        out,
        "<text x=\"{x:.1}\" y=\"{BASELINE}\" textLength=\"{width:.1}\"{fill}{bold}{dim}>\
         {escaped}</text>"
    );
}
