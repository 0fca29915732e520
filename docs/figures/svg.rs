//! What figures are made of: boxes, arrows and text, as SVG. Knows none of the figures.

use std::fmt::Write;

const TEXT_FONT: &str = "'Source Sans Pro', 'Helvetica Neue', Helvetica, Arial, sans-serif";
const CODE_FONT: &str = "'DejaVu Sans Mono', Menlo, Consolas, monospace";
/// Pixels from one line of text to the next.
const LINE: i32 = 15;

/// What a box stands for, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A part of the code, or a phase.
    Part,
    /// The part that a figure is about.
    Main,
    /// Files.
    Disk,
    /// Something outside, or an end.
    Outer,
    /// A remark.
    Note,
}

impl Kind {
    /// The colours of its inside and its border.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Part => ("#e3f0f5", "#0b5e7a"),
            Self::Main => ("#fdebd8", "#c2630a"),
            Self::Disk => ("#ece6f5", "#66488f"),
            Self::Outer => ("#f3f5f7", "#6b7780"),
            Self::Note => ("#fff9db", "#c9b458"),
        }
    }
}

/// A rectangle: its left, its top, its width and its height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area(pub(crate) i32, pub(crate) i32, pub(crate) i32, pub(crate) i32);

/// A picture that is being drawn.
pub(crate) struct Canvas {
    width: i32,
    height: i32,
    body: String,
}

impl Canvas {
    pub(crate) fn new(width: i32, height: i32) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A box with lines of text in its middle, the first one bold. `|` begins a line.
    pub(crate) fn part(&mut self, area: Area, kind: Kind, text: &str) {
        self.frame(area, kind, "");
        let Area(x, y, width, height) = area;
        let lines: Vec<&str> = text.split('|').collect();
        let top = y + (height - LINE * lines.len() as i32) / 2 + 11;
        for (at, line) in lines.into_iter().enumerate() {
            let style = if at == 0 && kind != Kind::Note { "font-weight='bold'" } else { "" };
            let (x, y) = (x + width / 2, top + LINE * at as i32);
            self.put(&format!("x='{x}' y='{y}' text-anchor='middle' {style}"), line);
        }
    }

    /// A box around others, with its name at its top.
    pub(crate) fn group(&mut self, area: Area, name: &str) {
        let Area(x, y, width, height) = area;
        self.add(&format!(
            "<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='8' fill='#ffffff' \
             stroke='#8b98a3' stroke-dasharray='5 4'/>"
        ));
        let style = "fill='#52606b' font-style='italic'";
        self.put(&format!("x='{}' y='{}' {style}", x + 10, y + 17), name);
    }

    /// An empty box.
    pub(crate) fn frame(&mut self, area: Area, kind: Kind, more: &str) {
        let (Area(x, y, width, height), (fill, stroke)) = (area, kind.colours());
        self.add(&format!(
            "<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='5' fill='{fill}' \
             stroke='{stroke}' {more}/>"
        ));
    }

    /// An arrow through these points; `more` are further attributes.
    pub(crate) fn arrow(&mut self, points: &[(i32, i32)], more: &str) {
        self.line(points, &format!("marker-end='url(#tip)' {more}"));
    }

    /// A line through these points.
    pub(crate) fn line(&mut self, points: &[(i32, i32)], more: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let points = points.join(" ");
        self.add(&format!(
            "<polyline points='{points}' fill='none' stroke='#37424b' stroke-width='1.3' {more}/>"
        ));
    }

    /// Lines of text, the first one at this place: `start`, `middle` or `end` of it.
    pub(crate) fn text(&mut self, at: (i32, i32), anchor: &str, text: &str) {
        for (number, line) in text.split('|').enumerate() {
            let (x, y) = (at.0, at.1 + LINE * number as i32);
            let halo = "stroke='#ffffff' stroke-width='4' paint-order='stroke'";
            self.put(&format!("x='{x}' y='{y}' text-anchor='{anchor}' {halo}"), line);
        }
    }

    /// One line of code or of bytes.
    pub(crate) fn code(&mut self, at: (i32, i32), anchor: &str, text: &str) {
        let (x, y) = at;
        let attributes = format!(
            "x='{x}' y='{y}' text-anchor='{anchor}' font-family=\"{CODE_FONT}\" font-size='12'"
        );
        self.put(&attributes, text);
    }

    fn put(&mut self, attributes: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(&format!("<text {attributes}>{text}</text>"));
    }

    fn add(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }

    /// The whole picture.
    pub(crate) fn into_svg(self) -> String {
        let Self { width, height, body } = self;
        let mut out = String::new();
        // Writing to a String can't fail.
        let _ = write!(
            out,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' \
             width='{width}' height='{height}' font-family=\"{TEXT_FONT}\" font-size='13' \
             fill='#1c242b'>\n\
             <!-- Drawn by docs/figures/main.rs: make figures -->\n\
             <defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' \
             markerHeight='7' orient='auto-start-reverse'><path d='M0,0 L10,5 L0,10 z' \
             fill='#37424b'/></marker></defs>\n\
             <rect width='{width}' height='{height}' fill='#ffffff'/>\n{body}</svg>\n"
        );
        out
    }
}

/// Pixels that a line of text is wide, or a little less.
pub(crate) fn text_width(text: &str) -> i32 {
    let widest = text.split('|').map(|line| line.chars().count()).max().unwrap_or(0);
    widest as i32 * 63 / 10
}

/// Pixels that lines of text are high.
pub(crate) fn text_height(text: &str) -> i32 {
    LINE * text.split('|').count() as i32
}
