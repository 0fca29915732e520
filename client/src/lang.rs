//! The language in which people are spoken to. Owns the choice, which is made once, before anything
//! is said, and how a sentence is made in it.
//!
//! In the code a sentence stands in English, where it belongs: `tr!` looks it up in the table
//! that the page has, too (`common/strings.txt`), and a test holds each against the other. What a
//! program reads (JSON, codes) is never looked up.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::OnceLock;

use chatshelf_common::strings::{self, Row};
use chatshelf_common::text::TextError;

/// A language that the table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, in which the code is written.
    English,
    /// Chinese in simplified characters.
    Simplified,
    /// Chinese in traditional characters.
    Traditional,
}

/// Every language, by its tag (BCP 47).
const TAGS: [(&str, Language); 3] = [
    ("en", Language::English),
    ("zh-Hans", Language::Simplified),
    ("zh-Hant", Language::Traditional),
];

impl FromStr for Language {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, String> {
        let known = TAGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
        known.map(|(_, language)| *language).ok_or_else(|| {
            let [one, two, three] = TAGS.map(|(tag, _)| tag);
            format!("must be {one}, {two} or {three}")
        })
    }
}

impl Language {
    /// Returns the language of the user's locale, as POSIX finds it: the first of these variables
    /// that says something decides.
    #[must_use]
    pub fn of_environment() -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(std::env::var_os);
        let locale = set.into_iter().find(|value| !value.is_empty());
        locale.and_then(|locale| Self::of_locale(locale.to_str()?)).unwrap_or(Self::English)
    }

    /// The language of a locale such as `zh_TW.UTF-8`; none if we do not have it, or if a terminal
    /// that takes no UTF-8 could not show it.
    fn of_locale(locale: &str) -> Option<Self> {
        let (locale, _) = locale.split_once('@').unwrap_or((locale, ""));
        let (name, encoding) = locale.split_once('.').unwrap_or((locale, "UTF-8"));
        let mut parts = name.split(['_', '-']);
        let language = parts.next()?;
        if language == "en" {
            return Some(Self::English);
        }
        if language != "zh" || !matches!(&*encoding.to_lowercase(), "utf-8" | "utf8") {
            return None;
        }
        // A script says more than a region, and comes before it.
        match parts.next().map(str::to_lowercase).as_deref() {
            None | Some("hans" | "cn" | "sg" | "my") => Some(Self::Simplified),
            Some("hant" | "tw" | "hk" | "mo") => Some(Self::Traditional),
            Some(_) => None,
        }
    }

    /// What the row says in this language.
    fn of_row(self, row: &Row) -> &'static str {
        match self {
            Self::English => row.english,
            Self::Simplified => row.simplified,
            Self::Traditional => row.traditional,
        }
    }
}

/// What the English texts are in the language that was chosen; unset for English.
static CHOSEN: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();

/// Speaks this language from now on; to be called once, before anything is said.
pub fn speak(language: Language) {
    if language != Language::English {
        let texts = strings::rows().map(|row| (row.english, language.of_row(&row))).collect();
        let is_first = CHOSEN.set(texts).is_ok();
        debug_assert!(is_first, "a language is chosen once");
    }
}

/// What an English text is in the language that was chosen; none for English itself.
pub(crate) fn translation(english: &str) -> Option<&'static str> {
    CHOSEN.get()?.get(english).copied()
}

/// A text without values in the language that was chosen: for one that a table of ours holds. What
/// is not in the table of texts stays as it is.
pub(crate) fn text(english: &str) -> &str {
    translation(english).unwrap_or(english)
}

/// A text whose `{x}` are replaced by the values of these names.
pub(crate) fn filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(&value.to_string()),
            None => debug_assert!(false, "no value for {name} in: {text}"),
        }
        filled.push_str(rest);
    }
    filled
}

/// A clause with the reason for it.
pub(crate) fn because(what: impl Display, why: impl Display) -> String {
    tr!("{what}: {why}", what, why)
}

/// Why a text may not travel.
pub(crate) fn text_error(why: &TextError) -> String {
    match why {
        TextError::TooLong { limit } => tr!("it is longer than {limit} bytes", limit),
        TextError::Forbidden(c) => tr!("it may not contain {c}", c = format!("{c:?}")),
        TextError::BeginsWithMark(c) => tr!("it begins with the mark {c}", c = format!("{c:?}")),
        why => text(&why.to_string()).to_owned(),
    }
}

