//! What is around the talk: sidebar, transfers, status bar, input, questions; on wide and narrow
//! terminals, with and without colours and Unicode.

use ratatui_core::style::{Color, Modifier};

use super::super::dialog::Dialog;
use super::super::entry::Entry;
use super::*;

fn rig_with_bars() -> Rig {
    let mut rig = Rig::new();
    rig.facts(|facts| {
        let stalled = Bar {
            is_upload: false,
            text: "stalled for 7 s".into(),
            is_stalled: true,
            ..bar("photos.zip")
        };
        facts.bars = vec![bar("notes.iso"), stalled];
    });
    rig
}

#[test]
fn transfers_have_bars_with_name_percent_bytes_rate_and_eta() {
    let screen = rig_with_bars().screen(100, 24);
    assert_eq!(
        screen[20],
        " ↑ notes.iso  61% ████████████░░░░░░░░ 239.0/388.0 MB, 24.0 MB/s, ETA 0:06"
    );
    assert_eq!(
        screen[21],
        " ↓ photos.zip  61% ████████████░░░░░░░░ 239.0/388.0 MB, stalled for 7 s"
    );
    let buffer = rig_with_bars().draw(100, 24);
    assert_eq!(colour_of(&buffer, "24.0 MB/s"), Color::Reset);
    assert_eq!(colour_of(&buffer, "stalled"), Color::Red);
}

#[test]
fn the_frame_of_a_question_is_whole_over_characters_of_two_columns() {
    let mut rig = Rig::new();
    for line in 0..20 {
        // Half of the lines reach into the frame with half a character.
        rig.says("bob", &format!("{}{}", "x".repeat(line % 2), "聊".repeat(30)));
    }
    rig.state.dialog = Some(Dialog::Quit);
    let buffer = rig.draw(79, 24);
    let corner = buffer.area.positions().find(|at| buffer[*at].symbol() == "┌").unwrap();
    for y in corner.y..corner.y + 5 {
        let before = buffer[(corner.x - 1, y)].symbol();
        assert!(crate::screen::wrap::width(before) <= 1, "row {y}: {before}");
    }
}

#[test]
fn lines_without_a_receipt_stand_below_the_talk_and_are_dim() {
    let mut rig = Rig::new();
    rig.says("bob", "hello");
    let (me, text) = (nick("ada"), Message::new("second line xyzzy").unwrap());
    rig.facts(|facts| {
        let tell = Entry::pending_command("/msg bob psst");
        facts.pending = vec![Entry::pending(&me, &text, false), tell];
    });
    let screen = rig.screen(70, 8);
    assert_eq!(screen[3], "17:00          bob  hello");
    assert_eq!(screen[4], "  ...          ada  second line xyzzy");
    assert_eq!(screen[5], "  ... -- /msg bob psst");
    let buffer = rig.draw(70, 8);
    assert!(buffer[(20, 4)].modifier.contains(Modifier::DIM), "{:?}", buffer[(20, 4)]);
    // With its receipt, it is talk like any other.
    rig.facts(|facts| facts.pending.clear());
    rig.says("ada", "second line xyzzy");
    assert_eq!(rig.screen(70, 8)[5], "17:00          ada  second line xyzzy");
}

#[test]
fn many_lines_without_a_receipt_leave_half_to_the_talk() {
    let mut rig = Rig::new();
    (0..20).for_each(|number| rig.says("bob", &format!("line {number}")));
    rig.facts(|facts| {
        facts.pending = (0..9).map(|n| Entry::pending_command(&format!("/nick n{n}"))).collect();
    });
    let text = rig.text(70, 10);
    assert!(text.contains("line 19") && text.contains("/nick n8") && !text.contains("/nick n4"));
    rig.key(KeyCode::PageUp);
    assert!(!rig.text(70, 10).contains("/nick"), "older lines are looked at");
}

#[test]
fn a_silent_server_shows_in_the_status_bar() {
    let mut rig = Rig::new();
    rig.facts(|facts| {
        facts.lag = Some(Duration::from_secs(7));
        (facts.silent, facts.undelivered) = (Some(7), 2);
    });
    let screen = rig.screen(100, 24);
    assert!(screen[22].starts_with(" no answer for 7 s · 2 lines waiting · ada"), "{}", screen[22]);
    assert!(!screen[22].contains("lag"), "{}", screen[22]);
    let narrow = rig.screen(40, 10);
    assert!(narrow[8].starts_with(" no answer for 7 s · 2 lines waiting"), "{}", narrow[8]);
}

#[test]
fn on_a_narrow_terminal_the_talk_and_what_matters_stay() {
    let mut rig = rig_with_bars();
    rig.says("bob", "does this still fit on forty columns? yes");
    let screen = rig.screen(40, 10);
    assert_eq!(screen.join("\n").matches("notes.pdf").count(), 0, "no side column: {screen:?}");
    assert_eq!(screen[5], "17:00 bob does this still fit on forty");
    assert_eq!(screen[6], "      columns? yes");
    assert_eq!(screen[7], " ↑ notes.iso  61% 239.0/388.0 MB, 24… +1");
    assert_eq!(screen[8], " ada · lab:9000 · encrypted, verified");
    assert!(screen[9].starts_with('>'));
}

