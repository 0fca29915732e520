//! Who sends what to whom, from top to bottom, drawn from a script.

use crate::svg::{Area, Canvas, Kind, text_height, text_width};

const HEAD_HEIGHT: i32 = 30;
const WIDTH: i32 = 760;

/// Draws a script. Each of its lines is one of
///
/// - `a -> b: text`, a frame or a request; `a --> b: text`, an answer;
/// - `a: text`, what happens at `a`; `a..b: text`, a remark about both;
/// - `loop: text` and `end`, around what repeats;
/// - `cut`, where the connection breaks.
///
/// Columns are known by the first word of their names; `|` begins a line of text, also at the end
/// of one of the script.
pub(crate) fn draw(columns: &[(&str, i32)], script: &str) -> String {
    let joined = script.lines().map(str::trim).collect::<Vec<_>>().join("\n").replace("|\n", "|");
    let steps: Vec<&str> = joined.lines().filter(|it| !it.is_empty()).collect();
    let height = HEAD_HEIGHT + 26 + steps.iter().map(|step| height_of(step)).sum::<i32>();
    let mut canvas = Canvas::new(WIDTH, height);
    for (name, x) in columns {
        canvas.line(&[(*x, HEAD_HEIGHT + 5), (*x, height - 8)], "stroke-dasharray='2 4'");
        let width = text_width(name).max(60) + 24;
        let kind = if name.starts_with("server") { Kind::Main } else { Kind::Part };
        canvas.part(Area(x - width / 2, 4, width, HEAD_HEIGHT), kind, name);
    }
    let at = |name: &str| {
        let found = columns.iter().find(|(it, _)| it.split([' ', ',']).next() == Some(name.trim()));
        found.map_or(0, |(_, x)| *x)
    };
    let (mut y, mut loops) = (HEAD_HEIGHT + 16, Vec::new());
    for step in steps {
        let height = height_of(step);
        match (step.split_once(": ").unwrap_or((step, "")), step.contains("->")) {
            (("loop", text), _) => {
                loops.push(y);
                canvas.text((20, y + 13), "start", text);
            }
            (("end", _), _) => {
                let top = loops.pop().unwrap_or(y);
                canvas.line(
                    &[(12, top), (WIDTH - 12, top), (WIDTH - 12, y), (12, y), (12, top)],
                    "stroke-dasharray='5 4'",
                );
            }
            (("cut", _), _) => {
                canvas.line(&[(12, y + 9), (WIDTH - 12, y + 9)], "stroke-dasharray='10 6'");
                canvas.text((WIDTH / 2, y + 13), "middle", "the connection breaks");
            }
            ((ends, text), true) => message(&mut canvas, ends, text, y + height - 10, at),
            ((over, text), false) => note(&mut canvas, over, text, Area(0, y, 0, height - 6), at),
        }
        y += height;
    }
    canvas.into_svg()
}

fn height_of(step: &str) -> i32 {
    let text = step.split_once(": ").map_or("", |(_, text)| text);
    match step {
        "end" => 14,
        _ if step.contains("->") => text_height(text) + 15,
        _ if step.starts_with("loop") || step == "cut" => 24,
        _ => text_height(text) + 20,
    }
}

fn message(canvas: &mut Canvas, ends: &str, text: &str, y: i32, at: impl Fn(&str) -> i32) {
    let dashed = if ends.contains("-->") { "stroke-dasharray='5 3'" } else { "" };
    let (from, to) = ends.split_once("->").unwrap_or((ends, ends));
    let (from, to) = (at(from.trim_end_matches(['-', ' '])), at(to));
    canvas.arrow(&[(from, y), (to, y)], dashed);
    let top = y - 6 - (text_height(text) - text_height(""));
    let middle = i32::midpoint(from, to);
    let half = text_width(text) / 2 + 4;
    canvas.text((middle.clamp(half, (WIDTH - half).max(half)), top), "middle", text);
}

fn note(canvas: &mut Canvas, over: &str, text: &str, area: Area, at: impl Fn(&str) -> i32) {
    let (first, last) = over.split_once("..").unwrap_or((over, over));
    let middle = i32::midpoint(at(first), at(last));
    let width = text_width(text) + 18;
    let left = (middle - width / 2).clamp(4, WIDTH - width - 4);
    canvas.part(Area(left, area.1, width, area.3), Kind::Note, text);
}
