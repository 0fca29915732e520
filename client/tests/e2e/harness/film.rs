//! What happens on a terminal as a moving SVG picture: frames with the time at which each appears,
//! shown one after the other by CSS, without a script. Owns no clock.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::svg::{CELL, FONT, GROUND, MARGIN, TEXT, draw_row};

/// Height of the line above a screen that says whose it is.
const CAPTION: f64 = 22.0;
/// How long the last frame stays before everything begins again.
const REST: Duration = Duration::from_secs(4);

/// The screen of one terminal over time.
pub(crate) struct Film {
    caption: &'static str,
    frames: Vec<Frame>,
}

struct Frame {
    at: Duration,
    /// The rows, each as it is drawn at the top.
    rows: Vec<String>,
    /// Row and column of the cursor, if it is shown.
    cursor: Option<(u16, u16)>,
}

impl Film {
    pub(crate) fn new(caption: &'static str) -> Self {
        Self { caption, frames: Vec::new() }
    }

    /// Adds what the screen shows now, if that has changed.
    pub(crate) fn take(&mut self, at: Duration, screen: &vt100::Screen) {
        let rows = (0..screen.size().0).map(|row| draw_row(screen, row)).collect();
        let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
        let frame = Frame { at, rows, cursor };
        let is_new = |last: &Frame| (&last.rows, last.cursor) != (&frame.rows, frame.cursor);
        if self.frames.last().is_none_or(is_new) {
            self.frames.push(frame);
        }
    }
}

/// All films below each other, as one picture that plays for ever. Where nothing moves (a reader
/// who wants no motion, a program that knows no animation) it is their last frames.
pub(crate) fn moving_svg(films: &[Film], columns: u16, title: &str, description: &str) -> String {
    let last = films.iter().filter_map(|film| film.frames.last()).map(|frame| frame.at).max();
    let period = last.unwrap_or_default() + REST;
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let mut drawing = Drawing::default();
    let mut top = MARGIN / 2.0;
    for (film, number) in films.iter().zip(0..) {
        top = drawing.add(film, number, top, period);
    }
    let height = top + MARGIN;
    let Drawing { defs, frames, style, .. } = drawing;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"desc\">{description}</desc>\n\
         <style>\n.f{{visibility:hidden;animation:{:.2}s step-end infinite}}\n{style}\
         @media(prefers-reduced-motion:reduce){{.f{{animation:none}}}}\n</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n\
         <defs>\n{defs}</defs>\n\
         <g {FONT} fill=\"{TEXT}\">\n{frames}</g>\n</svg>\n",
        period.as_secs_f64(),
    )
}

/// The parts of a picture so far.
#[derive(Default)]
struct Drawing {
    /// Each row that is ever shown, once.
    defs: String,
    known: HashMap<String, usize>,
    frames: String,
    style: String,
}

impl Drawing {
    /// Draws a film below `top`; where the next one may begin.
    fn add(&mut self, film: &Film, number: usize, top: f64, period: Duration) -> f64 {
        let middle = MARGIN + CELL.0 / 2.0;
        let _ = writeln!(
            self.frames,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" fill-opacity=\"0.6\">{}</text>",
            top + CAPTION * 0.7,
            film.caption,
        );
        let top = top + CAPTION;
        let ends = film.frames.iter().skip(1).map(|next| next.at).chain([period]);
        for ((frame, end), at) in film.frames.iter().zip(ends).zip(0..) {
            let name = format!("f{number}-{at}");
            self.frame(frame, &name, top);
            self.time(&name, frame.at, end, period);
        }
        let rows = film.frames.last().map_or(0, |frame| frame.rows.len());
        let last = film.frames.len().saturating_sub(1);
        let _ = writeln!(self.style, "#f{number}-{last}{{visibility:visible}}");
        top + rows as f64 * CELL.1 + MARGIN / 2.0
    }

    fn frame(&mut self, frame: &Frame, name: &str, top: f64) {
        let _ = write!(self.frames, "<g id=\"{name}\" class=\"f\">");
        for (row, y) in frame.rows.iter().zip(0..) {
            if row.is_empty() {
                continue;
            }
            let fresh = self.known.len();
            let known = *self.known.entry(row.clone()).or_insert(fresh);
            if known == fresh {
                let _ = writeln!(self.defs, "<g id=\"r{known}\">{row}</g>");
            }
            let y = top + f64::from(y) * CELL.1;
            let _ = write!(self.frames, "<use href=\"#r{known}\" y=\"{y:.0}\"/>");
        }
        if let Some((row, column)) = frame.cursor {
            let (x, y) = (MARGIN + f64::from(column) * CELL.0, top + f64::from(row) * CELL.1);
            let _ = write!(
                self.frames,
                "<rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{}\" height=\"{}\" fill-opacity=\"0.6\"/>",
                CELL.0, CELL.1
            );
        }
        self.frames.push_str("</g>\n");
    }

    /// Lets a frame be seen from `at` until `end`.
    fn time(&mut self, name: &str, at: Duration, end: Duration, period: Duration) {
        let percent = |time: Duration| 100.0 * time.as_secs_f64() / period.as_secs_f64();
        let hidden = if at.is_zero() { "" } else { "0%{visibility:hidden}" };
        let (at, end) = (percent(at), percent(end));
        let _ = writeln!(
            self.style,
            "#{name}{{animation-name:{name}}}@keyframes {name}{{{hidden}\
             {at:.2}%{{visibility:visible}}{end:.2}%{{visibility:hidden}}}}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A film of a screen of one row, to which a text is written at each of these seconds.
    fn film(texts: &[(u64, &str)]) -> Film {
        let mut terminal = vt100::Parser::new(1, 10, 0);
        let mut film = Film::new("ada");
        for (second, text) in texts {
            terminal.process(text.as_bytes());
            film.take(Duration::from_secs(*second), terminal.screen());
        }
        film
    }

    #[test]
    fn each_frame_is_seen_from_its_time_to_that_of_the_next() {
        // The second look finds nothing new.
        let film = film(&[(0, "a"), (1, ""), (3, "b"), (6, "\r \r")]);
        let picture = moving_svg(&[film], 10, "A title", "What it shows");
        assert_eq!(picture.matches("class=\"f\"").count(), 3);
        for times in [
            "f0-0{0.00%{visibility:visible}30.00%{visibility:hidden}}",
            "f0-1{0%{visibility:hidden}30.00%{visibility:visible}60.00%{visibility:hidden}}",
            "f0-2{0%{visibility:hidden}60.00%{visibility:visible}100.00%{visibility:hidden}}",
        ] {
            assert!(picture.contains(&format!("@keyframes {times}")), "{times}:\n{picture}");
        }
        assert!(picture.contains(".f{visibility:hidden;animation:10.00s step-end infinite}"));
        assert!(picture.contains("#f0-2{visibility:visible}"), "it stands still at its end");
        assert!(picture.contains("<title id=\"title\">A title</title>"));
    }

    #[test]
    fn a_row_is_drawn_once_however_often_it_is_shown() {
        let shown = [(0, "once"), (1, "\x1b[2K"), (2, "\ronce")];
        let picture = moving_svg(&[film(&shown), film(&shown)], 10, "", "");
        assert_eq!(picture.matches(">once</text>").count(), 1);
        assert_eq!(picture.matches("<use ").count(), 4);
    }
}
