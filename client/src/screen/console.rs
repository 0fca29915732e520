//! What a Windows console reports, made what terminals report elsewhere: characters typed with
//! AltGr and by their codes are text, and keys that come faster than anybody types are a paste.
//! Owns which keys are held; reads no console.

use std::io;
use std::time::{Duration, Instant};

use ratatui_crossterm::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The longest pause between two keys of a burst. Nobody types that fast, and no key repeats that
/// often.
const BURST_PAUSE_MS: u64 = 10;
/// Events that are read as one burst.
const BURST_EVENTS_MAX: usize = 1 << 20;
/// Keys that are held at once, of which nobody has so many fingers.
const HELD_MAX: usize = 16;
/// What people hold to type with AltGr: the console reports it as both.
const ALT_GR: KeyModifiers = KeyModifiers::CONTROL.union(KeyModifiers::ALT);

/// Reads events until there is a pause. Only keys make a burst: a mouse that moves would never
/// end one.
///
/// # Errors
/// When the terminal is gone.
pub(super) fn burst(
    mut read: impl FnMut() -> io::Result<Event>,
    mut poll: impl FnMut(Duration) -> io::Result<bool>,
) -> io::Result<Vec<Event>> {
    let pause = Duration::from_millis(BURST_PAUSE_MS);
    let mut events = vec![read()?];
    if !is_key(&events[0]) {
        return Ok(events);
    }
    let mut until = Instant::now() + pause;
    while events.len() < BURST_EVENTS_MAX && poll(until.saturating_duration_since(Instant::now()))?
    {
        let event = read()?;
        let now = Instant::now();
        if is_key(&event) {
            until = now + pause;
        }
        events.push(event);
        if now >= until {
            break;
        }
    }
    Ok(events)
}

fn is_key(event: &Event) -> bool {
    matches!(event, Event::Key(_))
}

/// The keys of a console.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Characters of the keys that are held, the oldest first.
    held: Vec<char>,
}

impl Keys {
    /// What a burst means.
    pub(super) fn understand(&mut self, burst: Vec<Event>) -> Vec<Event> {
        let is_alone = burst.len() == 1;
        let events = burst.into_iter().filter_map(|event| match event {
            Event::Key(key) => self.key(key, is_alone).map(Event::Key),
            Event::FocusLost => {
                // Keys are let go elsewhere now.
                self.held.clear();
                Some(event)
            }
            _ => Some(event),
        });
        let events: Vec<Event> = events.collect();
        let mut understood = Vec::new();
        let is_text = |event: &Event| character(event).is_some();
        for run in events.chunk_by(|a, b| is_text(a) && is_text(b)) {
            add_run(run, &mut understood);
        }
        understood
    }

    /// What one key means; nothing, if it is let go.
    fn key(&mut self, key: KeyEvent, is_alone: bool) -> Option<KeyEvent> {
        let KeyCode::Char(c) = key.code else {
            return (key.kind != KeyEventKind::Release).then_some(key);
        };
        if key.kind != KeyEventKind::Release {
            self.press(c);
            let is_alt_gr = key.modifiers.contains(ALT_GR);
            let without = key.modifiers.difference(ALT_GR);
            return Some(if is_alt_gr { KeyEvent::new(key.code, without) } else { key });
        }
        let was_held = self.release(c);
        let is_shortcut = is_alone && has_key_everywhere(c);
        let is_code = !was_held && !is_shortcut && !key.modifiers.intersects(ALT_GR);
        is_code.then(|| KeyEvent::new(key.code, KeyModifiers::NONE))
    }

    fn press(&mut self, c: char) {
        if !self.held.iter().any(|held| is_same_key(*held, c)) {
            if self.held.len() == HELD_MAX {
                self.held.remove(0);
            }
            self.held.push(c);
        }
    }

    /// A key is let go: false if none was held. It may have another character than when it was
    /// pressed, if Shift or AltGr was let go before.
    fn release(&mut self, c: char) -> bool {
        let same = self.held.iter().position(|held| is_same_key(*held, c));
        let was_held = !self.held.is_empty();
        if was_held {
            self.held.remove(same.unwrap_or(0));
        }
        was_held
    }
}

