//! Bars from left to right, as SVG: what is short is good.

use std::fmt::Write;

const WIDTH: usize = 720;
const LABEL_WIDTH: usize = 150;
const VALUE_WIDTH: usize = 90;
const BAR_HEIGHT: usize = 18;
const ROW_HEIGHT: usize = 26;
const TITLE_HEIGHT: usize = 36;

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// How it is written.
    pub(crate) text: String,
    /// Ours, to be seen at once.
    pub(crate) is_ours: bool,
}

/// A chart of bars of one unit.
pub(crate) fn svg(title: &str, bars: &[Bar]) -> String {
    let height = TITLE_HEIGHT + ROW_HEIGHT * bars.len() + 8;
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"'Source Sans Pro', Helvetica, Arial, sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"23\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n"
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = TITLE_HEIGHT + index * ROW_HEIGHT;
        let room = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) as f64;
        let length = (bar.value / longest * room).max(1.0);
        let fill = if bar.is_ours { "#d9480f" } else { "#748ffc" };
        let (text_y, value_x) = (y + 14, LABEL_WIDTH as f64 + length + 6.0);
        let Bar { label, text, .. } = bar;
        // Writing to a String can't fail.
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{text_y}\" text-anchor=\"end\">{label}</text>\n\
             <rect x=\"{LABEL_WIDTH}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR_HEIGHT}\" \
             fill=\"{fill}\"/>\n<text x=\"{value_x:.1}\" y=\"{text_y}\">{text}</text>\n",
            LABEL_WIDTH - 8,
        );
    }
    out + "</svg>\n"
}
