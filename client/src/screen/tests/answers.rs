//! What keys, clicks and pastes do, and what they ask for.

use chatshelf_common::fingerprint::Fingerprint;
use ratatui_crossterm::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::*;
#[cfg(unix)]
use crate::command::Upload;
use crate::command::{self, Command};

fn says(text: &str) -> Action {
    Action::Do(Command::Say(command::message(text).unwrap()))
}

fn click(rig: &mut Rig, text: &str) -> Vec<Action> {
    let screen = rig.screen(80, 20);
    let (row, line) =
        screen.iter().enumerate().find(|(_, line)| line.contains(text)).expect("it is shown");
    let column = super::super::wrap::width(line.split(text).next().unwrap()) as u16;
    let kind = MouseEventKind::Down(MouseButton::Left);
    let modifiers = KeyModifiers::NONE;
    let mouse = MouseEvent { kind, column, row: row as u16, modifiers };
    rig.state.handle(Input::Mouse(mouse), rig.now)
}

#[test]
fn enter_sends_the_line_and_clears_it() {
    let mut rig = Rig::new();
    rig.types("hello");
    assert_eq!(rig.key(KeyCode::Enter), [says("hello")]);
    assert_eq!(rig.key(KeyCode::Enter), [], "an empty line is not sent");
    rig.key(KeyCode::Up);
    assert_eq!(rig.state.editor.text(), "hello");
}

#[test]
fn a_key_chooses_an_item_and_enter_fetches_it() {
    let mut rig = Rig::new();
    rig.control('f');
    assert!(rig.text(80, 20).contains("▸7 notes.pdf"));
    rig.key(KeyCode::Down);
    rig.key(KeyCode::Down);
    assert_eq!(rig.key(KeyCode::Enter), [Action::Do(Command::fetch(ItemId(3)))]);
    assert_eq!(rig.state.chosen, None);
}

#[test]
fn an_item_can_be_chosen_without_a_sidebar() {
    let mut rig = Rig::new();
    rig.control('f');
    let text = rig.text(40, 10);
    assert!(text.contains("Shelf") && text.contains("▸7 notes.pdf"), "{text}");
    rig.key(KeyCode::Esc);
    assert!(!rig.text(40, 10).contains("notes.pdf"));
}

#[test]
fn a_click_chooses_an_item_and_another_fetches_it() {
    let mut rig = Rig::new();
    assert_eq!(click(&mut rig, "photo of us"), []);
    assert_eq!(rig.state.chosen, Some(ItemId(3)));
    assert_eq!(click(&mut rig, "photo of us"), [Action::Do(Command::fetch(ItemId(3)))]);
    click(&mut rig, "notes.pdf");
    click(&mut rig, "3 here");
    assert_eq!(rig.state.chosen, None, "elsewhere");
}

#[test]
fn typing_while_an_item_is_chosen_goes_to_the_input() {
    let mut rig = Rig::new();
    rig.control('f');
    rig.types("hi");
    assert_eq!((rig.state.chosen, rig.state.editor.text()), (None, "hi"));
}

#[test]
fn an_item_that_leaves_the_shelf_is_no_longer_chosen() {
    let mut rig = Rig::new();
    rig.control('f');
    rig.facts(|facts| drop(facts.shelf.remove(0)));
    assert_eq!(rig.state.chosen, Some(ItemId(3)));
    rig.facts(|facts| facts.shelf.clear());
    assert_eq!(rig.state.chosen, None);
}

#[test]
fn tab_completes_and_steps_on_recent_speakers_first() {
    let mut rig = Rig::new();
    rig.facts(|facts| facts.members = Arc::new(["ada", "Ben", "bob"].map(str::to_owned).into()));
    rig.says("bob", "hello");
    rig.types("b");
    rig.key(KeyCode::Tab);
    assert_eq!(rig.state.editor.text(), "bob: ");
    rig.key(KeyCode::Tab);
    assert_eq!(rig.state.editor.text(), "Ben: ");
    rig.press(KeyCode::BackTab, KeyModifiers::SHIFT);
    assert_eq!(rig.state.editor.text(), "bob: ");
    rig.types("/g");
    assert_eq!(rig.state.editor.text(), "bob: /g");
}

