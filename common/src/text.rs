//! Text that may travel: types that cannot hold a nick, file name or message the protocol
//! forbids (PROTOCOL.md, "Text"). Which nicks count as the same is in `lookalike`.
//!
//! Names have two rules. A *new* name, which somebody chooses now, must obey the narrow rule, which
//! depends on the version of Unicode. A name that is in use, perhaps given by a server with newer
//! tables, must stay readable: it only has to do no harm.

mod lookalike;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::limits::{
    FILE_NAME_BYTES_MAX, LINK_BASE_BYTES_MAX, MESSAGE_BYTES_MAX, NICK_BYTES_MAX, NOTE_BYTES_MAX,
    TOPIC_BYTES_MAX,
};

/// What clients call their own user.
const OWN_USER: &str = "you";
/// Under which name files from guests appear.
const GUEST: &str = "web-guest";

/// Longest extension, with its dot and in bytes, that a file name keeps when it is cut.
const EXTENSION_BYTES_MAX: usize = 32;

/// Why a text may not travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It is empty.
    Empty,
    /// Longer than the limit, in bytes of UTF-8.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It has a character that this kind of text may not have.
    Forbidden(char),
    /// It is `.` or `..`, which name directories.
    Reserved,
    /// It begins with a mark, which belongs to a letter before it.
    BeginsWithMark(char),
    /// It looks like what clients call their own user.
    LooksLikeYou,
    /// It looks like the name under which guests put files on the shelf.
    LooksLikeGuest,
    /// It is not the beginning of a link that a browser could follow.
    NotLinkBase,
    /// It is not UTF-8.
    NotUtf8,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong { limit } => write!(f, "it is longer than {limit} bytes"),
            Self::Forbidden(c) => write!(f, "it may not contain {c:?}"),
            Self::Reserved => f.write_str("it is not a name"),
            Self::BeginsWithMark(c) => write!(f, "it begins with the mark {c:?}"),
            Self::LooksLikeYou => {
                f.write_str("it looks like \"you\", as clients call their own user")
            }
            Self::LooksLikeGuest => {
                f.write_str("it looks like \"web-guest\", the name for guests who upload over HTTP")
            }
            Self::NotLinkBase => f.write_str("it is not the beginning of a link"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
        }
    }
}

impl std::error::Error for TextError {}

/// True for characters that reorder, hide or imitate their neighbours: bidirectional controls, line
/// and paragraph separators, fillers and zero-width characters, except for the two joiners, which
/// some scripts and emoji need.
#[must_use]
pub fn is_invisible_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// True for characters that no new name may have because they are invisible, or look different from
/// one system to the next: control and format characters, those that Unicode lets a renderer
/// ignore, those for private use, and those that are not assigned yet.
fn is_unfit_for_names(c: char) -> bool {
    use GeneralCategory::{Control, Format, PrivateUse, Surrogate, Unassigned};
    if c.is_ascii() {
        return c.is_control();
    }
    is_invisible_format(c)
        || is_variation_selector(c)
        || matches!(c.general_category(), Control | Format | PrivateUse | Surrogate | Unassigned)
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// True for characters that are drawn as nothing although Unicode calls them symbols.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{fffc}' | '\u{1d159}')
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn may_be_in_nick(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
    } else {
        let is_unseen = matches!(c, '\u{200c}' | '\u{200d}' | '\u{2800}' | '\u{fe00}'..='\u{fe0f}');
        !c.is_control() && !c.is_whitespace() && !is_invisible_format(c) && !is_unseen
    }
}

fn may_be_in_link_base(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '/' | '[' | ']')
}

fn within(text: &str, limit: usize) -> Result<(), TextError> {
    match text.len() {
        0 => Err(TextError::Empty),
        n if n > limit => Err(TextError::TooLong { limit }),
        _ => Ok(()),
    }
}

fn none_of(text: &str, forbidden: impl Fn(char) -> bool) -> Result<(), TextError> {
    text.chars().find(|&c| forbidden(c)).map_or(Ok(()), |c| Err(TextError::Forbidden(c)))
}

