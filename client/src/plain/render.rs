//! Events as lines of text. Pure functions; whatever others have sent is made harmless here.

use chatshelf_common::qr;
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::web_link::ItemLink;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Said, Style, Told};

use crate::app::{Clock, format, moderation};
use crate::lang::{self, tr};
use crate::screen::wrap::width;
use crate::session::{Room, ServerLimits};
use crate::terminal_env::TerminalSize;
use crate::text::{shown, shown_lines};
use crate::units::{limit, size};

/// Colours that are readable on dark and light backgrounds, as SGR parameters.
const NICK_COLOURS: [&str; 10] = ["31", "32", "33", "34", "35", "36", "91", "92", "94", "95"];
/// Members named in the welcome; the rest is counted.
const NAMED_MAX: usize = 30;

/// How text looks.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Colours and dim text may be used.
    pub(crate) colour: bool,
    /// Digests are shown in full, for programs to read.
    pub(crate) whole_digests: bool,
    pub(crate) clock: Clock,
}

/// A link, and the QR code of its short form if a terminal of this size shows both, with a line
/// below.
pub(crate) fn link(link: &ItemLink, terminal: Option<TerminalSize>) -> Vec<String> {
    let code = terminal.and_then(|TerminalSize { columns, rows }| {
        let above = width(&link.whole).div_ceil(columns.max(1));
        let code = qr::draw_within(&link.short, columns)?;
        (above + code.lines().count() < rows).then_some(code)
    });
    let mut lines = vec![link.whole.clone()];
    lines.extend(code.iter().flat_map(|code| code.lines()).map(str::to_owned));
    lines
}

impl Look {
    /// A line about the room or ourselves.
    pub(crate) fn notice(&self, text: &str) -> String {
        let line = format!("-- {}", shown(text));
        if self.colour { format!("\x1b[2m{line}\x1b[0m") } else { line }
    }

    /// A line about a failure.
    pub(super) fn failure(&self, text: &str) -> String {
        let line = format!("!! {}", shown(text));
        if self.colour { format!("\x1b[31m{line}\x1b[0m") } else { line }
    }

    fn nick(&self, nick: &Nick) -> String {
        let text = shown(nick.as_str());
        if !self.colour {
            return text;
        }
        let colour = NICK_COLOURS[format::nick_number(nick) as usize % NICK_COLOURS.len()];
        format!("\x1b[{colour}m{text}\x1b[0m")
    }

    /// `HH:MM  nick  text`; further lines start below the first one's text.
    pub(super) fn said(&self, said: &Said) -> String {
        if said.style == Some(Style::ACTION) {
            let (text, nick) = (Self::text(&said.text, 7), self.nick(&said.nick));
            return format!("{}  * {nick} {text}", self.clock.time(said.at));
        }
        let indent = 9 + width(said.nick.as_str());
        let (text, nick) = (Self::text(&said.text, indent), self.nick(&said.nick));
        format!("{}  {nick}  {text}", self.clock.time(said.at))
    }

    /// `HH:MM  [ada → you] text`.
    pub(crate) fn told(&self, told: &Told, me: &Nick) -> String {
        let name = |nick: &Nick| if nick == me { tr!("you").into() } else { self.nick(nick) };
        let (from, to) = (name(&told.from), name(&told.to));
        format!("{}  [{from} → {to}] {}", self.clock.time(told.at), Self::text(&told.text, 7))
    }

    fn text(text: &Message, indent: usize) -> String {
        let lines: Vec<String> = shown_lines(moderation::displayed(text.as_str())).collect();
        lines.join(&format!("\n{:indent$}", ""))
    }

    /// Any event of the room.
    pub(crate) fn event(&self, event: &Event) -> String {
        match event {
            Event::Said(said) => self.said(said),
            other => self.notice(&format::event(other)),
        }
    }

    /// The shelf, oldest first: number, name, size, who, when, digest.
    pub(crate) fn shelf(&self, items: &[Item]) -> Vec<String> {
        if items.is_empty() {
            return vec![self.notice(tr!("the shelf is empty"))];
        }
        let mut lines = vec![self.notice(&format::on_shelf(items.len()))];
        lines.extend(items.iter().map(|item| {
            let (number, size, when) = (item.id, size(item.size), self.clock.time(item.at));
            let (name, nick, day) =
                (shown(item.name.as_str()), &item.nick, self.clock.day(item.at));
            let digits = if self.whole_digests { 64 } else { 16 };
            let digest = format!("{:.digits$}", item.digest);
            format!("   {number}  {name}  {size}  {nick}  {day} {when}  {digest}")
        }));
        lines
    }

