//! Which nicks count as the same: those that differ in case only, that Unicode calls equivalent,
//! or that look alike (PROTOCOL.md, "Text"; Unicode Technical Standard 39, "Confusable Detection").
//!
//! One key cannot cover both case and looks. `Ian` is `ian`, and looks like `lan`; if one key said
//! both, `ian` and `lan` would be the same as well. So a nick has a key and, where case changes
//! what it looks like, a second one. Two nicks are the same when they have a key in common.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

use super::Nick;

impl Nick {
    /// The nick without its case: lists are sorted by it.
    #[must_use]
    pub fn folded(&self) -> Arc<str> {
        if !self.0.is_ascii() {
            return fold(&self.0).into();
        }
        let is_folded = !self.0.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_folded { Arc::clone(&self.0) } else { self.0.to_ascii_lowercase().into() }
    }

    /// What this nick looks like, whatever its case. Two members never share it.
    #[must_use]
    pub fn key(&self) -> Arc<str> {
        if self.0.is_ascii() { ascii_key(&self.0).into() } else { key_of(&self.0).into() }
    }

    /// The key of what the nick looks like as it is spelt, where that is another one: `Ian` has
    /// `lan`. No other member has it as either of its keys.
    #[must_use]
    pub fn key_as_spelt(&self) -> Option<Arc<str>> {
        let key = if !self.0.is_ascii() {
            key_of(&skeleton(&self.0).collect::<String>())
        } else if self.0.contains('I') {
            ascii_key(&self.0.replace('I', "l"))
        } else {
            return None;
        };
        let key: Arc<str> = key.into();
        (key != self.key()).then_some(key)
    }

    /// True when the two cannot both be in a room.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let keys = |nick: &Self| (nick.key(), nick.key_as_spelt());
        let ((own, own_spelt), (key, spelt)) = (keys(self), keys(other));
        own == key
            || Some(&own) == spelt.as_ref()
            || Some(&key) == own_spelt.as_ref()
            || (own_spelt.is_some() && own_spelt == spelt)
    }

    /// True when readers would take it for this name, which is a key.
    pub(super) fn looks_like(&self, name: &str) -> bool {
        *self.key() == *name || self.key_as_spelt().is_some_and(|key| *key == *name)
    }
}

