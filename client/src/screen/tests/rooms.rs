//! What happens in the room, as it is shown.

use ratatui_core::style::Color;

use super::*;
use crate::session::When;

#[test]
fn a_link_is_in_its_cells_and_not_in_those_drawn_over_it() {
    let mut rig = Rig::new();
    rig.says("bob", "http://a.b/c");
    rig.screen(70, 10);
    assert_eq!(rig.links.at(20, 7).map(AsRef::as_ref), Some("http://a.b/c"));
    assert_eq!((rig.links.at(19, 7), rig.links.at(32, 7)), (None, None));
    // Another address at the same place is another link.
    rig.says("bob", "http://a.b/d");
    rig.screen(70, 10);
    assert_eq!(rig.links.at(20, 7).map(AsRef::as_ref), Some("http://a.b/d"));
    rig.key(KeyCode::F(1));
    rig.screen(70, 10);
    assert_eq!(rig.links.at(20, 7), None);
}

#[test]
fn a_room_as_a_new_member_sees_it() {
    let mut rig = Rig::new();
    rig.joins("grace");
    rig.joins("bob");
    rig.says("bob", "hi, who has the notes?");
    rig.says("grace", "I do:\nthey are on the shelf");
    rig.says("ada", "thanks!");
    rig.says("bob", "waves");
    rig.told("bob", "ada", "psst");
    rig.leaves("bob");
    let expected = [
        "                                                      │─ 3 here ────────────────",
        "                                                      │ ada",
        "                                                      │ bob",
        "17:00 -- grace, bob joined                            │ grace",
        "17:00 bob hi, who has the notes?                      │",
        "17:00 grace I do:                                     │",
        "      they are on the shelf                           │─ Shelf ──────── Ctrl-F ─",
        "17:00 ada thanks!                                     │ 7 notes.pdf",
        "17:00 * bob waves                                     │   5.0 MB · 3 min · grace",
        "17:00 [bob → you] psst                                │ 3 photo of us.jpg",
        "17:00 -- bob left                                     │   5.0 MB · 3 min · grace",
        " ada · lab:9000 · 3 here · encrypted, verified",
        "> type to talk; F1 or /help shows the keys",
    ];
    assert_eq!(rig.screen(80, 13), expected);
}

#[test]
fn a_nick_has_one_colour_and_a_line_that_names_us_another() {
    let mut rig = Rig::new();
    rig.says("bob", "hello");
    rig.says("bob", "Ada: look");
    rig.says("grace", "hello");
    let buffer = rig.draw(100, 20);
    let bob = colour_of(&buffer, "bob  hello");
    assert_eq!(bob, colour_of(&buffer, "bob  Ada"));
    assert_ne!(bob, Color::Reset);
    assert_ne!(colour_of(&buffer, "grace  hello"), bob, "of these two");
    assert_eq!(colour_of(&buffer, "hello"), Color::Reset);
    assert_eq!(colour_of(&buffer, "Ada: look"), Color::Yellow);
}

#[test]
fn a_new_day_is_marked() {
    let mut rig = Rig::new();
    rig.says("bob", "good night");
    rig.at = UnixMillis(AT.0 + 24 * 60 * MINUTE);
    rig.says("bob", "good morning");
    let text = rig.text(60, 12);
    let (night, rest) = text.split_once("good night").unwrap();
    assert!(!night.contains("2026"), "today needs no mark");
    assert!(rest.contains("─ Monday, 23 November 2026 ─"), "{text}");
}

#[test]
fn history_is_set_apart_is_not_unread_and_rings_no_bell() {
    let mut rig = Rig::new();
    rig.state.attention.focus(false);
    rig.state.show(News::Before("the last 1 lines".into(), When::History), rig.now, AT);
    rig.says("bob", "ada: are you there?");
    rig.state.show(News::Now, rig.now, AT);
    let text = rig.text(60, 12);
    assert!(text.contains("─ the last 1 lines ─") && text.contains("─ now ─"), "{text}");
    assert!(!rig.state.attention.take_bell(rig.now));
    assert_eq!(rig.state.attention.unread(), 0);
}

