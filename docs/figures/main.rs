//! Draws the figures of docs/REPORT.md: `make figures` writes them beside this file. A test fails
//! when a figure is not as it would be drawn.

mod layout;
mod parts;
mod phases;
mod room_log;
mod sequence;
mod sequences;
mod states;
mod svg;

use std::path::{Path, PathBuf};

/// All figures, by the names of their files.
fn figures() -> Vec<(&'static str, String)> {
    vec![
        ("architecture.svg", parts::architecture()),
        ("client.svg", parts::client()),
        ("connection.svg", phases::connection()),
        ("download.svg", sequences::download()),
        ("frame.svg", layout::frame()),
        ("join.svg", sequences::join()),
        ("log.svg", room_log::room_log()),
        ("message.svg", sequences::message()),
        ("resume.svg", sequences::resume()),
        ("session.svg", phases::session()),
        ("transfer.svg", phases::transfer()),
        ("turn.svg", parts::turn()),
        ("upload.svg", sequences::upload()),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/figures")
}

fn main() -> std::io::Result<()> {
    for (name, figure) in figures() {
        std::fs::write(folder().join(name), figure)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_figures_are_as_they_are_drawn() {
        for (name, figure) in super::figures() {
            let written = std::fs::read_to_string(super::folder().join(name)).unwrap_or_default();
            // A checkout on Windows may have other ends of lines.
            let written = written.replace("\r\n", "\n");
            assert!(written == figure, "{name} is not as it is drawn: run make figures");
        }
    }
}
