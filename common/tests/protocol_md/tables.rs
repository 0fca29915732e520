//! The tables of the page: every type, field, code, limit and range of the code is there.

use chatshelf_common::limits;
use chatshelf_common::wire::code::CODES;
use chatshelf_common::wire::field::TAGS;
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::header::{DATA, FLAG_SKIPPABLE};
use chatshelf_testkit::protocol_page::PROTOCOL;

use crate::samples::samples;

/// True when a table row of the document has these first two cells.
fn has_row(first: &str, second: &str) -> bool {
    PROTOCOL.lines().any(|line| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
        cells.next();
        cells.next() == Some(first) && cells.next() == Some(second)
    })
}

/// The cells of the rows that have these first two.
fn rows(first: &str, second: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.split(" | ").map(str::trim).collect::<Vec<_>>();
    let bare = |cell: &str| cell.trim_matches(['|', ' ', '`']).to_owned();
    let all = PROTOCOL.lines().filter(|line| line.starts_with('|')).map(cells);
    all.filter(|row| row.len() > 2 && bare(row[0]) == first && bare(row[1]) == second).collect()
}

/// The fields that a cell names, remarks in parentheses aside, with what follows each name.
fn named_fields(cell: &str) -> Vec<(String, &'static str)> {
    let mut fields = Vec::new();
    let mut parts = cell.split('`').skip(1);
    while let (Some(name), Some(after)) = (parts.next(), parts.next()) {
        let slot = match after.chars().next() {
            Some('?') => "opt",
            Some('*') => "rep",
            _ => "req",
        };
        fields.push((name.to_owned(), slot));
    }
    fields
}

fn fields_of(fields: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    fields.iter().map(|&(name, slot)| (name.to_owned(), slot)).collect()
}

#[test]
fn every_row_of_a_frame_says_who_sends_it_and_which_fields_it_has() {
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS].concat();
    let fields = [ClientFrame::FIELDS, ServerFrame::FIELDS, Event::FIELDS].concat();
    let sends = |kinds: &[(u8, &str)], kind| kinds.iter().any(|(it, _)| *it == kind);
    for ((kind, name), (_, fields)) in kinds.into_iter().zip(fields) {
        let is_servers = sends(ServerFrame::KINDS, kind) || sends(Event::KINDS, kind);
        let by = match (sends(ClientFrame::KINDS, kind), is_servers) {
            (true, true) => "c, s",
            (true, false) => "c",
            (false, _) => "s",
        };
        let rows = rows(&format!("0x{kind:02X}"), name.trim_start_matches("Server"));
        let [row] = &rows[..] else { panic!("{name}: {rows:?}") };
        assert_eq!(row[2], by, "{name}");
        assert_eq!(named_fields(row[3]), fields_of(fields), "{name}");
    }
    for (tag, name, fields) in [
        (31, "SHELF_ITEM", Item::FIELDS),
        (32, "SHELF_TOPIC", TopicState::FIELDS),
        (56, "BAN_ENTRY", BanEntry::FIELDS),
    ] {
        let rows = rows(&format!("{tag}"), name);
        assert_eq!(named_fields(rows[0][2]), fields_of(fields), "{name}");
    }
}

#[test]
fn every_frame_type_has_its_row_and_an_example() {
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS].concat();
    let sampled: Vec<u8> = samples().iter().map(|(_, sample)| sample.encode()[0]).collect();
    for (kind, name) in kinds {
        let row = name.trim_start_matches("Server");
        assert!(has_row(&format!("0x{kind:02X}"), row), "no row for {kind:#04x} {row}");
        assert!(sampled.contains(&kind), "no sample of {name}");
    }
    assert!(has_row("0x20", "Data"));
}