#[test]
fn new_lines_while_nobody_looks_are_marked_and_counted_in_the_title() {
    let mut rig = Rig::new();
    rig.says("bob", "seen");
    rig.state.handle(Input::FocusLost, rig.now);
    rig.says("bob", "not seen");
    rig.says("bob", "neither");
    let text = rig.text(60, 12);
    let (above, below) = text.split_once("─ new ─").unwrap();
    assert!(above.contains("seen") && below.contains("not seen"), "{text}");
    assert!(text.contains("2 new"), "{text}");
    assert_eq!(rig.state.title(), "(2) chatshelf lab:9000");
    rig.state.handle(Input::FocusGained, rig.now);
    assert_eq!(rig.state.title(), "chatshelf lab:9000");
    assert!(rig.text(60, 12).contains("─ new ─"), "the mark stays to be found");
    rig.state.handle(Input::FocusLost, rig.now);
    rig.says("bob", "later");
    let text = rig.text(60, 12);
    assert!(text.split_once("─ new ─").unwrap().0.contains("neither"), "it moves on: {text}");
}

#[test]
fn the_bell_rings_for_a_mention_and_a_private_message() {
    let mut rig = Rig::new();
    let rings = |rig: &mut Rig| {
        rig.now += Duration::from_secs(2);
        rig.state.attention.take_bell(rig.now)
    };
    rig.says("bob", "hello");
    assert!(!rings(&mut rig));
    rig.says("bob", "hello ada");
    assert!(rings(&mut rig));
    rig.told("bob", "ada", "psst");
    assert!(rings(&mut rig));
    rig.says("ada", "I am ada");
    rig.told("ada", "bob", "psst");
    assert!(!rings(&mut rig), "nor do we call ourselves");
}

#[test]
fn new_lines_do_not_move_what_is_being_read() {
    let mut rig = Rig::new();
    (0..50).for_each(|number| rig.says("bob", &format!("line {number}")));
    rig.screen(60, 12);
    rig.key(KeyCode::PageUp);
    let before = rig.screen(60, 12);
    rig.says("bob", "one more");
    let after = rig.screen(60, 12);
    assert_eq!(before[..9], after[..9]);
    assert!(after[10].contains("↓ 1 new, Esc"), "{after:?}");
    rig.key(KeyCode::Esc);
    assert!(rig.text(60, 12).contains("one more"));
}

#[test]
fn wide_and_combining_characters_line_up() {
    let mut rig = Rig::new();
    rig.says("李雷", "你好世界");
    rig.says("bob", "e\u{301}e\u{301} 👩");
    rig.says("grace", "plain");
    let screen = rig.screen(90, 14);
    let lines: Vec<&String> = screen.iter().filter(|line| line.contains("17:00")).collect();
    let column =
        |line: &str, text: &str| super::super::wrap::width(line.split(text).next().unwrap());
    assert_eq!(column(lines[0], "你好"), 20);
    assert_eq!(column(lines[1], "e\u{301}"), 20);
    assert_eq!(column(lines[2], "plain"), 20);
    let side = |line: &&String| column(line, "│");
    assert!(lines.iter().all(|line| side(line) == 64), "{screen:?}");
}

#[test]
fn failures_stand_out() {
    let mut rig = Rig::new();
    rig.state.show(News::Failure("x\x1b[2J not uploaded".into()), rig.now, AT);
    let buffer = rig.draw(60, 12);
    assert_eq!(colour_of(&buffer, "x\u{fffd}[2J not"), Color::Red);
}

#[test]
fn our_own_lines_are_recognised_at_once_after_a_rename() {
    let mut rig = Rig::new();
    let renamed = chatshelf_common::wire::frame::Renamed {
        seq: Seq(1),
        at: AT,
        nick: nick("ada"),
        to: nick("lovelace"),
    };
    rig.happens(renamed);
    rig.says("lovelace", "I am lovelace now");
    assert!(!rig.state.attention.take_bell(rig.now));
}