#[test]
fn ctrl_c_asks_and_a_second_one_means_it() {
    let mut rig = Rig::new();
    rig.facts(|facts| facts.bars = vec![bar("x")]);
    rig.types("half a line");
    assert_eq!(rig.control('c'), []);
    let text = rig.text(80, 20);
    assert!(
        text.contains("Leave the room?") && text.contains("1 transfer is still running"),
        "{text}"
    );
    rig.key(KeyCode::Esc);
    assert_eq!(rig.state.editor.text(), "half a line", "nothing is lost");
    rig.control('c');
    assert_eq!(rig.control('c'), [Action::Quit]);
}

#[test]
fn a_paste_of_five_lines_is_sent_as_one_message_after_a_question() {
    let mut rig = Rig::new();
    rig.pastes("1\r\n2\r\n3\r\n4");
    assert_eq!(rig.state.editor.text(), "1\n2\n3\n4", "four do not");
    rig.control('c');
    rig.key(KeyCode::Esc);
    rig.state.editor.set("");
    let code = "/etc\r2\r3\r4\r5\r";
    rig.pastes(code);
    assert!(
        rig.text(80, 20).contains("Send 5 lines (12 B) as one message?"),
        "{}",
        rig.text(80, 20)
    );
    assert_eq!(rig.key(KeyCode::Enter), [says("/etc\n2\n3\n4\n5")]);
    rig.pastes(code);
    rig.key(KeyCode::Char('e'));
    assert_eq!(rig.state.editor.text(), "/etc\n2\n3\n4\n5");
    rig.state.editor.set("");
    rig.pastes(code);
    rig.key(KeyCode::Esc);
    assert!(rig.state.editor.is_empty() && rig.state.dialog.is_none());
}

#[test]
fn a_paste_that_is_too_long_for_a_message_is_refused_whole() {
    for pasted in ["x".repeat(8193), "line\n".repeat(20_000)] {
        let mut rig = Rig::new();
        rig.types("before ");
        rig.pastes(&pasted);
        assert!(rig.state.dialog.is_none() && rig.state.editor.text() == "before ");
        let text = rig.text(120, 20);
        assert!(
            text.contains("not pasted: a message holds at most 8192 bytes, and this has "),
            "{text}"
        );
    }
    let mut rig = Rig::new();
    rig.pastes(&"x".repeat(8192));
    assert_eq!(rig.state.editor.text().len(), 8192);
}

#[test]
fn escapes_in_a_paste_are_removed() {
    let mut rig = Rig::new();
    rig.pastes("\x1b[31mred\x1b[0m\x07");
    assert_eq!(rig.state.editor.text(), "red");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_dropped_is_offered_for_upload() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my notes.txt");
    std::fs::write(&path, "hello").unwrap();
    let mut rig = Rig::new();
    rig.pastes(&format!("'{}' ", path.display()));
    let text = rig.text(80, 20);
    assert!(text.contains("Put on the shelf?") && text.contains("my notes.txt  5 B"), "{text}");
    assert_eq!(rig.key(KeyCode::Enter), [Action::Do(Command::upload(vec![path.clone()]))]);
    rig.pastes(&path.display().to_string());
    rig.key(KeyCode::Esc);
    assert_eq!(rig.state.editor.text(), "", "it does not become talk by mistake");
    rig.pastes(&path.display().to_string());
    rig.types("t");
    assert_eq!(rig.state.editor.text(), path.display().to_string(), "except on request");
    rig.control('u');
    rig.types("/upload ");
    rig.pastes(&path.display().to_string());
    assert_eq!(rig.state.editor.text(), format!("/upload {}", path.display()));
}

#[cfg(unix)]
#[test]
fn no_more_files_are_offered_than_the_shelf_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let mut pasted = String::new();
    for number in 1..=25 {
        let path = dir.path().join(format!("img {number}.jpg"));
        std::fs::write(&path, "x").unwrap();
        pasted.push_str(&format!("'{}' ", path.display()));
    }
    let mut rig = Rig::new();
    rig.state.facts.shelf_max = 25;
    rig.pastes(&pasted);
    assert!(rig.text(80, 20).contains("Put 25 files on the shelf?"), "{}", rig.text(80, 20));
    let asked = rig.key(KeyCode::Enter);
    let [Action::Do(Command::Upload(Upload::Files { paths, .. }))] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(paths.len(), 25);
    rig.state.facts.shelf_max = 24;
    rig.pastes(&pasted);
    let text = rig.text(80, 20);
    assert!(text.contains("25 files are too many: the shelf"), "{text}");
    assert_eq!((rig.key(KeyCode::Enter), rig.state.editor.text()), (vec![], ""));
    // A folder gets an answer that helps; after a command, it is an argument.
    let folder = dir.path().display().to_string();
    rig.pastes(&folder);
    assert!(rig.text(80, 20).contains("folder; pack it into one"), "{}", rig.text(80, 20));
    rig.key(KeyCode::Esc);
    rig.types("/download 1 ");
    rig.pastes(&folder);
    assert_eq!(rig.state.editor.text(), format!("/download 1 {folder}"));
}

