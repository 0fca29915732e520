//! The numbers that name things on the wire, each a type of its own.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

/// Place of an event in the room log: the first event is 1, the next one 2.
///
/// ```
/// use chatshelf_common::id::Seq;
///
/// assert!(Seq(7) < Seq(8) && Seq(7).next() == Seq(8));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after this one. After the highest, which only a broken peer names, it stays.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Names an item of the shelf for as long as the data directory exists. Later items have higher
/// numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// Names one upload or download. The client chooses it, higher each time within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub u32);

/// Names a message. Its sender chooses it and knows the echo, which is the receipt, by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// Names a ban. Later bans have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BanId(pub u64);

/// A moment in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

/// Unix permission bits of a file: read, write and execute for owner, group and others. The
/// set-user-id, set-group-id and sticky bits never travel.
///
/// ```
/// use chatshelf_common::id::Mode;
///
/// assert_eq!(Mode::new(0o755).map(|mode| mode.to_string()), Some("0755".into()));
/// assert_eq!(Mode::new(0o4755), None);
/// assert_eq!(Mode::of(0o100_644), Mode::new(0o644).unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode(u16);

/// What a file system knows about a file and a copy keeps. Either may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// Its permissions.
    pub mode: Option<Mode>,
    /// When its content last changed.
    pub modified: Option<UnixMillis>,
}

impl Mode {
    /// All permissions.
    const ALL: u16 = 0o777;

    /// These bits; none if others are among them.
    #[must_use]
    pub fn new(bits: u16) -> Option<Self> {
        (bits & !Self::ALL == 0).then_some(Self(bits))
    }

    /// The permissions among these bits, which may be a system's `st_mode`.
    #[must_use]
    pub fn of(bits: u32) -> Self {
        Self(bits as u16 & Self::ALL)
    }

    /// The bits, 0 to `0o777`.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }
}

/// Names an upload beyond its connection, so that it can be resumed. The client chooses it at
/// random and tells nobody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadKey(pub [u8; 16]);

/// Resumes a membership over a new connection. Only the server that made it can read it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken(pub [u8; 24]);

/// Lets whoever has the link of an item fetch it without the room's password. Only the server can
/// make it.
#[derive(Clone, Copy, Eq)]
pub struct LinkToken(pub [u8; 16]);

impl LinkToken {
    /// Reads a token as a link has it.
    ///
    /// ```
    /// use chatshelf_common::id::LinkToken;
    ///
    /// let token = LinkToken([7; 16]);
    /// assert_eq!(token.to_string(), "BwcHBwcHBwcHBwcHBwcHBw");
    /// assert_eq!(LinkToken::parse("BwcHBwcHBwcHBwcHBwcHBw"), Some(token));
    /// assert_eq!(LinkToken::parse("BwcHBwcHBwcHBwcHBwcHBwc"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl PartialEq for LinkToken {
    /// Takes the same time wherever the two differ, so that nobody can find a token byte by byte.
    fn eq(&self, other: &Self) -> bool {
        blake3::hash(&self.0) == blake3::hash(&other.0)
    }
}

/// BLAKE3-256 of a file's content, or of its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Mode {
    /// Four octal digits, such as `0644`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Display for UploadKey {
    /// Thirty-two lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for UploadKey {
    /// It is a secret: logs do not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadKey(…)")
    }
}

impl fmt::Debug for ResumeToken {
    /// It is a secret: logs do not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(…)")
    }
}

impl fmt::Display for LinkToken {
    /// Twenty-two characters of base64url (RFC 4648, section 5), without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for LinkToken {
    /// It is a secret: logs do not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

impl fmt::Display for Digest {
    /// Sixty-four lower-case hexadecimal digits; `{:.16}` shows the first sixteen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self:.16}…)")
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}
