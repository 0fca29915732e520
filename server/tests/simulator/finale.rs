//! The end of a run: once everything is made good all must come right in time, everyone must agree,
//! and when all have left nothing may be left of them.

use std::path::{Path, PathBuf};

use chatshelf_common::id::ItemId;
use chatshelf_server::disk::block::POOL_BLOCKS_MAX;
use chatshelf_server::engine::MemoryUse;

use super::guest::Guest;
use super::threads::DATA;
use super::trace::told;
use super::user::User;
use super::world::World;

const MINUTE_MS: u64 = 60_000;
/// How long it may take until everyone is there and nothing is waited for.
const SETTLES_MS: u64 = 30 * MINUTE_MS;
/// How long until everyone has left.
const LEAVES_MS: u64 = 10 * MINUTE_MS;
/// Longer than anything is kept, also where the wall clock was set back.
const DAY_MS: u64 = 30 * 60 * MINUTE_MS;
/// Bytes of tables and of the newest snapshot when nobody is there any more.
const LEFT_BYTES_MAX: usize = 256 * 1024;

impl World {
    /// Everything, from the first moment to the last.
    pub(crate) fn run(&mut self, expects_more: bool) {
        self.go_through_troubles();
        self.heal();
        self.settle("everyone is back and nothing is waited for");
        if let Some(user) = self.users.first_mut() {
            user.download_all();
        }
        self.settle("the last downloads are done");
        let shelf = self.check_agreement();
        self.check_lines(expects_more);
        self.users.iter_mut().for_each(User::leave);
        self.wait(LEAVES_MS, "everyone has left", |world| {
            world.users.iter().all(User::is_gone) && world.is_deserted()
        });
        let end_ms = self.clock.now_ms() + DAY_MS;
        while self.step(end_ms) {}
        self.check_usage(&shelf);
        self.stop_and_look(&shelf);
    }

    fn is_deserted(&self) -> bool {
        self.server.stats().is_some_and(|stats| stats.memory.connections == 0)
    }

    fn settle(&mut self, what: &str) {
        self.wait(SETTLES_MS, what, |world| {
            world.server.is_idle()
                && world.guests.iter().all(Guest::is_over)
                && world.users.iter().all(User::is_settled)
                && world.users.iter().all(|user| user.is_up_to_date(&world.model))
        });
    }

    /// Goes on until something is so; it must be within some time.
    fn wait(&mut self, for_ms: u64, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end_ms = self.clock.now_ms() + for_ms;
        while !is_so(self) {
            let goes_on = self.step(end_ms);
            assert!(goes_on, "not within {for_ms} ms: {what}\n{}", self.state());
        }
        told!(self.trace, "world", "{what}");
    }

    fn state(&self) -> String {
        let users: Vec<String> = self.users.iter().map(User::state).collect();
        let guests = self.guests.iter().filter(|guest| !guest.is_over()).count();
        format!("{}\nguests: {guests}\nserver: {:?}", users.join("\n"), self.server.stats())
    }

    /// All see the same room, and on its shelf are the files that must be, whole. Answers which.
    fn check_agreement(&self) -> Vec<ItemId> {
        let views: Vec<_> = self.users.iter().filter_map(User::view).collect();
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{views:#?}");
        let view = views.first().expect("someone is in the room");
        self.model.shelf().check_shelf(&view.items);
        view.items.iter().for_each(|item| self.server.check_content(item, &self.model));
        view.items.iter().map(|item| item.id).collect()
    }

    fn check_lines(&self, expects_more: bool) {
        for user in &self.users {
            user.check_lines(&self.model);
            user.check_copies(&self.model);
        }
        assert!(!expects_more, "one line more is expected");
    }

    /// The server holds nothing for anyone.
    fn check_usage(&self, shelf: &[ItemId]) {
        let stats = self.server.stats().expect("the server is up");
        assert_eq!(stats.counters.connections, stats.counters.closes.total(), "{stats}");
        let usage = stats.memory;
        let MemoryUse { log_bytes, blocks, snapshot_bytes, table_bytes, .. } = usage;
        let bare =
            MemoryUse { log_bytes, blocks, snapshot_bytes, table_bytes, ..MemoryUse::default() };
        assert_eq!(usage, bare, "something is left behind");
        let held = usage.snapshot_bytes + usage.table_bytes;
        assert!(held < LEFT_BYTES_MAX, "a crowd has left {held} bytes: {usage:?}");
        assert!(usage.blocks <= POOL_BLOCKS_MAX, "{usage:?}");
        // The journal's newest segment stays open.
        let open = self.server.disk.open_files();
        assert!(open.len() <= 1, "files are left open: {open:?}");
        if self.server.disk.failures() == 0 {
            self.check_tree(shelf);
        }
    }

    /// Stopped and started again, the server knows everything; and on the disk there is no more
    /// than there should be.
    fn stop_and_look(&mut self, shelf: &[ItemId]) {
        let starts = self.model.starts;
        self.server.ask_to_stop();
        self.wait(LEAVES_MS, "the server is up again", |world| {
            world.server.is_up() && world.model.starts > starts && world.server.is_idle()
        });
        let end_ms = self.clock.now_ms() + DAY_MS;
        while self.step(end_ms) {}
        self.check_tree(shelf);
    }

    /// There are the items of the shelf and the journal, and nothing else. Of the newest item a
    /// folder stays when it was taken off, so that its number is not given again.
    fn check_tree(&self, shelf: &[ItemId]) {
        let data = Path::new(DATA);
        let (shelf_dir, log) = (data.join("shelf"), data.join("log"));
        let place = |id: &ItemId| shelf_dir.join(id.to_string());
        let places: Vec<PathBuf> = shelf.iter().map(place).collect();
        let newest = self.model.shelf().newest().filter(|id| !shelf.contains(id));
        let note_dir = newest.as_ref().map(place);
        for (path, bytes) in self.server.disk.files() {
            let is_segment = path.parent() == Some(&*log);
            let is_item = path.parent().is_some_and(|dir| places.contains(&dir.into()));
            let is_mark = path == data.join("chatshelf.format") || path == data.join("bans");
            let is_note = note_dir.as_ref().is_some_and(|dir| path == dir.join("dropped"));
            let is_known = is_segment || is_item || is_mark || is_note;
            assert!(is_known, "{} is left, {bytes} bytes", path.display());
        }
        for path in self.server.disk.folders() {
            let is_item = places.contains(&path) || note_dir.as_ref() == Some(&path);
            let is_base = path.starts_with(data) && path.components().count() == 3;
            let is_known = is_item || is_base || data.starts_with(&path);
            assert!(is_known, "{} is left", path.display());
        }
    }
}