fn is_same_key(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

/// True if every keyboard has a key for it, so that nobody types it by its code. When such a key is
/// let go that was never pressed, the press was a shortcut of the terminal's, such as Ctrl-V.
fn has_key_everywhere(c: char) -> bool {
    c.is_ascii_alphanumeric() || " +-=_,.".contains(c)
}

/// What an event adds to a paste; nothing, if none can contain it.
fn character(event: &Event) -> Option<char> {
    let Event::Key(key) = event else { return None };
    match key.code {
        KeyCode::Char(c) if !key.modifiers.intersects(ALT_GR) => Some(c),
        KeyCode::Enter if key.modifiers.is_empty() => Some('\n'),
        KeyCode::Tab if key.modifiers.is_empty() => Some('\t'),
        _ => None,
    }
}

/// True for a character other than a line end or tab.
fn is_plain(event: &Event) -> bool {
    character(event).is_some_and(|c| !matches!(c, '\n' | '\t'))
}

fn paste(events: &[Event]) -> Event {
    Event::Paste(events.iter().filter_map(character).collect())
}

/// Adds keys that make text, or one other event. An Enter that more text follows is part of a
/// paste, and so is everything around it; an Enter at the end was perhaps pressed. Without one
/// inside, several characters in a row are a paste too: a file that is dropped comes as its path.
fn add_run(run: &[Event], understood: &mut Vec<Event>) {
    let text: String = run.iter().filter_map(character).collect();
    if text.trim_end_matches('\n').contains('\n') {
        return understood.push(paste(run));
    }
    for part in run.chunk_by(|a, b| is_plain(a) && is_plain(b)) {
        match part {
            [single] => understood.push(single.clone()),
            several => understood.push(paste(several)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use KeyCode::{Char, Enter};
    use KeyEventKind::{Press, Release};
    use ratatui_crossterm::crossterm::event::{MouseEvent, MouseEventKind};

    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    fn event(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> Event {
        Event::Key(KeyEvent::new_with_kind(code, modifiers, kind))
    }

    fn pressed(code: KeyCode) -> Event {
        event(code, NONE, Press)
    }

    fn released(c: char) -> Event {
        event(Char(c), NONE, Release)
    }

    /// Keys as a console reports them that are pressed and let go one after the other.
    fn typed(text: &str) -> Vec<Event> {
        let codes = text.chars().map(|c| if c == '\r' { Enter } else { Char(c) });
        codes.flat_map(|code| [Press, Release].map(|kind| event(code, NONE, kind))).collect()
    }

    fn pasted(text: &str) -> Event {
        Event::Paste(text.to_owned())
    }

    /// What bursts of one event each mean.
    fn one_by_one(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
        let mut keys = Keys::default();
        events.into_iter().flat_map(|event| keys.understand(vec![event])).collect()
    }

    fn burst_of(events: Vec<Event>) -> Vec<Event> {
        Keys::default().understand(events)
    }

    #[test]
    fn a_character_with_alt_gr_is_text_and_one_with_control_is_not() {
        for c in ['@', '{', '€', '\\', 'ż'] {
            let keys = [Press, Release].map(|kind| event(Char(c), ALT_GR, kind));
            assert_eq!(one_by_one(keys), [pressed(Char(c))], "{c}");
        }
        let shifted = event(Char('Ż'), ALT_GR | KeyModifiers::SHIFT, Press);
        assert_eq!(one_by_one([shifted]), [event(Char('Ż'), KeyModifiers::SHIFT, Press)]);
        for modifiers in [CONTROL, KeyModifiers::ALT] {
            let key = event(Char('c'), modifiers, Press);
            assert_eq!(one_by_one([key.clone()]), [key]);
        }
        let arrow = event(KeyCode::Left, ALT_GR, Press);
        assert_eq!(one_by_one([arrow.clone()]), [arrow]);
    }

    #[test]
    fn a_character_that_only_comes_up_was_typed_by_its_code() {
        for c in ['ż', '@', '~', '\\'] {
            assert_eq!(one_by_one([released(c)]), [pressed(Char(c))], "{c}");
        }
        let mail = [typed("a"), vec![released('@')], typed("b")].concat();
        assert_eq!(one_by_one(mail), ['a', '@', 'b'].map(|c| pressed(Char(c))));
    }

    #[test]
    fn a_key_that_was_pressed_is_not_typed_again_when_it_is_let_go() {
        // Shift or AltGr is let go first.
        for (down, up) in [('Ż', 'ż'), ('"', '\''), ('A', 'a')] {
            assert_eq!(one_by_one([pressed(Char(down)), released(up)]), [pressed(Char(down))]);
        }
        // The next key goes down before the one before comes up.
        let keys = [pressed(Char('ż')), pressed(Char('"')), released('ż'), released('\'')];
        assert_eq!(one_by_one(keys), ['ż', '"'].map(|c| pressed(Char(c))));
        // It repeats.
        let keys = [pressed(Char('ó')), pressed(Char('ó')), released('ó'), released('ż')];
        assert_eq!(one_by_one(keys), ['ó', 'ó', 'ż'].map(|c| pressed(Char(c))));
        assert_eq!(one_by_one([event(KeyCode::Up, NONE, Release)]), []);
    }

    #[test]
    fn a_key_that_is_let_go_after_a_shortcut_of_the_terminal_types_nothing() {
        for c in ['v', 'V', '+', '0'] {
            assert_eq!(one_by_one([released(c)]), [], "{c}");
        }
        assert_eq!(one_by_one([event(Char('м'), CONTROL, Release)]), []);
        // What the keyboard lacks, consoles paste by codes.
        assert_eq!(burst_of(vec![released('d'), released('a')]), [pasted("da")]);
    }

    #[test]
    fn a_key_that_comes_up_in_another_window_is_not_held_for_ever() {
        let keys = [pressed(Char('a')), Event::FocusLost, released('ż')];
        assert_eq!(one_by_one(keys), [pressed(Char('a')), Event::FocusLost, pressed(Char('ż'))]);
        let mut keys = Keys::default();
        keys.understand(('a'..='z').map(|c| pressed(Char(c))).collect());
        assert_eq!(keys.held.len(), HELD_MAX);
    }

    #[test]
    fn an_enter_inside_a_burst_makes_it_a_paste() {
        assert_eq!(burst_of(typed("one\rtwo")), [pasted("one\ntwo")]);
        assert_eq!(burst_of(typed("one\r\rtwo\r")), [pasted("one\n\ntwo\n")]);
        assert_eq!(burst_of(typed("\rone")), [pasted("\none")]);
        let tabs = vec![pressed(Char('a')), pressed(KeyCode::Tab), pressed(Enter)];
        let tabs = [tabs.clone(), tabs].concat();
        assert_eq!(burst_of(tabs), [pasted("a\t\na\t\n")]);
    }

    #[test]
    fn an_enter_at_its_end_is_a_key_and_so_is_whatever_is_no_text() {
        assert_eq!(burst_of(typed("hello\r")), [pasted("hello"), pressed(Enter)]);
        assert_eq!(burst_of(typed("\r")), [pressed(Enter)]);
        assert_eq!(burst_of(typed("h")), [pressed(Char('h'))]);
        let completed = [typed("/up"), vec![pressed(KeyCode::Tab)]].concat();
        assert_eq!(burst_of(completed), [pasted("/up"), pressed(KeyCode::Tab)]);
        let shift_enter = event(Enter, KeyModifiers::SHIFT, Press);
        let two_lines = [typed("a"), vec![shift_enter.clone()], typed("b\r")].concat();
        let expected = [pressed(Char('a')), shift_enter, pressed(Char('b')), pressed(Enter)];
        assert_eq!(burst_of(two_lines), expected);
        let end = event(Char('c'), CONTROL, Press);
        assert_eq!(burst_of([typed("ab"), vec![end.clone()]].concat()), [pasted("ab"), end]);
    }

    #[test]
    fn a_path_that_is_dropped_is_a_paste() {
        let path = r#""C:\My files\up.bin""#;
        assert_eq!(burst_of(typed(path)), [pasted(path)]);
    }

    /// The bursts that are read of events, each of which is there at once; a `None` is a pause.
    fn bursts(source: impl IntoIterator<Item = Option<Event>>) -> Vec<Vec<Event>> {
        let source = RefCell::new(source.into_iter().collect::<VecDeque<_>>());
        let read = || Ok(source.borrow_mut().pop_front().flatten().unwrap());
        let poll = |_| Ok(matches!(source.borrow().front(), Some(Some(_))));
        let mut bursts = Vec::new();
        while !source.borrow().is_empty() {
            bursts.push(burst(read, poll).unwrap());
            let mut source = source.borrow_mut();
            if matches!(source.front(), Some(None)) {
                source.pop_front();
            }
        }
        bursts
    }

    #[test]
    fn a_burst_ends_with_a_pause_and_a_mouse_begins_none() {
        let key = || pressed(Char('a'));
        let kind = MouseEventKind::Moved;
        let mouse = || Event::Mouse(MouseEvent { kind, column: 0, row: 0, modifiers: NONE });
        let source = [Some(key()), Some(key()), None, Some(mouse()), Some(mouse()), Some(key())];
        let expected = [vec![key(), key()], vec![mouse()], vec![mouse()], vec![key()]];
        assert_eq!(bursts(source), expected);
        let source = [Some(key()), Some(mouse()), Some(key())];
        assert_eq!(bursts(source), [vec![key(), mouse(), key()]]);
    }
}