/// Declares a text type: an `Arc<str>` that has passed `check`; clones share it. A name's `new`
/// checks the narrow rule as well.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        checked_text! { @type $(#[$doc])* $name, $check }

        impl $name {
            /// Takes the text as it is.
            ///
            /// # Errors
            /// When it breaks the rule above.
            pub fn new(text: &str) -> Result<Self, TextError> {
                Self::checked(text)
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $check:expr, when new $check_new:expr) => {
        checked_text! { @type $(#[$doc])* $name, $check }

        impl $name {
            /// A name that somebody chooses now.
            ///
            /// # Errors
            /// When it breaks the rule above or that for new names.
            pub fn new(text: &str) -> Result<Self, TextError> {
                let name = Self::checked(text)?;
                name.check_new().map(|()| name)
            }

            /// Checks whether a name that was read could be given now.
            ///
            /// # Errors
            /// When it breaks the rule for new names.
            pub fn check_new(&self) -> Result<(), TextError> {
                let check: fn(&Self) -> Result<(), TextError> = $check_new;
                check(self)
            }
        }
    };
    (@type $(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            fn checked(text: &str) -> Result<Self, TextError> {
                let check: fn(&str) -> Result<(), TextError> = $check;
                check(text).map(|()| Self(text.into()))
            }

            /// Takes bytes from the wire or the disk.
            ///
            /// # Errors
            /// When they are not UTF-8 or break the rule above.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, TextError> {
                Self::checked(std::str::from_utf8(bytes).map_err(|_| TextError::NotUtf8)?)
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

checked_text! {
    /// A member's name: 1 to 32 bytes; ASCII letters and digits, `_`, `-`, `.`, and any visible
    /// character beyond ASCII: no control characters, white space, invisible formatting, joiners or
    /// variation selectors. It does not begin with `-` or `.`.
    ///
    /// A new nick also has no unassigned or blank characters, does not begin with a mark, and looks
    /// neither like `you` nor like the name of [guests](Self::guest).
    ///
    /// ```
    /// use chatshelf_common::text::{Nick, TextError};
    ///
    /// let ada = Nick::new("Ada")?;
    /// assert!(ada.is_same(&Nick::new("ada")?) && ada.is_same(&Nick::new("Аdа")?));
    /// assert_eq!(Nick::new("a b"), Err(TextError::Forbidden(' ')));
    /// # Ok::<(), TextError>(())
    /// ```
    Nick, |text| {
        within(text, NICK_BYTES_MAX)?;
        none_of(text, |c| !may_be_in_nick(c))?;
        match text.chars().next() {
            Some(c @ ('-' | '.')) => Err(TextError::Forbidden(c)),
            _ => Ok(()),
        }
    }, when new |nick| {
        none_of(&nick.0, |c| is_unfit_for_names(c) || is_blank(c))?;
        match nick.0.chars().next() {
            Some(c) if is_mark(c) => Err(TextError::BeginsWithMark(c)),
            _ if nick.looks_like(OWN_USER) => Err(TextError::LooksLikeYou),
            _ if nick.looks_like(GUEST) => Err(TextError::LooksLikeGuest),
            _ => Ok(()),
        }
    }
}

checked_text! {
    /// A file's name, never a path: 1 to 255 bytes; no control or invisible formatting characters,
    /// no `/` and no `\`; neither `.` nor `..`.
    ///
    /// A new name also has no unassigned characters.
    ///
    /// ```
    /// use chatshelf_common::text::FileName;
    ///
    /// assert!(FileName::new("notes.txt").is_ok() && FileName::new("../notes.txt").is_err());
    /// assert_eq!(FileName::lossy("a/b\n.txt")?.as_str(), "a_b_.txt");
    /// # Ok::<(), chatshelf_common::text::TextError>(())
    /// ```
    FileName, |text| {
        within(text, FILE_NAME_BYTES_MAX)?;
        none_of(text, |c| matches!(c, '/' | '\\') || c.is_control() || is_invisible_format(c))?;
        if matches!(text, "." | "..") { Err(TextError::Reserved) } else { Ok(()) }
    }, when new |name| none_of(&name.0, is_unfit_for_names)
}

checked_text! {
    /// What someone says: 1 to 8,192 bytes; newline and tab are the only control characters.
    ///
    /// ```
    /// use chatshelf_common::text::{Message, TextError};
    ///
    /// assert_eq!(Message::new("one\n\ttwo")?.as_str(), "one\n\ttwo");
    /// assert_eq!(Message::new("\u{1b}[2J"), Err(TextError::Forbidden('\u{1b}')));
    /// # Ok::<(), TextError>(())
    /// ```
    Message, |text| {
        within(text, MESSAGE_BYTES_MAX)?;
        // Every line passes here, and most are plain; a fold over bytes takes many at a time.
        if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
            return Ok(());
        }
        none_of(text, |c| c.is_control() && !matches!(c, '\n' | '\t'))
    }
}

checked_text! {
    /// The room's topic: 1 to 512 bytes on one line: no control characters, no line separators.
    Topic, |text| {
        within(text, TOPIC_BYTES_MAX)?;
        none_of(text, breaks_a_line)
    }
}

checked_text! {
    /// A short text for people, such as the reason of a refusal: 1 to 256 bytes on one line.
    Note, |text| {
        within(text, NOTE_BYTES_MAX)?;
        none_of(text, breaks_a_line)
    }
}

checked_text! {
    /// What links to a server's items begin with: nothing if there are none; `http:` or `https:` if
    /// host and port are those that whoever makes the link has connected to; else one of them, `//`
    /// and host and port. At most 269 bytes, of ASCII letters, digits, `-`, `.`, `:`, `/` and
    /// brackets.
    ///
    /// ```
    /// use chatshelf_common::text::{LinkBase, TextError};
    ///
    /// assert!(["", "http:", "https://[2001:db8::1]:9000"].iter().all(|it| LinkBase::new(it).is_ok()));
    /// assert_eq!(LinkBase::new("javascript:"), Err(TextError::NotLinkBase));
    /// assert_eq!(LinkBase::new("https://a@b"), Err(TextError::Forbidden('@')));
    /// ```
    LinkBase, |text| {
        if text.len() > LINK_BASE_BYTES_MAX {
            return Err(TextError::TooLong { limit: LINK_BASE_BYTES_MAX });
        }
        none_of(text, |c| !may_be_in_link_base(c))?;
        let is_host = |host: &str| !host.is_empty() && !host.contains('/');
        match text.split_once(':') {
            None if text.is_empty() => Ok(()),
            Some(("http" | "https", rest))
                if rest.is_empty() || rest.strip_prefix("//").is_some_and(is_host) => Ok(()),
            _ => Err(TextError::NotLinkBase),
        }
    }
}

impl Nick {
    /// The name under which files from guests appear, who are no members. No member can have it.
    #[must_use]
    pub fn guest() -> Self {
        Self(GUEST.into())
    }
}

impl Note {
    /// Makes a note of any text: replaces what a note may not contain, and cuts what is too long.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let end = text.floor_char_boundary(NOTE_BYTES_MAX);
        let clean: String =
            text[..end].chars().map(|c| if breaks_a_line(c) { ' ' } else { c }).collect();
        Self(if clean.is_empty() { "-".into() } else { clean.into() })
    }
}

impl FileName {
    /// Makes a new file name of any name: drops the joiners and variation selectors of emoji and
    /// scripts, which change how their neighbours look; replaces any other character that is not
    /// allowed by `_`; cuts what is too long, before the extension if that is short.
    ///
    /// # Errors
    /// When it is empty, `.` or `..`.
    pub fn lossy(name: &str) -> Result<Self, TextError> {
        let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}') || is_variation_selector(c);
        let forbidden = |c: char| matches!(c, '/' | '\\') || is_unfit_for_names(c);
        let spelt: String = name.chars().filter(|&c| !is_joiner(c)).collect();
        // Without its joiners, a name of joiners alone would be empty.
        let name = if matches!(&*spelt, "" | "." | "..") { name } else { &spelt };
        let clean: String = name.chars().map(|c| if forbidden(c) { '_' } else { c }).collect();
        if clean.len() <= FILE_NAME_BYTES_MAX {
            return Self::new(&clean);
        }
        let (stem, extension) = match split_extension(&clean) {
            (stem, extension) if extension.len() <= EXTENSION_BYTES_MAX => (stem, extension),
            _ => (clean.as_str(), ""),
        };
        let end = stem.floor_char_boundary(FILE_NAME_BYTES_MAX - extension.len());
        Self::new(&format!("{}{extension}", &stem[..end]))
    }

    /// The name before its extension, and the extension with its dot (or nothing).
    #[must_use]
    pub fn split_extension(&self) -> (&str, &str) {
        split_extension(&self.0)
    }
}

fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}