#[test]
fn every_field_code_and_limit_has_its_row() {
    for (tag, name) in TAGS {
        assert!(has_row(&tag.0.to_string(), name), "no row for field {} {name}", tag.0);
    }
    for (code, name) in CODES {
        assert!(has_row(&code.0.to_string(), name), "no row for code {} {name}", code.0);
    }
    for (kind, name) in FIGURES {
        assert!(has_row(&kind.0.to_string(), name), "no row for figure {} {name}", kind.0);
    }
    for (kind, name) in ALLOWANCES {
        assert!(has_row(&kind.0.to_string(), name), "no row for allowance {} {name}", kind.0);
    }
    for (kind, name) in DEADLINES {
        assert!(has_row(&kind.0.to_string(), name), "no row for deadline {} {name}", kind.0);
    }
    for (action, name) in ACTIONS {
        assert!(has_row(&action.0.to_string(), name), "no row for action {} {name}", action.0);
    }
    for (name, value) in [
        ("FRAME_BYTES_MAX", u64::from(limits::FRAME_BYTES_MAX)),
        ("FRAME_BYTES_MAX_BEFORE_JOIN", u64::from(limits::FRAME_BYTES_MAX_BEFORE_JOIN)),
        ("DATA_BYTES_MAX", u64::from(limits::DATA_BYTES_MAX)),
        ("LARGE_DATA_BYTES_MAX", u64::from(limits::LARGE_DATA_BYTES_MAX)),
        ("NICK_BYTES_MAX", limits::NICK_BYTES_MAX as u64),
        ("MESSAGE_BYTES_MAX", limits::MESSAGE_BYTES_MAX as u64),
        ("TOPIC_BYTES_MAX", limits::TOPIC_BYTES_MAX as u64),
        ("FILE_NAME_BYTES_MAX", limits::FILE_NAME_BYTES_MAX as u64),
        ("NOTE_BYTES_MAX", limits::NOTE_BYTES_MAX as u64),
        ("LINK_BASE_BYTES_MAX", limits::LINK_BASE_BYTES_MAX as u64),
        ("PASSWORD_BYTES_MAX", limits::PASSWORD_BYTES_MAX as u64),
        ("ROOM_MEMBERS_MAX", limits::ROOM_MEMBERS_MAX as u64),
        ("ROOM_ITEMS_MAX", limits::ROOM_ITEMS_MAX as u64),
    ] {
        assert!(has_row(name, &value.to_string()), "no row for limit {name} = {value}");
    }
}

/// The numbers of a cell such as "1 to 3, 0x16", each as first and last.
fn ranges(cell: &str) -> Vec<(u64, u64)> {
    let number = |text: &str| match text.trim().strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    };
    let without_remarks = cell.replace(" from clients", "").replace(" from servers", "");
    let range = |part: &str| match part.split_once(" to ") {
        Some((first, last)) => Some((number(first)?, number(last)?)),
        None => number(part).map(|only| (only, only)),
    };
    without_remarks.split(',').filter_map(range).collect()
}

/// A row of the table of numbers: those assigned, for private use, and never used.
fn numbers(of: &str) -> [Vec<(u64, u64)>; 3] {
    let (_, extending) = PROTOCOL.split_once("\n## Extending the protocol\n").unwrap();
    let row = extending.lines().find(|line| line.starts_with(&format!("| {of} |"))).unwrap();
    let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
    [ranges(cells[1]), ranges(cells[2]), ranges(cells[3])]
}

fn capability_bits() -> Vec<u64> {
    let all = [CAPABILITY_STATS, CAPABILITY_OPERATORS, CAPABILITY_PASSWORD, CAPABILITY_LARGE_DATA];
    all.map(|bit| bit.trailing_zeros().into()).to_vec()
}

#[test]
fn every_number_has_one_owner_and_the_code_uses_only_its_own() {
    let is_in = |ranges: &[(u64, u64)], number: u64| {
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&number))
    };
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS, &[(DATA, "Data")]].concat();
    for (of, count, used) in [
        ("frame type", 256, kinds.iter().map(|(kind, _)| u64::from(*kind)).collect()),
        ("tag", 256, TAGS.iter().map(|(tag, _)| u64::from(tag.0)).collect()),
        ("code", 65_536, CODES.iter().map(|(code, _)| u64::from(code.0)).collect()),
        ("style", 256, vec![Style::SPEECH.0.into(), Style::ACTION.0.into()]),
        ("capability bit", 32, capability_bits()),
        ("flag of the header", 8, vec![FLAG_SKIPPABLE.trailing_zeros().into()]),
    ] {
        let all = numbers(of);
        for number in 0..count {
            let owners = all.iter().filter(|ranges| is_in(ranges, number)).count();
            assert_eq!(owners, 1, "{of} {number:#x}");
        }
        assert!(used.iter().all(|number| is_in(&all[0], *number)), "{of}: {used:x?}");
    }
    let events = Event::KINDS.iter().map(|(kind, _)| u64::from(*kind));
    assert!(events.into_iter().all(|kind| is_in(&numbers("frame type of an event")[0], kind)));
}

#[test]
fn no_frame_begins_as_another_protocol_does() {
    let never = &numbers("frame type")[2];
    assert_eq!(never, &[(0, 0), (0x16, 0x16), (u64::from(b'A'), u64::from(b'Z'))]);
    for kind in never.iter().flat_map(|(first, last)| *first..=*last) {
        let kind = u8::try_from(kind).unwrap();
        assert!(ClientFrame::decode(kind, &[]).is_err(), "{kind:#x}");
        assert!(ServerFrame::decode(kind, &[]).is_err(), "{kind:#x}");
        assert!(Event::decode(kind, &[]).is_err(), "{kind:#x}");
        assert_ne!(kind, DATA);
    }
}
