//! Text that people see, and lines that they type. What is shown cannot act on the terminal, and is
//! shown as it is a second time; what is cleaned is clean; names and commands are read or refused.

use chatshelf_client::command;
use chatshelf_client::item::{ItemLine, ItemRef};
use chatshelf_client::text::{cleaned, shown, shown_lines};
use chatshelf_common::text::{FileName, LinkBase, Message, Nick, Note, TextError, Topic};

/// Any bytes, most of them UTF-8.
pub(crate) fn run(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    show(text);
    let clean = cleaned(text);
    assert!(clean.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()), "{clean:?}");
    assert_eq!(cleaned(&clean), clean);
    let _ = (command::parse(text), ItemRef::new(text), ItemLine::new(text));
    name(text, bytes);
    let note = Note::lossy(text);
    assert_eq!(Note::new(note.as_str()).as_ref(), Ok(&note));
    if let Ok(base) = LinkBase::from_bytes(bytes) {
        assert_eq!(shown(base.as_str()), text);
    }
    if let Ok(message) = Message::from_bytes(bytes) {
        assert_eq!(message.as_str().as_bytes(), bytes);
    }
    if let Ok(topic) = Topic::from_bytes(bytes) {
        assert_eq!(topic.as_str().as_bytes(), bytes);
    }
}

fn show(text: &str) {
    let acts =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = shown(text);
    assert!(!line.chars().any(acts), "{line:?}");
    assert_eq!(shown(&line), line);
    let is_plain = |line: String| !line.chars().any(|c| c != '\t' && acts(c));
    assert!(shown_lines(text).all(is_plain));
}

fn name(text: &str, bytes: &[u8]) {
    match FileName::lossy(text) {
        Ok(name) => assert_eq!(FileName::new(name.as_str()), Ok(name)),
        Err(why) => assert!(matches!(why, TextError::Empty | TextError::Reserved), "{why}"),
    }
    if let Ok(name) = FileName::from_bytes(bytes) {
        let (stem, extension) = name.split_extension();
        assert_eq!([stem, extension].concat(), name.as_str());
    }
    if let Ok(nick) = Nick::from_bytes(bytes) {
        assert!(nick.is_same(&nick));
        let folded = Nick::from_bytes(nick.folded().as_bytes());
        assert!(folded.is_err() || folded.is_ok_and(|folded| folded.folded() == nick.folded()));
        let _ = (nick.check_new(), nick.key_as_spelt());
    }
}
