//! The server's own limits, each with its unit last. Those of the protocol are in
//! `chatshelf_common::limits`; those an operator sets are in [`super::Settings`].

/// From accept to `Hello` (PROTOCOL.md, "Phases and deadlines").
pub(super) const HELLO_MS: u64 = 10_000;
/// From `Hello` to a `Join` that is accepted.
pub(super) const JOIN_MS: u64 = 60_000;
/// `Join`s of one connection that are refused for their nick; at the next one it is closed.
pub(super) const REFUSED_JOINS_MAX: u8 = 16;
/// Refusals of one connection, of `Join`s and `Rename`s, that come with a nick that is free: to
/// find one costs more than anything else that so few bytes can ask for.
pub(super) const SUGGESTIONS_MAX: u8 = 16;
/// From the question for a sign of life ([`super::Settings::keepalive_ms`]) to giving up on a
/// member.
pub(super) const PONG_MS: u64 = 60_000;
/// How long whoever has a name that is wanted may take to give a sign of life before they lose it.
pub(super) const PROBE_MS: u64 = 3_000;
/// Who was heard so lately is not asked.
pub(super) const HEARD_LATELY_MS: u64 = 500;
/// Joins and renames that may wait for such a sign at once; more are refused as if there had been
/// one.
pub(super) const NICKS_WANTED_MAX: usize = 64;
/// How long the membership of a lost connection stands, for its client to come back to.
pub(super) const RETURN_GRACE_MS: u64 = 5_000;
/// How long output may wait while the peer takes no byte of it.
pub(super) const WRITE_STALL_MS: u64 = 30_000;
/// How long an upload may wait for its client.
pub(super) const UPLOAD_STALL_MS: u64 = 60_000;
/// How long a farewell, and the log before it, may take to go out.
pub(super) const CLOSE_MS: u64 = 5_000;
/// How long the peer may take to close after the farewell.
pub(super) const LINGER_MS: u64 = 2_000;

/// How long an event waits for the journal before it is sent all the same, unless it must be safe
/// first.
pub(super) const JOURNAL_WAIT_MS: u64 = 1_000;
/// Bytes of events that may wait for the journal; beyond it no connection is read.
pub(super) const UNRELEASED_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes read at once; one buffer serves all connections.
pub(super) const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes read from one connection in one turn, about.
pub(super) const READ_BUDGET_BYTES: usize = 256 * 1024;
/// Bytes sent to one connection in one turn, about.
pub(super) const WRITE_BUDGET_BYTES: usize = 256 * 1024;
/// Replies that wait for one connection to take them before it is no longer read, and before others
/// can tell it anything. One more read may add to them.
pub(super) const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Bytes of snapshots that are being sent; parts that several share count once. Beyond it, who has
/// been at theirs for longest is dropped.
pub(super) const SNAPSHOT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// So many connections are a crowd: once three quarters of one have left, the memory that it took
/// is given back.
pub(super) const CROWD_CONNECTIONS_MIN: usize = 64;

/// Bytes of events that stay readable for slow members, joiners and the next start.
pub const LOG_WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Blocks of one upload at the disk thread before its connection is no longer read.
pub(super) const UPLOAD_BLOCKS_IN_FLIGHT: usize = 2;
/// Extents of one download at the disk thread or waiting to be sent.
pub(super) const DOWNLOAD_EXTENTS_IN_FLIGHT: usize = 2;
/// Transfers one member may run at once.
pub const MEMBER_TRANSFERS_MAX: usize = 8;
/// Those and the member's ended ones that the disk thread still holds.
pub(super) const MEMBER_SLOTS_MAX: usize = 2 * MEMBER_TRANSFERS_MAX;
/// Transfers of all members together; with three blocks each they bound the memory for files.
pub const TRANSFERS_MAX: usize = 128;
/// Uploads among them: the others are for downloads.
pub const UPLOADS_MAX: usize = 96;
/// How many times as many transfers as are still free one address may have.
pub(super) const ORIGIN_SHARE: usize = 4;
/// So many free ones are left by the members of an address that has more than its share, even by
/// those who have none: they are for who comes from elsewhere.
pub(super) const NEWCOMER_FREE_SLOTS_MIN: usize = 8;

/// Bytes of files that a member moves in a second for each transfer, at least, while few are free:
/// a phone of 1999 does that.
pub(super) const TRANSFER_RATE_MIN_BYTES_PER_S: u64 = 1024;
/// Over how long that is averaged.
pub(super) const RATE_WINDOW_MS: u64 = 60_000;
/// How often it is looked at.
pub(super) const RATE_STEP_MS: u64 = 15_000;

/// Lines of history for a joiner that names no number.
pub(super) const HISTORY_DEFAULT: u32 = 50;
/// Connections that have not joined, at most; then the oldest gives way. Where there are few
/// descriptors, a quarter of all connections.
pub(super) const UNJOINED_MAX: usize = 1_000;
/// How long a connection has to join before it gives way to a newcomer.
pub(super) const JOIN_GRACE_MS: u64 = 500;
/// Connections beyond all others that may take their time to hear the farewell; then the oldest is
/// dropped. Free places of the others serve for it too.
pub(super) const LEAVING_MAX: usize = 1_000;