    /// Who is here.
    pub(super) fn members(&self, room: &Room, named_max: usize) -> String {
        self.notice(&format::members(room, named_max))
    }

    /// The topic.
    pub(super) fn topic(&self, room: &Room) -> String {
        self.notice(&format::topic(room))
    }

    /// What a new member is told.
    pub(super) fn welcome(&self, me: &Nick, room: &Room, limits: &ServerLimits) -> Vec<String> {
        let mut lines = vec![self.notice(&tr!("welcome, {nick}", nick = me))];
        lines.push(self.members(room, NAMED_MAX));
        if room.topic().is_some() {
            lines.push(self.topic(room));
        }
        lines.extend(self.shelf(room.shelf()));
        let ServerLimits { file_bytes_max: bytes, shelf_items_max, transfers_max, .. } = limits;
        lines.push(self.notice(&tr!(
            "limits: files up to {file}, messages up to {message}, {n} transfer at once; the \
             shelf keeps the newest {items} files",
            "limits: files up to {file}, messages up to {message}, {n} transfers at once; the \
             shelf keeps the newest {items} files",
            n = *transfers_max,
            file = limit(*bytes),
            message = limit(chatshelf_common::limits::MESSAGE_BYTES_MAX as u64),
            items = shelf_items_max,
        )));
        lines.push(self.notice(tr!("/help lists the commands, /quit leaves")));
        lines
    }

