//! What the screen shows of the session: taken from it before each drawing, as text that is
//! harmless for the terminal. Owns a copy, so that drawing needs no session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::Style;

use super::entry::Entry;
use crate::app::format;
use crate::app::rate::{part_of, percent};
use crate::app::{App, Rate, age, rate};
use crate::link::Encryption;
use crate::session::{Direction, PendingCommand, Room, Session, Stage, TransferStatus};
use crate::text::shown;
use crate::units::size;

/// Lines of ours that the room does not have yet, and that are drawn below it.
const PENDING_SHOWN_MAX: usize = 20;

/// The state of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Connection {
    /// The first connection is being made.
    #[default]
    Connecting,
    Joined,
    /// It is lost; the next attempt is due in this many seconds, or is running.
    Offline(Option<u64>),
    Leaving,
}

/// A file on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShelfItem {
    pub(super) id: ItemId,
    pub(super) name: String,
    pub(super) size: String,
    pub(super) who: String,
    pub(super) age: String,
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) is_upload: bool,
    pub(super) name: String,
    pub(super) percent: u64,
    /// `239.0/388.0 MB`.
    pub(super) part: String,
    /// Rate and remaining time, or what it waits for.
    pub(super) text: String,
    pub(super) is_stalled: bool,
}

/// Everything the screen shows of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ViewModel {
    pub(super) nick: String,
    pub(super) place: String,
    pub(super) connection: Connection,
    /// Whether what is sent is encrypted, while there is a connection.
    pub(super) encryption: Option<Encryption>,
    pub(super) lag: Option<Duration>,
    /// Seconds without an answer from a server that owes us one, once that is worth showing.
    pub(super) silent: Option<u64>,
    /// Lines of ours that wait for a receipt, once that is worth showing.
    pub(super) undelivered: usize,
    /// The newest lines of ours that the room does not have yet, as they will look there.
    pub(super) pending: Vec<Entry>,
    pub(super) topic: Option<String>,
    /// Sorted by name. Shared, because they may be thousands.
    pub(super) members: Arc<Vec<String>>,
    /// The newest first.
    pub(super) shelf: Vec<ShelfItem>,
    /// The number of files that the shelf keeps.
    pub(super) shelf_max: usize,
    pub(super) bars: Vec<Bar>,
}

impl ViewModel {
    /// Of the app as it is now; lists the members again only if they are not given.
    pub(super) fn of(
        app: &App,
        members: Option<Arc<Vec<String>>>,
        now: Instant,
        at: UnixMillis,
    ) -> Self {
        let session = app.session();
        let room = session.room();
        Self {
            nick: shown(session.nick().as_str()),
            place: shown(app.server()),
            connection: connection(app, now),
            encryption: app.encryption(),
            lag: session.rtt(now).map(|rtt| Duration::from_millis(rtt.as_millis() as u64)),
            silent: session.silence(now).map(|silence| silence.as_secs()),
            undelivered: if session.is_late() || !session.is_joined() {
                session.outstanding()
            } else {
                0
            },
            pending: pending(session),
            topic: room.topic().map(|state| shown(state.topic.as_str())),
            members: members.unwrap_or_else(|| Arc::new(self::members(room))),
            shelf: shelf(room, at),
            shelf_max: session.limits().map_or(0, |limits| limits.shelf_items_max as usize),
            bars: app.transfers().map(|(status, pace)| bar(&status, pace, now)).collect(),
        }
    }
}

/// The newest lines of ours that the room does not have yet.
fn pending(session: &Session) -> Vec<Entry> {
    let entry = |(command, _): (&PendingCommand, bool)| match command {
        PendingCommand::Say { text, style } => {
            Entry::pending(session.nick(), text, *style == Style::ACTION)
        }
        other => Entry::pending_command(&format::typed(other)),
    };
    let mut entries: Vec<Entry> =
        session.pending_commands().rev().take(PENDING_SHOWN_MAX).map(entry).collect();
    entries.reverse();
    entries
}

fn connection(app: &App, now: Instant) -> Connection {
    let session = app.session();
    if app.is_leaving() {
        return Connection::Leaving;
    }
    if session.is_joined() {
        return Connection::Joined;
    }
    if !session.takes_commands() {
        return Connection::Connecting;
    }
    let wait = session.retry_at().map(|at| at.saturating_duration_since(now));
    Connection::Offline(wait.map(|wait| wait.as_secs_f64().ceil() as u64))
}

/// The members, sorted by name.
fn members(room: &Room) -> Vec<String> {
    let mut members: Vec<&Nick> = room.members().collect();
    members.sort_by_cached_key(|nick| nick.folded());
    members.into_iter().map(|nick| shown(nick.as_str())).collect()
}

fn shelf(room: &Room, now: UnixMillis) -> Vec<ShelfItem> {
    let item = |item: &chatshelf_common::wire::frame::Item| ShelfItem {
        id: item.id,
        name: shown(item.name.as_str()),
        size: size(item.size),
        who: shown(item.nick.as_str()),
        age: age(item.at, now),
    };
    room.shelf().iter().rev().map(item).collect()
}

fn bar(status: &TransferStatus, pace: Option<&Rate>, now: Instant) -> Bar {
    let fresh = Rate::new(now);
    let pace = pace.unwrap_or(&fresh);
    Bar {
        is_upload: status.direction == Direction::Upload,
        name: shown(&rate::name(status)),
        percent: if status.size.is_some() { percent(status) } else { 0 },
        part: part_of(status),
        text: pace.text(status, now),
        is_stalled: status.stage == Stage::Moving && pace.stalled(now).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::text::FileName;

    use super::*;
    use crate::session::TransferHandle;

    #[test]
    fn a_bar_says_what_its_transfer_waits_for() {
        let status = TransferStatus {
            transfer: TransferHandle(1),
            direction: Direction::Upload,
            name: FileName::new("notes.iso").ok(),
            item: None,
            size: Some(10),
            moved: 0,
            stage: Stage::Queued,
        };
        let now = Instant::now();
        let text = |stage| bar(&TransferStatus { stage, ..status.clone() }, None, now).text;
        assert_eq!(text(Stage::Queued), "waiting for other transfers");
        assert_eq!(text(Stage::Waiting), "waiting for the connection");
        let held = text(Stage::Held { until: now + std::time::Duration::from_secs(3_421) });
        assert_eq!(held, "over the server's upload limit; continues in 58 min");
        let unknown = TransferStatus { name: None, size: None, ..status.clone() };
        let bar = bar(&unknown, None, now);
        assert_eq!((bar.name.as_str(), bar.percent), ("transfer 1", 0));
    }
}