/// A sentence for people, in the language that was chosen. It stands in English, as for `format!`,
/// with all its values by name: `tr!("{nick} joined", nick = joined.nick)`. Of two texts, as in
/// `tr!("{n} line", "{n} lines", n = lines)`, the first is for one.
macro_rules! tr {
    ($text:literal $(,)?) => {
        $crate::lang::translation($text).unwrap_or($text)
    };
    ($text:literal, $($name:ident $(= $value:expr)?),+ $(,)?) => {
        match $crate::lang::translation($text) {
            None => format!($text, $($name = $crate::lang::value!($name $(= $value)?)),+),
            Some(text) => $crate::lang::filled(
                text,
                &[$((stringify!($name), &$crate::lang::value!($name $(= $value)?))),+],
            ),
        }
    };
    ($one:literal, $many:literal, n = $n:expr $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        match $n {
            1 => $crate::lang::tr!($one, n = 1 $(, $name $(= $value)?)*),
            n => $crate::lang::tr!($many, n $(, $name $(= $value)?)*),
        }
    };
}

/// A value of a sentence: that of its name, unless there is another.
macro_rules! value {
    ($name:ident) => {
        $name
    };
    ($name:ident = $value:expr) => {
        $value
    };
}

pub(crate) use {tr, value};

/// True for a text that can be said in every language.
#[cfg(test)]
pub(crate) fn is_in_table(english: &str) -> bool {
    strings::rows().any(|row| row.english == english)
}

#[cfg(test)]
mod tests {
    use chatshelf_common::wire::Code;
    use chatshelf_common::wire::code::CODES;

    use super::*;

    #[test]
    fn a_locale_is_a_language_that_we_have_or_none() {
        let simplified =
            ["zh_CN.UTF-8", "zh_SG.utf8", "zh_CN", "zh", "zh-Hans", "zh_Hans_HK.UTF-8"];
        let traditional = ["zh_TW.UTF-8", "zh_HK", "zh_MO.UTF-8", "zh-Hant", "zh_TW.UTF-8@radical"];
        let others =
            ["C", "POSIX", "C.UTF-8", "de_DE.UTF-8", "zh_CN.GB18030", "zh_TW.Big5", "zh_XX"];
        for (locales, language) in [
            (&simplified[..], Some(Language::Simplified)),
            (&traditional, Some(Language::Traditional)),
            (&["en", "en_GB.ISO-8859-1"], Some(Language::English)),
            (&others, None),
            (&["", "_", "zho", "ZH_CN.", "."], None),
        ] {
            for locale in locales {
                assert_eq!(Language::of_locale(locale), language, "{locale}");
            }
        }
    }

    #[test]
    fn a_language_is_given_by_its_tag_alone() {
        assert_eq!("ZH-hant".parse(), Ok(Language::Traditional));
        for wrong in ["", "zh", "zh_TW", "de", "zh-Hans-CN"] {
            let complaint = wrong.parse::<Language>().unwrap_err();
            assert_eq!(complaint, "must be en, zh-Hans or zh-Hant");
        }
    }

    #[test]
    fn why_a_text_may_not_travel_is_said_as_its_type_says_it() {
        let errors = [
            TextError::Empty,
            TextError::TooLong { limit: 8 },
            TextError::Forbidden('\u{7}'),
            TextError::Reserved,
            TextError::BeginsWithMark('\u{301}'),
            TextError::LooksLikeYou,
            TextError::LooksLikeGuest,
            TextError::NotLinkBase,
            TextError::NotUtf8,
        ];
        for error in errors {
            // Another reason does not compile here, and belongs above.
            match error {
                TextError::Empty
                | TextError::TooLong { .. }
                | TextError::Forbidden(_)
                | TextError::Reserved
                | TextError::BeginsWithMark(_)
                | TextError::LooksLikeYou
                | TextError::LooksLikeGuest
                | TextError::NotLinkBase
                | TextError::NotUtf8 => {}
            }
            assert_eq!(text_error(&error), error.to_string());
            let has_values = error.to_string().contains(['8', '\'']);
            assert!(has_values || is_in_table(&error.to_string()), "{error}");
        }
    }

    #[test]
    fn every_code_of_the_protocol_is_in_the_table() {
        let meanings = CODES.iter().map(|(code, _)| code.meaning());
        for meaning in meanings.chain([Code(999).meaning()]) {
            assert!(is_in_table(meaning), "{meaning}");
        }
    }

    #[test]
    fn values_take_the_places_of_their_names_in_any_order() {
        let nick = "ada";
        assert_eq!(tr!("{nick} joined", nick), "ada joined");
        let bans = [0, 1, 2].map(|bans| tr!("{n} ban", "{n} bans", n = bans));
        assert_eq!(bans, ["0 bans", "1 ban", "2 bans"]);
        let values: [(&str, &dyn Display); 2] = [("who", &nick), ("to", &7)];
        assert_eq!(filled("{to}：{who}改名为{to}{who}", &values), "7：ada改名为7ada");
        assert_eq!(filled("", &values), "");
        let text = filled("{who}", &[("who", &"{to}"), ("to", &1)]);
        assert_eq!(text, "{to}", "what a value holds is left alone");
    }
}
