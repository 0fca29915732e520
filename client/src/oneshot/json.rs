//! What is shown as JSON. Pure functions.
//!
//! Writing it takes these few lines, and they do what a library does not: everything that could act
//! on a terminal is escaped, so that JSON is safe to look at and still says exactly what was sent.

use std::fmt::Write;

use chatshelf_common::id::{Mode, UnixMillis};
use chatshelf_common::text::{Nick, Topic, is_invisible_format};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Style, Told};
use jiff::Timestamp;

/// An object that is being written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".into())
    }

    /// An event of a type, with what every event has.
    fn event(kind: &str, event: &Event) -> Self {
        Self::new().text("type", kind).number("seq", event.seq().0).time("at", event.at())
    }

    fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.0, value);
        self
    }

    /// A text that may not be there.
    fn optional(mut self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => {
                self.key(key);
                self.0.push_str("null");
                self
            }
        }
    }

    fn number(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        self.0.push_str(&value.to_string());
        self
    }

    fn flag(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        self.0.push_str(if value { "true" } else { "false" });
        self
    }

    /// Permissions in octal, if they are known.
    fn mode(self, key: &str, mode: Option<Mode>) -> Self {
        self.optional(key, mode.map(|mode| mode.to_string()).as_deref())
    }

    /// A moment that may not be known.
    fn optional_time(self, key: &str, at: Option<UnixMillis>) -> Self {
        match at {
            Some(at) => self.time(key, at),
            None => self.optional(key, None),
        }
    }

    /// A moment, as RFC 3339 has it; null where there is no such day.
    fn time(self, key: &str, at: UnixMillis) -> Self {
        let millis = i64::try_from(at.0).ok();
        let moment = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let text = moment.map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        self.optional(key, text.as_deref())
    }

    fn item(self, item: &Item) -> Self {
        self.number("id", item.id.0)
            .text("name", item.name.as_str())
            .number("size", item.size)
            .text("nick", item.nick.as_str())
    }

    fn attributes(self, item: &Item) -> Self {
        self.mode("mode", item.mode).optional_time("modified", item.modified)
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// An event.
pub(super) fn event(event: &Event) -> String {
    let of = |kind| Object::event(kind, event);
    match event {
        Event::Said(said) => of("said")
            .text("nick", said.nick.as_str())
            .text("text", said.text.as_str())
            .flag("action", said.style == Some(Style::ACTION)),
        Event::Joined(joined) => {
            of("joined").text("nick", joined.nick.as_str()).flag("quiet", event.is_quiet())
        }
        Event::Left(left) => of("left")
            .text("nick", left.nick.as_str())
            .text("why", &left.code.to_string())
            .flag("quiet", event.is_quiet()),
        Event::Renamed(renamed) => {
            of("renamed").text("nick", renamed.nick.as_str()).text("to", renamed.to.as_str())
        }
        Event::TopicChanged(change) => of("topic")
            .text("nick", change.nick.as_str())
            .optional("topic", change.topic.as_ref().map(Topic::as_str)),
        Event::Shelved(shelved) => {
            let digest = shelved.item.digest.to_string();
            of("shelved").item(&shelved.item).text("digest", &digest).attributes(&shelved.item)
        }
        Event::Dropped(dropped) => {
            let object = of("dropped").number("id", dropped.item.0);
            let object = object.text("name", dropped.name.as_str());
            object.optional("nick", dropped.nick.as_ref().map(Nick::as_str))
        }
        Event::Forgotten(_) => of("forgotten"),
    }
    .end()
}

/// A private message. It is no event of the room, so it has no place in its order.
pub(super) fn told(told: &Told) -> String {
    let object = Object::new().text("type", "told").time("at", told.at);
    let object = object.text("from", told.from.as_str()).text("to", told.to.as_str());
    object.text("text", told.text.as_str()).end()
}

/// What is on the shelf.
pub(super) fn item(item: &Item) -> String {
    let object = Object::new().item(item).time("at", item.at);
    object.text("digest", &item.digest.to_string()).attributes(item).end()
}

/// Who is here.
pub(super) fn member(nick: &Nick) -> String {
    Object::new().text("nick", nick.as_str()).end()
}

/// Several of them.
pub(super) fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_invisible_format(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{Attributes, ItemId, MessageId, Seq};
    use chatshelf_common::text::{FileName, Message};
    use chatshelf_common::wire::frame::{Forgotten, Said, Shelved, TopicChanged};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    /// 2026-11-22T17:00:00Z.
    const AT: UnixMillis = UnixMillis(1_795_366_800_000);

    #[test]
    fn events_are_objects_with_a_type() {
        let (seq, at, nick) = (Seq(7), AT, nick("ada"));
        let text = Message::new("say \"hi\"\n\\o/").unwrap();
        let said = Said { seq, at, nick: nick.clone(), id: MessageId(1), text, style: None };
        let expected = json!({"type": "said", "seq": 7, "at": "2026-11-22T17:00:00.000Z", "nick": "ada",
            "text": "say \"hi\"\n\\o/", "action": false});
        assert_eq!(parsed(&event(&said.into())), expected);
        let (name, digest) = (FileName::new("a b").unwrap(), blake3::hash(b"").into());
        let item = Item::new(ItemId(3), name, 1 << 40, digest, nick.clone(), at);
        let shelved = parsed(&event(&Shelved { seq, at, item: item.clone() }.into()));
        assert_eq!(shelved["id"], 3);
        assert_eq!(shelved["digest"], blake3::hash(b"").to_string());
        let listed = parsed(&array([super::item(&item), super::item(&item)].into_iter()));
        assert_eq!(listed[1]["size"], 1_u64 << 40);
        assert_eq!((&listed[0]["mode"], &listed[0]["modified"]), (&Value::Null, &Value::Null));
        let attributes = Attributes { mode: Mode::new(0o644), modified: Some(at) };
        let item = item.with(attributes);
        for shown in [super::item(&item), event(&Shelved { seq, at, item }.into())] {
            let shown = parsed(&shown);
            assert_eq!((&shown["mode"], &shown["modified"]), (&json!("0644"), &expected["at"]));
        }
        let cleared = TopicChanged { seq, at, nick, topic: None };
        assert_eq!(parsed(&event(&cleared.into()))["topic"], Value::Null);
        let no_day = Forgotten { seq, at: UnixMillis(u64::MAX) };
        assert_eq!(parsed(&event(&no_day.into()))["at"], Value::Null);
        assert_eq!(array(std::iter::empty()), "[]");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_and_can_do_nothing_to_a_terminal(text in ".*") {
            let text = format!("{text}\u{9b}2J\u{202e}\u{e0041}\r\n");
            let mut quoted = String::new();
            quote(&mut quoted, &text);
            prop_assert_eq!(parsed(&quoted), Value::String(text));
            prop_assert!(!quoted.contains(|c: char| c.is_control() || is_invisible_format(c)));
        }
    }
}
