//! QR codes on a terminal, so that a phone need not type an address. Pure functions.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Draws a text as a QR code, two rows of it in each line, with the margin that scanners need. The
/// light parts are drawn, because terminals are dark more often than light; scanners read both.
/// Returns `None` for a text that is too long.
#[must_use]
pub fn draw(text: &str) -> Option<String> {
    // A screen is clean, so little of the code is spent on repair.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Some(renderer.build())
}

/// The same, if it fits into so many columns: a code that is broken leads nowhere.
#[must_use]
pub fn draw_within(text: &str, columns: usize) -> Option<String> {
    draw(text).filter(|code| code.lines().all(|row| row.chars().count() <= columns))
}

#[cfg(test)]
mod tests {
    use qrcode::Color;

    use super::*;

    #[test]
    fn what_is_drawn_is_the_code_with_a_margin_of_four() {
        let text = "https://192.168.1.10:9000/";
        let drawn = draw(text).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let is_light = |x: usize, y: usize| {
            let inside = (4..4 + code.width()).contains(&x) && (4..4 + code.width()).contains(&y);
            !inside || code[(x - 4, y - 4)] == Color::Light
        };
        for (line, row) in drawn.lines().zip(0..) {
            assert_eq!(line.chars().count(), code.width() + 8);
            for (c, x) in line.chars().zip(0..) {
                let (upper, lower) = match c {
                    '█' => (true, true),
                    '▀' => (true, false),
                    '▄' => (false, true),
                    ' ' => (false, false),
                    c => panic!("{c:?}"),
                };
                assert_eq!(upper, is_light(x, 2 * row), "{x}, {row}");
                // The last line has half a row more than the code.
                assert!(lower == is_light(x, 2 * row + 1) || 2 * row + 1 == code.width() + 8);
            }
        }
        assert_eq!(drawn.lines().count(), (code.width() + 8).div_ceil(2));
        assert_eq!(draw(&"x".repeat(5_000)), None);
        let columns = code.width() + 8;
        assert_eq!(draw_within(text, columns).as_ref(), Some(&drawn));
        assert_eq!(draw_within(text, columns - 1), None);
    }
}