#[test]
fn a_name_is_asked_for_until_it_is_valid() {
    let mut rig = Rig::new();
    let text = "the name ada is taken; ada2 is free".to_owned();
    let suggestion = Some(nick("ada2"));
    rig.state.show(News::NickRefused { text, suggestion }, rig.now, AT);
    rig.types("no good");
    assert_eq!(rig.key(KeyCode::Enter), []);
    let screen = rig.text(80, 20);
    assert!(screen.contains("'no good' cannot be a name"), "{screen}");
    rig.control('u');
    assert_eq!(rig.key(KeyCode::Enter), [Action::Name(nick("ada2"))]);
    let text = String::new();
    rig.state.show(News::NickRefused { text, suggestion: None }, rig.now, AT);
    rig.types("grace");
    assert_eq!(rig.key(KeyCode::Enter), [Action::Name(nick("grace"))]);
}

#[test]
fn a_new_file_on_the_shelf_is_reported_in_the_talk() {
    let mut rig = Rig::new();
    rig.shelves("slides.pdf");
    let text = rig.text(90, 20);
    assert!(text.contains("grace put slides.pdf on the shelf (number 9, 5.0 MB)"), "{text}");
}

#[test]
fn only_a_whole_word_trusts_a_key_and_the_draft_stays() {
    let key = Fingerprint::of(b"key");
    let asked = || {
        let mut rig = Rig::new();
        rig.types("happy ");
        rig.state.show(News::KeyUnknown(key), rig.now, AT);
        rig
    };
    let mut rig = asked();
    let screen = rig.text(80, 20);
    assert!(screen.contains("Is this the right server?"), "{screen}");
    assert!(screen.contains(&key.to_string()), "on one row, to be compared: {screen}");
    // Who goes on typing means something else.
    for code in "yankee y\n yes it is\n\nY\nn\n\ty\t".chars() {
        let code = match code {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            c => KeyCode::Char(c),
        };
        assert_eq!(rig.key(code), [], "{code:?}");
        assert!(rig.state.dialog.is_some(), "{code:?}");
    }
    rig.pastes("yes\n");
    rig.types("es");
    assert!(rig.text(80, 20).contains("> yes"), "what is typed is seen");
    assert_eq!(rig.key(KeyCode::Enter), [Action::AcceptKey]);
    assert!(rig.state.dialog.is_none());
    assert_eq!(rig.state.editor.text(), "happy ");
    for no in ["no", "/quit"] {
        let mut rig = asked();
        rig.types(no);
        assert_eq!(rig.key(KeyCode::Enter), [Action::RefuseKey]);
    }
    assert_eq!(asked().key(KeyCode::Esc), [Action::RefuseKey]);
    assert_eq!(asked().control('c'), [Action::RefuseKey]);
}

#[test]
fn a_password_is_not_shown_and_what_follows_it_is_no_talk() {
    let mut rig = Rig::new();
    let wanted =
        |is_rooms| News::PasswordWanted { text: "This room has a password.".into(), is_rooms };
    rig.state.show(wanted(true), rig.now, AT);
    rig.types("sesame");
    let screen = rig.text(80, 20);
    assert!(screen.contains("This room has a password.") && !screen.contains("sesame"), "{screen}");
    assert_eq!(rig.key(KeyCode::Enter), [Action::Password("sesame".into())]);
    assert!(rig.text(80, 20).contains("The server verifies the password."));
    // Whoever types it again, before the answer has come, does not tell everyone.
    rig.types("sesame");
    assert_eq!(rig.key(KeyCode::Enter), []);
    rig.state.show(wanted(true), rig.now, AT);
    assert_eq!(rig.key(KeyCode::Esc), [Action::Password(String::new())]);
    rig.state.show(wanted(false), rig.now, AT);
    rig.types("mellon");
    assert_eq!(rig.key(KeyCode::Enter), [Action::Password("mellon".into())]);
    assert!(rig.state.dialog.is_none(), "who is in the room goes on talking");
    rig.key(KeyCode::Up);
    assert_eq!(rig.state.editor.text(), "", "nothing of it is among the lines before");
}
