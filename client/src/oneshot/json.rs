//! What is shown as JSON: the objects that MANUAL.md lists. Pure functions.
//!
//! Everything that could act on a terminal is escaped, so that JSON is safe to look at and still
//! says exactly what was sent.

use std::io::{self, Write};
use std::time::Duration;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::{Nick, Note, Topic, is_invisible_format};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{BanEntry, FIGURES, Item, Stats, Style, Told};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value, json};

use crate::app::moderation::{self, readable};
use crate::discovery::Found;

/// An event of the room.
pub(super) fn event(event: &Event) -> String {
    let (kind, details) = match event {
        Event::Said(said) => {
            let action = said.style == Some(Style::ACTION);
            let (nick, text) = (said.nick.as_str(), readable(said.text.as_str()));
            ("said", json!({"nick": nick, "text": text, "action": action}))
        }
        Event::Joined(joined) => {
            ("joined", json!({"nick": joined.nick.as_str(), "quiet": event.is_quiet()}))
        }
        Event::Left(left) => {
            let (nick, why) = (left.nick.as_str(), left.code.to_string());
            ("left", json!({"nick": nick, "why": why, "quiet": event.is_quiet()}))
        }
        Event::Renamed(renamed) => {
            ("renamed", json!({"nick": renamed.nick.as_str(), "to": renamed.to.as_str()}))
        }
        Event::TopicChanged(change) => {
            let topic = change.topic.as_ref().map(Topic::as_str);
            ("topic", json!({"nick": change.nick.as_str(), "topic": topic}))
        }
        Event::Shelved(shelved) => ("shelved", item(&shelved.item)),
        Event::Dropped(dropped) => {
            let (id, name) = (dropped.item.0, dropped.name.as_str());
            let nick = dropped.nick.as_ref().map(Nick::as_str);
            ("dropped", json!({"id": id, "name": name, "nick": nick}))
        }
        Event::Forgotten(_) => ("forgotten", json!({})),
        Event::Moderated(it) => {
            let details = json!({
                "nick": it.nick.as_str(),
                "action": moderation::action_name(it.action),
                "to": it.to.as_ref().map(Nick::as_str),
                "line": it.line.map(|line| line.0),
                "until": it.until.map(time),
                "reason": it.reason.as_ref().map(Note::as_str),
            });
            ("moderated", details)
        }
    };
    let mut line = json!({"type": kind, "seq": event.seq().0, "at": time(event.at())});
    if let (Value::Object(line), Value::Object(details)) = (&mut line, details) {
        for (key, value) in details {
            // The time of an event is the event's own.
            line.entry(key).or_insert(value);
        }
    }
    written(&line)
}

/// A private message. It is no event of the room, so it has no place in its order.
pub(super) fn told(told: &Told) -> String {
    let (from, to, text) = (told.from.as_str(), told.to.as_str(), told.text.as_str());
    let at = time(told.at);
    written(&json!({"type": "told", "at": at, "from": from, "to": to, "text": text}))
}

/// What is on the shelf.
pub(super) fn shelf(items: &[Item]) -> String {
    written(&items.iter().map(item).collect::<Value>())
}

fn item(item: &Item) -> Value {
    json!({
        "id": item.id.0,
        "name": item.name.as_str(),
        "size": item.size,
        "nick": item.nick.as_str(),
        "at": time(item.at),
        "digest": item.digest.to_string(),
        "mode": item.mode.map(|mode| mode.to_string()),
        "modified": item.modified.and_then(time),
    })
}

/// Where browsers find an item.
pub(super) fn link(item: &Item, link: &str) -> String {
    written(&json!({"id": item.id.0, "name": item.name.as_str(), "link": link}))
}

/// Who is here.
pub(super) fn members(nicks: &[&Nick]) -> String {
    written(&nicks.iter().map(|nick| json!({"nick": nick.as_str()})).collect::<Value>())
}

/// Who is banned.
pub(super) fn bans(bans: &[BanEntry]) -> String {
    let ban = |it: &BanEntry| {
        json!({
            "ban": it.ban.0,
            "to": it.to.as_ref().map(Nick::as_str),
            "address": it.address.map(|address| address.to_canonical().to_string()),
            "until": it.until.and_then(time),
            "nick": it.nick.as_str(),
            "at": time(it.at),
            "reason": it.reason.as_ref().map(Note::as_str),
        })
    };
    written(&bans.iter().map(ban).collect::<Value>())
}

/// Rooms that were found on the local network.
pub(super) fn rooms(rooms: &[Found]) -> String {
    let room = |room: &Found| {
        let (host, port) = (room.server.host(), room.server.port());
        json!({"name": room.name, "host": host, "port": port, "key": room.key})
    };
    written(&rooms.iter().map(room).collect::<Value>())
}

/// What the server has done. Figures that this program does not know have no name here.
pub(super) fn stats(stats: &Stats, software: Option<&Note>, rtt: Option<Duration>) -> String {
    let known = FIGURES.iter().filter_map(|(kind, name)| Some((name, stats.value(*kind)?)));
    let figures: Map<String, Value> =
        known.map(|(name, value)| (name.to_lowercase(), value.into())).collect();
    let rtt_ms = rtt.map(|rtt| rtt.as_secs_f64() * 1000.0);
    let software = software.map(Note::as_str);
    written(&json!({"software": software, "server": figures, "rtt_ms": rtt_ms}))
}

