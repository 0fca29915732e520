//! Every limit of the protocol, in one place (PROTOCOL.md, "Limits").
//!
//! A name ends in its unit. The limits that a server chooses (largest file, shelf size, transfers
//! at once) are not here: its `HelloAck` has them.

/// TCP port used when none is named.
pub const PORT_DEFAULT: u16 = 9000;

/// Lowest protocol version this code speaks.
pub const VERSION_MIN: u16 = 1;
/// Highest protocol version this code speaks.
pub const VERSION_MAX: u16 = 1;
/// The protocol's name inside TLS (RFC 7301, ALPN).
pub const ALPN: &[u8] = b"chatshelf/1";

/// The name by which TLS knows the protocol of browsers (RFC 7301, section 6).
pub const ALPN_HTTP: &[u8] = b"http/1.1";

/// Longest value of a control frame or event, in bytes, once joined.
pub const FRAME_BYTES_MAX: u32 = 16 * 1024;
/// Longest value of a frame sent before the join is accepted, in bytes.
pub const FRAME_BYTES_MAX_BEFORE_JOIN: u32 = 512;
/// Most file bytes in one data frame, unless its receiver takes large ones.
pub const DATA_BYTES_MAX: u32 = 64 * 1024;
/// Most file bytes in a data frame to a client that takes large ones.
pub const LARGE_DATA_BYTES_MAX: u32 = 1024 * 1024;

/// Longest nick, in bytes of UTF-8.
pub const NICK_BYTES_MAX: usize = 32;
/// Longest message, in bytes of UTF-8.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Longest topic, in bytes of UTF-8.
pub const TOPIC_BYTES_MAX: usize = 512;
/// Longest file name, in bytes of UTF-8.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Longest explanatory text (refusals, software names), in bytes of UTF-8.
pub const NOTE_BYTES_MAX: usize = 256;
/// Longest beginning of a link, in bytes: `https://`, a host of 255 bytes, and `:65535`.
pub const LINK_BASE_BYTES_MAX: usize = 269;

/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 128;

/// Most members a room may have; a server's own limit is at most this.
pub const ROOM_MEMBERS_MAX: usize = 250_000;
/// Most items a shelf may have; a server's own limit is at most this.
pub const ROOM_ITEMS_MAX: usize = 1_000;

/// History value that asks for every line the server still holds.
pub const HISTORY_ALL: u32 = u32::MAX;