#[test]
fn no_screen_is_too_small_to_draw() {
    let mut rig = rig_with_bars();
    rig.says("bob", "hello 李雷");
    rig.types("some text");
    for dialog in [false, true] {
        for columns in 1..30 {
            for rows in 1..12 {
                rig.state.dialog = dialog.then_some(Dialog::Help(0));
                rig.screen(columns, rows);
                rig.state.dialog = None;
                rig.control('f');
                rig.screen(columns, rows);
                rig.key(KeyCode::Esc);
            }
        }
    }
}

#[test]
fn the_status_bar_shows_the_state_of_the_connection() {
    let mut rig = Rig::new();
    let mut status = |connection: Connection, lag: Option<u64>| {
        rig.facts(|facts| {
            facts.connection = connection;
            facts.lag = lag.map(Duration::from_millis);
        });
        rig.screen(100, 20)[18].clone()
    };
    let all = status(Connection::Joined, Some(12));
    assert_eq!(all, " ada · lab:9000 · 3 here · encrypted, verified · lag 12 ms");
    let slow = status(Connection::Joined, Some(1300));
    assert!(slow.starts_with(" lag 1.3 s · ada"), "{slow}");
    let lost = status(Connection::Offline(Some(4)), Some(1300));
    assert!(lost.starts_with(" reconnecting in 4 s · ada"), "{lost}");
    assert!(!lost.contains("lag"), "{lost}");
    assert!(status(Connection::Offline(None), None).starts_with(" reconnecting · "));
    assert!(status(Connection::Connecting, None).starts_with(" connecting · "));
}

#[test]
fn the_topic_is_above_everything_if_there_is_room() {
    let mut rig = Rig::new();
    rig.facts(|facts| facts.topic = Some("exam on Friday".into()));
    assert_eq!(rig.screen(60, 12)[0], " topic: exam on Friday");
    assert!(!rig.text(60, 10).contains("exam"));
}

#[test]
fn more_members_and_items_than_fit_are_counted_or_scrolled_to() {
    let mut rig = Rig::new();
    rig.facts(|facts| {
        facts.members = Arc::new((0..100).map(|number| format!("m{number:02}")).collect());
        facts.shelf = (0..20).rev().map(|id| shelf_item(id, &format!("file {id}"))).collect();
    });
    let text = rig.text(80, 24);
    assert!(text.contains("100 here") && text.contains("and 98 more"), "{text}");
    assert!(text.contains("file 19") && !text.contains("file 3\n"), "{text}");
    rig.control('f');
    (0..16).for_each(|_| drop(rig.key(KeyCode::Down)));
    assert!(rig.text(80, 24).contains("▸3 file 3"), "{}", rig.text(80, 24));
}

#[test]
fn the_input_grows_with_its_lines_and_keeps_the_cursor_visible() {
    let mut rig = Rig::new();
    rig.types("one");
    rig.press(KeyCode::Enter, KeyModifiers::ALT);
    rig.types("two");
    let screen = rig.screen(60, 12);
    assert_eq!(screen[10..], ["> one", "  two"]);
    assert_eq!(rig.state.areas.cursor, Some((5, 11).into()));
    (0..20).for_each(|_| drop(rig.press(KeyCode::Enter, KeyModifiers::ALT)));
    rig.types("last");
    let screen = rig.screen(60, 12);
    assert_eq!(screen[11], "  last");
    assert!(screen[7].contains("ada · lab:9000"), "a third of the height: {screen:?}");
}

#[test]
fn the_help_shows_the_keys_first_and_every_command_when_it_is_scrolled() {
    let mut rig = Rig::new();
    rig.key(KeyCode::F(1));
    let text = rig.text(80, 24);
    for word in ["Help", "/upload PATH", "Tab", "Ctrl-F", "Ctrl-C"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    for (columns, rows) in [(80, 24), (40, 10)] {
        rig.screen(columns, rows);
        (0..50).for_each(|_| drop(rig.key(KeyCode::Down)));
        let text = rig.text(columns, rows);
        assert!(text.contains("/quit") && text.contains("//text"), "scrolled: {text}");
    }
    rig.key(KeyCode::Esc);
    assert!(!rig.text(80, 24).contains("/upload"));
}

#[test]
fn without_colours_there_are_none() {
    let mut rig = Rig::with(Theme { colour: false, ascii: false });
    rig.says("bob", "hello ada");
    rig.told("bob", "ada", "psst");
    rig.state.show(News::Failure("no".into()), rig.now, AT);
    rig.facts(|facts| {
        facts.bars = vec![bar("notes.iso")];
        facts.connection = Connection::Offline(Some(4));
    });
    rig.control('c');
    let buffer = rig.draw(100, 24);
    assert!(buffer.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
}

#[test]
fn with_ascii_the_program_draws_nothing_else() {
    let mut rig = Rig::with(Theme { colour: true, ascii: true });
    rig.facts(|facts| facts.bars = vec![bar(&"long name ".repeat(9)), bar("b"), bar("c")]);
    rig.told("bob", "ada", "psst");
    rig.at = UnixMillis(AT.0 + 24 * 60 * MINUTE);
    rig.says("bob", "hello");
    rig.control('f');
    for (columns, rows) in [(100, 24), (40, 12)] {
        let text = rig.text(columns, rows);
        assert!(text.is_ascii(), "{text}");
    }
    rig.key(KeyCode::Esc);
    rig.control('c');
    assert!(rig.text(100, 24).is_ascii());
}
