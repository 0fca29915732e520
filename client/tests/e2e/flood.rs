//! A room that talks without end, on a full screen.

use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::Program;

use crate::harness::room::Room;
use crate::harness::terminal::Terminal;

/// Lines in a tenth of a second: 1,000 a second.
const LINES: usize = 100;
/// The frames that may be drawn in a second.
const FRAMES_MAX: f64 = 60.0;
/// How each frame begins: what follows is shown at once.
const FRAME: &[u8] = b"\x1b[?2026h";

/// Says so many tenths of a second's lines, each tenth in its time; `beside` is called in between.
fn flood(speaker: &mut Program, tenths: u32, mut beside: impl FnMut(u32)) {
    let started = Instant::now();
    for tenth in 0..tenths {
        let line = |line| format!("line {line} of {tenth}: {}", "word ".repeat(12));
        speaker.types(&(0..LINES).map(line).collect::<Vec<_>>().join("\n"));
        beside(tenth);
        let due = started + Duration::from_millis(u64::from(tenth + 1) * 100);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn last_line(tenths: u32) -> String {
    format!("line {} of {}:", LINES - 1, tenths - 1)
}

#[test]
fn a_flood_is_drawn_at_most_sixty_times_a_second_and_typing_still_works() {
    const TENTHS: u32 = 20;
    let room = Room::open();
    let mut speaker = room.join("flood");
    let mut terminal = Terminal::start_sized(&room.command("ada"), (30, 100));
    terminal.shows("welcome, ada");
    let frames = |terminal: &Terminal| {
        terminal.bytes().windows(FRAME.len()).filter(|window| *window == FRAME).count()
    };
    let (before, started) = (frames(&terminal), Instant::now());
    flood(&mut speaker, TENTHS, |tenth| {
        if tenth == TENTHS / 2 {
            terminal.types("typed meanwhile");
            terminal.cursor_is_behind("> typed meanwhile");
        }
    });
    terminal.shows(&last_line(TENTHS));
    let drawn = frames(&terminal) - before;
    let allowed = started.elapsed().as_secs_f64() * FRAMES_MAX + 1.0;
    assert!(drawn > 1 && drawn as f64 <= allowed, "{drawn} frames, {allowed} allowed");
}

/// Measures, and asserts nothing.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "a measurement: make bench-client"]
fn what_a_flood_costs() {
    const TENTHS: u32 = 100;
    let room = Room::open();
    let mut speaker = room.join("flood");
    let terminal = Terminal::start_sized(&room.command("ada"), (40, 120));
    terminal.shows("welcome, ada");
    let measure = |what: &str, work: &mut dyn FnMut()| {
        let cpu = || proc_stats::cpu(terminal.pid()).unwrap();
        let (before, started) = (cpu(), Instant::now());
        work();
        let share = (cpu() - before).as_secs_f64() / started.elapsed().as_secs_f64();
        println!("{what}: {:.1} % of a core", share * 100.0);
    };
    measure("a quiet room", &mut || std::thread::sleep(Duration::from_secs(5)));
    measure("1,000 lines a second", &mut || {
        flood(&mut speaker, TENTHS, |_| ());
        terminal.shows(&last_line(TENTHS));
    });
}