/// Each character in lower case, whatever its context. Going through upper case makes `ß` into `ss`
/// and both small sigmas into one letter.
fn fold(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The general way to a key, for text in any script.
fn key_of(text: &str) -> String {
    let decomposed: String = text.nfkd().collect();
    let skeleton: String = skeleton(&fold(&decomposed)).collect();
    fold(&skeleton)
}

/// The same for ASCII, where only three letters matter.
fn ascii_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            '0' => key.push('o'),
            '1' => key.push('l'),
            'm' => key.push_str("rn"),
            c => key.push(c),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nick(text: &str) -> Nick {
        Nick::new(text).unwrap()
    }

    fn are_same(a: &str, b: &str) -> bool {
        nick(a).is_same(&nick(b))
    }

    #[test]
    fn nicks_that_differ_in_case_only_are_the_same() {
        for (a, b) in [
            ("Ada", "aDA"),
            ("ÅDA", "åda"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            ("STRASSE", "straße"),
            ("STRAẞE", "straße"),
            ("IAN", "ian"),
        ] {
            assert!(are_same(a, b) && are_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn nicks_that_unicode_calls_equivalent_are_the_same() {
        for (a, b) in [
            ("zoë", "zoe\u{308}"),
            ("ÅDA", "A\u{30a}da"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("ａｄａ", "ada"),
            ("ﬁn", "fin"),
            ("ada²", "ada2"),
        ] {
            assert!(are_same(a, b) && are_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn nicks_that_look_alike_are_the_same() {
        for (a, b) in [
            ("ada", "аdа"),
            ("Ada", "АDА"),
            ("alice", "aIice"),
            ("alice", "a1ice"),
            ("Ian", "lan"),
            ("ALICE", "al1ce"),
            ("I1a", "1Ia"),
            ("modern", "rnodern"),
            ("bob", "b0b"),
            ("BOB", "b0b"),
            ("anna", "ΑΝΝΑ"),
            ("paypal", "рауpаl"),
            ("𝒶da", "ada"),
        ] {
            assert!(are_same(a, b) && are_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn nicks_that_neither_read_nor_look_alike_differ() {
        for (a, b) in [
            ("ada", "ada2"),
            ("ian", "lan"),
            ("Eli", "Ell"),
            ("ivan", "inan"),
            ("zoe", "zoë"),
            ("user10", "user20"),
            ("李", "雷"),
            ("🦀", "🦞"),
        ] {
            assert!(!are_same(a, b) && !are_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn no_two_numbers_are_the_same() {
        let keys: std::collections::HashSet<_> =
            (0..10_000).map(|n| nick(&format!("user{n}")).key()).collect();
        assert_eq!(keys.len(), 10_000);
    }

    #[test]
    fn lists_are_sorted_by_what_is_read() {
        assert_eq!(&*nick("Mia").folded(), "mia");
        assert_eq!(&*nick("ÅDA").folded(), "åda");
    }

    /// The tables of several crates are of one version, the one in PROTOCOL.md, "Text".
    #[test]
    fn all_tables_are_of_the_version_that_the_protocol_names() {
        let wide =
            |(major, minor, update): (u8, u8, u8)| (major.into(), minor.into(), update.into());
        assert_eq!(unicode_security::UNICODE_VERSION, (18, 0, 0));
        assert_eq!(unicode_properties::UNICODE_VERSION, (18, 0, 0));
        assert_eq!(wide(unicode_normalization::UNICODE_VERSION), (18, 0, 0));
        assert!(include_str!("../../../docs/PROTOCOL.md").contains("Unicode 18.0.0"));
    }

    /// A skeleton leaves them out, so a nick with such characters would look like one without.
    #[test]
    fn no_new_name_holds_what_a_renderer_may_ignore() {
        let mut alone = [0; 4];
        for c in '\0'..=char::MAX {
            let alone: &str = c.encode_utf8(&mut alone);
            if skeleton(alone).next().is_none() {
                assert!(crate::text::is_unfit_for_names(c), "{c:?}");
            }
        }
    }

    /// Letters that others look like, or that change with case.
    const MISLEADING: &str = "IlLi10OoMmаеоІіΝνΑαſßẞſΣςσİıﬁéＡａ";

    fn name() -> impl Strategy<Value = String> {
        let letter = prop_oneof![
            4 => proptest::char::range('!', '~'),
            2 => proptest::sample::select(MISLEADING.chars().collect::<Vec<_>>()),
            1 => any::<char>(),
        ];
        proptest::collection::vec(letter, 1..6).prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn ascii_has_the_keys_that_the_general_way_gives(
            text in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}",
        ) {
            let nick = Nick::from_bytes(text.as_bytes()).unwrap();
            let (key, spelt) = (key_of(&text), key_of(&skeleton(&text).collect::<String>()));
            prop_assert_eq!(&*nick.key(), &*key);
            let spelt = (spelt != key).then(|| spelt.into());
            prop_assert_eq!(nick.key_as_spelt(), spelt);
        }

        #[test]
        fn case_equivalence_and_confusability_all_make_nicks_the_same(text in name()) {
            let Ok(nick) = Nick::new(&text) else { return Ok(()) };
            let skeleton: String = skeleton(&text).collect();
            let others =
                [text.to_uppercase(), text.to_lowercase(), text.nfc().collect(),
                 text.nfd().collect(), text.nfkc().collect(), text.nfkd().collect(), skeleton];
            for other in others {
                if let Ok(other) = Nick::new(&other) {
                    let both_ways = nick.is_same(&other) && other.is_same(&nick);
                    prop_assert!(both_ways, "{} {}", nick, other);
                }
            }
        }
    }
}
