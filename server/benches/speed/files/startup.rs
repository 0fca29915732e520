//! Starts with a full shelf and a full log.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use chatshelf_common::id::MessageId;
use chatshelf_common::text::Message;
use chatshelf_common::wire::frame::Say;
use chatshelf_common::wire::{Event, Frame};
use chatshelf_server::engine::LOG_WINDOW_BYTES;

use super::client::{Client, Incoming};
use super::content::Content;
use super::results::Start;
use crate::contenders::start_ours;

const ITEMS: usize = 5;
const ITEM_BYTES: u64 = 1 << 20;

/// Bytes of a line, and lines that are said before the echo of the last is waited for.
const LINE_BYTES: usize = 100;
const LINES_AT_ONCE: u64 = 500;

/// Fills a data directory, and starts servers on it.
pub(super) fn measure(dir: &Path, starts: usize) -> io::Result<Vec<Start>> {
    let data_dir = tempfile::tempdir_in(dir)?;
    fill(data_dir.path(), dir)?;
    let start = |_| {
        let own = tempfile::tempdir_in(dir)?;
        let started = Instant::now();
        let process = start_ours(data_dir.path(), &[], own)?;
        let listening = started.elapsed();
        Client::greet(process.address())?;
        Ok(Start { listening, answering: started.elapsed() })
    };
    (0..starts).map(start).collect()
}

fn fill(data_dir: &Path, dir: &Path) -> io::Result<()> {
    let process = start_ours(data_dir, &[], tempfile::tempdir_in(dir)?)?;
    let mut client = Client::join(process.address())?;
    let content = Content::new(ITEM_BYTES);
    (0..ITEMS).try_for_each(|_| client.upload(&content))?;
    drop(client);
    talk(process.address())
}

/// Says lines until the log's window is full. All that has come back is in the journal.
fn talk(address: SocketAddr) -> io::Result<()> {
    let mut client = Client::join(address)?;
    let text = Message::new(&"x".repeat(LINE_BYTES)).map_err(io::Error::other)?;
    let (mut logged_bytes, mut last) = (0, 0);
    while logged_bytes <= LOG_WINDOW_BYTES {
        let first = last + 1;
        last += LINES_AT_ONCE;
        for id in first..=last {
            client.send(&Say::new(MessageId(id), text.clone(), None))?;
        }
        loop {
            if let Incoming::Event(Event::Said(said)) = client.next()? {
                let is_last = said.id == MessageId(last);
                logged_bytes += said.to_bytes().len();
                if is_last {
                    break;
                }
            }
        }
    }
    Ok(())
}
