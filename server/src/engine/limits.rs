//! The server's own limits, each with its unit last. The protocol's limits are in
//! `chatshelf_common::limits`; the operator's are in [`super::Settings`], for which some of these
//! are the defaults.

/// Time from accept to `Hello` (PROTOCOL.md, "Phases and deadlines").
pub(super) const HELLO_MS: u64 = 10_000;
/// Time from `Hello` to a `Join` that is accepted.
pub(super) const JOIN_MS: u64 = 60_000;
/// `Join`s of one connection that may be refused for their nick; the next refusal closes it.
pub(super) const REFUSED_JOINS_MAX: u8 = 16;
/// Refusals of one connection, of `Join`s and `Rename`s, that suggest a free nick: finding one is
/// the most expensive thing a few bytes can ask for.
pub(super) const SUGGESTIONS_MAX: u8 = 16;
/// Silence of a member before it is asked for a sign of life.
pub(super) const KEEPALIVE_MS: u64 = 20_000;
/// Time from asking a member for a sign of life to giving up on them.
pub(super) const PONG_MS: u64 = 60_000;
/// Time for the holder of a contested nick to give a sign of life before losing it.
pub(super) const PROBE_MS: u64 = 3_000;
/// A peer heard from within this time is not asked.
pub(super) const HEARD_LATELY_MS: u64 = 500;
/// Joins and renames that may wait for such a sign at once; further ones are refused as if the
/// nick's holder had answered.
pub(super) const NICKS_WANTED_MAX: usize = 64;
/// Time for a client to resume its membership after its connection is lost.
pub(super) const RETURN_GRACE_MS: u64 = 5_000;
/// Time from the answer to a visitor until its next request must have arrived whole.
pub(super) const VISIT_IDLE_MS: u64 = 15_000;
/// Time after which a visitor has gone that closed its side and has to wait for its password.
pub(super) const VISIT_GONE_MS: u64 = 1_000;
/// Time that output may wait while the peer accepts no byte of it.
pub(super) const WRITE_STALL_MS: u64 = 30_000;
/// Time that an upload may wait for its client.
pub(super) const UPLOAD_STALL_MS: u64 = 60_000;
/// Time for a goodbye, and the log before it, to be sent.
pub(super) const CLOSE_MS: u64 = 5_000;
/// Time for the peer to close after the goodbye.
pub(super) const LINGER_MS: u64 = 2_000;

/// Time that an event waits for the journal before it is sent anyway, unless it must be safe first.
pub(super) const JOURNAL_WAIT_MS: u64 = 1_000;
/// Bytes of events that may wait for the journal; beyond this, no connection is read.
pub(super) const UNRELEASED_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of one read; one buffer serves all connections.
pub(super) const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Approximate bytes read from one connection in a turn.
pub(super) const READ_BUDGET_BYTES: usize = 256 * 1024;
/// Approximate bytes sent to one connection in a turn, at least.
pub(super) const WRITE_BUDGET_BYTES: usize = 256 * 1024;
/// Bytes sent in a turn that all connections share while files move, where that is more for each:
/// sending as many takes some 0.2 ms.
pub(super) const WRITE_BUDGET_SHARED_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of replies that may be queued for one connection before it is no longer read, and before
/// others can send it direct messages. One more read may add to them.
pub(super) const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Bytes of snapshots being sent; shared parts count once. Beyond this, the connections that have
/// been receiving theirs the longest are dropped.
pub(super) const SNAPSHOT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// This many connections are a crowd: when three quarters of a crowd have left, the memory it
/// needed is freed.
pub(super) const CROWD_CONNECTIONS_MIN: usize = 64;