    /// The list of commands.
    pub(super) fn help(&self) -> Vec<String> {
        let mut lines = vec![self.notice(tr!("anything you type goes to everyone, except:"))];
        lines.extend(crate::command::HELP.iter().map(|help| {
            let also: Vec<String> = help.names[1..].iter().map(|name| format!("/{name}")).collect();
            let does = lang::text(help.does);
            let does = match also.is_empty() {
                true => does.to_owned(),
                false => tr!("{does} (also {names})", does, names = also.join(", ")),
            };
            format!("   {:28} {does}", help.usage)
        }));
        lines.push(format!("   {:28} {}", "//text", tr!("say /text")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{ItemId, MessageId, Seq, UnixMillis};
    use chatshelf_common::text::{FileName, Topic};
    use chatshelf_common::wire::Code;
    use chatshelf_common::wire::frame::{Joined, Left, Shelved, TopicChanged};

    use super::*;

    fn style(colour: bool) -> Look {
        Look { colour, whole_digests: false, clock: Clock::utc() }
    }

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    /// 2026-11-22T17:00:00Z.
    const AT: UnixMillis = UnixMillis(1_795_366_800_000);

    fn said(text: &str, style: Option<Style>) -> Said {
        let text = Message::new(text).unwrap();
        Said { seq: Seq(1), at: AT, nick: nick("ada"), id: MessageId(1), text, style }
    }

    fn item() -> Item {
        let (name, digest) =
            (FileName::new("notes.txt").unwrap(), blake3::hash(b"hello shelf\n").into());
        Item::new(ItemId(7), name, 388_000_000, digest, nick("ada"), AT)
    }

    #[test]
    fn lines_are_time_nick_text() {
        let plain = style(false);
        assert_eq!(plain.said(&said("hi, all", None)), "17:00  ada  hi, all");
        assert_eq!(plain.said(&said("a\nb", None)), "17:00  ada  a\n            b");
        assert_eq!(plain.said(&said("waves", Some(Style::ACTION))), "17:00  * ada waves");
        assert_eq!(plain.said(&said("?", Some(Style(9)))), "17:00  ada  ?");
    }

    #[test]
    fn private_lines_say_who_tells_whom() {
        let text = Message::new("psst").unwrap();
        let (from, to) = (nick("ada"), nick("bob"));
        let told = Told { at: AT, from, to, id: MessageId(3), text };
        assert_eq!(style(false).told(&told, &nick("bob")), "17:00  [ada → you] psst");
        assert_eq!(style(false).told(&told, &nick("ada")), "17:00  [you → bob] psst");
    }

    #[test]
    fn nothing_that_members_send_can_act_on_the_terminal() {
        let line = style(false).said(&said("a\u{202e}b\u{200b}c", None));
        assert_eq!(line, "17:00  ada  a\u{fffd}bc");
        let topic = Some(Topic::new("x\u{2066}y").unwrap());
        let event = TopicChanged { seq: Seq(1), at: AT, nick: nick("ada"), topic };
        assert_eq!(style(false).event(&event.into()), "-- ada set the topic: x\u{fffd}y");
    }

    #[test]
    fn events_read_as_sentences() {
        let plain = style(false);
        let joined = Joined { seq: Seq(1), at: AT, nick: nick("bob"), quiet: None };
        assert_eq!(plain.event(&joined.into()), "-- bob joined");
        let left = |code| Left { seq: Seq(1), at: AT, nick: nick("bob"), code, quiet: None };
        assert_eq!(plain.event(&left(Code::LEFT).into()), "-- bob left");
        let lost = plain.event(&left(Code::CONNECTION_LOST).into());
        assert_eq!(lost, "-- bob left: the connection was lost");
        assert!(plain.event(&left(Code(999)).into()).contains("999"));
        let shelved = plain.event(&Shelved { seq: Seq(1), at: AT, item: item() }.into());
        assert_eq!(shelved, "-- ada put notes.txt on the shelf (number 7, 388.0 MB)");
    }

    #[test]
    fn the_shelf_shows_number_name_size_who_when_and_digest() {
        let lines = style(false).shelf(&[item()]);
        let line = "   7  notes.txt  388.0 MB  ada  2026-11-22 17:00  fc96f935fc30292d";
        assert_eq!(lines, ["-- on the shelf: 1 file", line]);
        let whole = Look { whole_digests: true, ..style(false) }.shelf(&[item()]);
        assert!(whole[1].ends_with(&item().digest.to_string()));
        assert_eq!(style(false).shelf(&[]), ["-- the shelf is empty"]);
    }

    #[test]
    fn a_nick_has_one_colour_and_plain_text_none() {
        let colour = style(true).said(&said("hi", None));
        assert_eq!(colour, style(true).said(&said("hi", None)));
        assert!(colour.contains("\x1b[") && colour.contains("mada\x1b[0m"));
        assert!(
            !style(false)
                .welcome(&nick("ada"), &Room::empty(), &limits())
                .join("")
                .contains('\x1b')
        );
        assert!(style(true).notice("x").starts_with("\x1b[2m"));
    }

    fn limits() -> ServerLimits {
        ServerLimits {
            version: 1,
            tells_stats: false,
            has_operators: false,
            software: None,
            file_bytes_max: 1 << 30,
            shelf_items_max: 5,
            transfers_max: 8,
            history_max: 1000,
            link_base: None,
        }
    }

    #[test]
    fn the_welcome_says_who_what_limits_and_how_to_leave() {
        let text = style(false).welcome(&nick("ada"), &Room::empty(), &limits()).join("\n");
        for part in ["welcome, ada", "here", "shelf", "1.0 GiB", "8 transfers", "/quit", "/help"] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn a_link_has_a_code_where_all_of_it_is_seen() {
        let short = "https://192.0.2.7:9000/".to_owned();
        let of = ItemLink { whole: format!("{short}a-name-of-some-length"), short };
        let lines = |columns, rows| {
            let lines = link(&of, Some(TerminalSize { columns, rows }));
            assert_eq!(lines[0], of.whole);
            lines.len()
        };
        assert_eq!(lines(44, 19), 1 + 17, "a code of 25 modules and a margin of 4");
        assert_eq!(lines(33, 20), 1 + 17, "the link takes two rows there");
        assert_eq!([lines(32, 20), lines(33, 19), lines(44, 18), lines(0, 0)], [1; 4]);
        assert_eq!(link(&of, None), [&*of.whole]);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        let line = Said { at: UnixMillis(u64::MAX), ..said("hi", None) };
        assert_eq!(style(false).said(&line), "--:--  ada  hi");
    }
}
