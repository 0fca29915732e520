//! Searches what was said for all of some words, in any order and case. Pure functions.

use chatshelf_common::wire::Event;

/// The words that a line must contain, in lower case; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a text; `None` when it has none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// True when a text contains all of them, even as parts of longer words.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word.as_str()))
    }

    /// True when an event contains them: in who spoke and what, in a topic, in a file's name. Joins
    /// and leaves have nothing to search for.
    #[must_use]
    pub fn are_told_by(&self, event: &Event) -> bool {
        match event {
            Event::Said(said) => self.are_in(&format!("{} {}", said.nick, said.text)),
            Event::TopicChanged(change) => {
                let topic = change.topic.as_ref().map_or("", |topic| topic.as_str());
                self.are_in(&format!("{} {topic}", change.nick))
            }
            Event::Shelved(shelved) => {
                self.are_in(&format!("{} {}", shelved.item.nick, shelved.item.name))
            }
            Event::Dropped(dropped) => self.are_in(dropped.name.as_str()),
            Event::Joined(_)
            | Event::Left(_)
            | Event::Renamed(_)
            | Event::Forgotten(_)
            | Event::Moderated(_) => false,
        }
    }

    /// True when a text contains the first of them.
    #[must_use]
    pub fn begin_in(&self, text: &str) -> bool {
        self.0.first().is_some_and(|word| text.to_lowercase().contains(word.as_str()))
    }

    /// The words as one text.
    #[must_use]
    pub fn joined(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_there_in_any_order_and_case() {
        let words = Words::new("  Build  DONE ").unwrap();
        assert!(words.are_in("the build is done") && words.are_in("DONE: rebuilding"));
        assert!(!words.are_in("the build is not") && !words.are_in(""));
        assert!(Words::new("ŻÓŁW").unwrap().are_in("mały żółw"));
        assert_eq!((Words::new(""), Words::new(" \t")), (None, None));
        assert_eq!(words.joined(), "build done");
    }
}