/// Bytes of events kept in memory for slow members, joiners and the next startup.
pub const LOG_WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Blocks of one upload at the disk thread before its connection is no longer read.
pub(super) const UPLOAD_BLOCKS_IN_FLIGHT: usize = 2;
/// Extents of one download at the disk thread or waiting to be sent.
pub(super) const DOWNLOAD_EXTENTS_IN_FLIGHT: usize = 2;
/// Transfers one member may run at once.
pub(super) const MEMBER_TRANSFERS_MAX: usize = 8;
/// Those, plus the member's ended transfers that the disk thread still holds.
pub(super) const MEMBER_SLOTS_MAX: usize = 2 * MEMBER_TRANSFERS_MAX;
/// Transfers of all members together; at three blocks each, they bound the memory for files.
pub(super) const TRANSFERS_MAX: usize = 128;
/// Uploads among them; the rest are reserved for downloads.
pub(super) const UPLOADS_MAX: usize = 96;
/// One address may have this many times as many transfers as are still free.
pub(super) const ORIGIN_SHARE: usize = 4;
/// Free slots that the members of an address beyond its share must leave, even those without a
/// transfer: they are reserved for members from elsewhere.
pub(super) const NEWCOMER_FREE_SLOTS_MIN: usize = 8;

/// File bytes that a member must move per second for each transfer while few slots are free: a
/// phone from 1999 manages that.
pub(super) const TRANSFER_RATE_MIN_BYTES_PER_S: u64 = 1024;
/// The window over which that rate is averaged.
pub(super) const RATE_WINDOW_MS: u64 = 60_000;
/// The interval at which it is checked.
pub(super) const RATE_STEP_MS: u64 = 15_000;

/// Lines of one kind about what peers do that are logged within `PEER_LINES_MS`; further ones are
/// only counted.
pub(super) const PEER_LINES_MAX: u32 = 120;
/// After this, the number of those is logged.
pub(super) const PEER_LINES_MS: u64 = 60_000;

/// Wrong passwords that one address may try at once, in each realm.
pub(super) const GUESS_BURST: u64 = 5;
/// Time after which the address may try one more.
pub(super) const GUESS_MS: u64 = 30_000;
/// Guesses of one address that may wait for that: all of a crowd whose address is out of guesses.
pub(super) const GUESSES_WAITING_MAX: usize = 512;
/// Time that a guess may wait for those before it.
pub(super) const GUESS_WAIT_MS: u64 = 600_000;
/// Addresses whose wrong guesses are remembered.
pub(super) const GUESS_LINES_MAX: usize = 4_096;
/// Bans at once.
pub(super) const BANS_MAX: usize = 500;

/// History lines for a joiner that requests no number.
pub(super) const HISTORY_DEFAULT: u32 = 50;
/// The most connections that have not joined; beyond this, the oldest gives way. If descriptors are
/// scarce, it is a quarter of all connections.
pub(super) const UNJOINED_MAX: usize = 1_000;
/// While more than one in this many of these places is taken, a visitor's connection ends with its
/// answer: nobody keeps a place in order to ask again while others arrive.
pub(super) const VISITORS_SHARE: usize = 2;
/// Time that a connection has to join before it may have to give way to a newer one.
pub(super) const JOIN_GRACE_MS: u64 = 500;
/// Additional connections that may be receiving their goodbye; beyond this, the oldest is dropped.
/// Unused places of the other kinds serve for this too.
pub(super) const LEAVING_MAX: usize = 1_000;

/// Requests over an allowance that are refused to a member before its connection is closed.
pub(super) const FLOOD_REFUSALS_MAX: u64 = 500;
/// After this, one more may be refused.
pub(super) const FLOOD_PERIOD_MS: u32 = 1_000;
/// Connections over an allowance of their address that are told about it; more are dropped.
pub(super) const TURNED_AWAY_MAX: u64 = 20;
/// After this, one more is told.
pub(super) const TURNED_AWAY_PERIOD_MS: u32 = 1_000;
/// When a client whose address has too many open connections may try again: nobody knows when one
/// will end.
pub(super) const ADDRESS_RETRY_MS: u64 = 10_000;
/// Meters of members, and of addresses, that are kept before those out of use are forgotten.
pub(super) const METERS_MIN: usize = 64;