/// A moment in RFC 3339; null where the calendar has no such day.
fn time(at: UnixMillis) -> Option<String> {
    let moment = Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn written(value: &Value) -> String {
    let mut bytes = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, Harmless));
    debug_assert!(written.is_ok(), "nothing fails that is written to memory");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Escapes more than JSON asks for: all that could act on a terminal or move other text.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_control() || is_invisible_format(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chatshelf_common::id::{Attributes, ItemId, MessageId, Mode, Seq};
    use chatshelf_common::text::{FileName, Message};
    use chatshelf_common::wire::Code;
    use chatshelf_common::wire::frame::{
        Dropped, Forgotten, Joined, Left, Renamed, Said, Shelved, TopicChanged,
    };
    use chatshelf_testkit::samples;
    use proptest::prelude::*;

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
        let expected = json!({"type": "said", "seq": 7, "at": "2026-11-22T17:00:00.000Z",
            "nick": "ada", "text": "say \"hi\"\n\\o/", "action": false});
        assert_eq!(parsed(&event(&said.into())), expected);
        let (name, digest) = (FileName::new("a b").unwrap(), blake3::hash(b"").into());
        let item = Item::new(ItemId(3), name, 1 << 40, digest, nick.clone(), at);
        let shelved = parsed(&event(&Shelved { seq, at, item: item.clone() }.into()));
        assert_eq!(shelved["id"], 3);
        assert_eq!(shelved["digest"], blake3::hash(b"").to_string());
        let listed = parsed(&shelf(&[item.clone(), item.clone()]));
        assert_eq!(listed[1]["size"], 1_u64 << 40);
        assert_eq!((&listed[0]["mode"], &listed[0]["modified"]), (&Value::Null, &Value::Null));
        let attributes = Attributes { mode: Mode::new(0o644), modified: Some(at) };
        let item = item.with(attributes);
        let listed = parsed(&shelf(std::slice::from_ref(&item)))[0].clone();
        for shown in [listed, parsed(&event(&Shelved { seq, at, item }.into()))] {
            assert_eq!((&shown["mode"], &shown["modified"]), (&json!("0644"), &expected["at"]));
        }
        let cleared = TopicChanged { seq, at, nick, topic: None };
        assert_eq!(parsed(&event(&cleared.into()))["topic"], Value::Null);
        let no_day = Forgotten { seq, at: UnixMillis(u64::MAX) };
        assert_eq!(parsed(&event(&no_day.into()))["at"], Value::Null);
        assert_eq!(shelf(&[]), "[]");
        assert_eq!(members(&[&Nick::new("ada").unwrap()]), r#"[{"nick":"ada"}]"#);
    }

    /// The fields that the manual's row lists whose first cell ends so.
    fn documented(row: &str) -> BTreeSet<&'static str> {
        let manual = include_str!("../../../docs/MANUAL.md");
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let fields = rows.rev().find(|(first, _)| first.ends_with(row));
        let (_, fields) = fields.unwrap_or_else(|| panic!("no row for {row}"));
        let is_name = |it: &&str| it.bytes().all(|byte| byte.is_ascii_lowercase());
        fields.split('`').skip(1).step_by(2).filter(is_name).collect()
    }

    #[test]
    fn the_manual_lists_the_fields_of_every_object() {
        let fields = |object: &str| -> BTreeSet<String> {
            let Value::Object(object) = parsed(object) else { panic!("no object: {object}") };
            object.keys().cloned().collect()
        };
        let (seq, at, nick, quiet) = (Seq(7), AT, nick("ada"), None);
        let (to, text) = (nick.clone(), Message::new("hi").unwrap());
        let name = FileName::new("a").unwrap();
        let digest = blake3::hash(b"").into();
        let item = Item::new(ItemId(3), name.clone(), 1, digest, nick.clone(), at);
        let events: [Event; 8] = [
            samples::said(seq, "hi").into(),
            Joined { seq, at, nick: nick.clone(), quiet }.into(),
            Left { seq, at, nick: nick.clone(), code: Code::LEFT, quiet }.into(),
            Renamed { seq, at, nick: nick.clone(), to: to.clone() }.into(),
            TopicChanged { seq, at, nick: nick.clone(), topic: None }.into(),
            Shelved { seq, at, item: item.clone() }.into(),
            Dropped { seq, at, item: item.id, name, nick: None }.into(),
            Forgotten { seq, at }.into(),
        ];
        let mut objects: Vec<String> = events.iter().map(event).collect();
        objects.push(told(&Told { at, from: nick.clone(), id: MessageId(1), to, text }));
        for object in objects {
            let kind = parsed(&object)["type"].as_str().unwrap().to_owned();
            assert!(fields(&object).iter().eq(documented(&format!("`{kind}`"))), "{kind}");
        }
        let shown = link(&item, "https://lab:9000/item/3/a");
        assert!(fields(&shown).iter().eq(documented("`link`")), "{shown}");
        for (list, row) in [(shelf(&[item]), "`list`"), (members(&[&nick]), "`who`")] {
            let Value::Array(list) = parsed(&list) else { panic!("no array: {list}") };
            assert!(fields(&list[0].to_string()).iter().eq(documented(row)), "{row}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_and_can_do_nothing_to_a_terminal(text in ".*") {
            let text = format!("{text}\u{9b}2J\u{202e}\u{e0041}\r\n");
            let quoted = written(&json!(text));
            prop_assert_eq!(parsed(&quoted), Value::String(text));
            prop_assert!(!quoted.contains(|c: char| c.is_control() || is_invisible_format(c)));
        }
    }
}
