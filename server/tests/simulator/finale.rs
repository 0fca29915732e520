//! The end of a run: once everything is made good all must come right in time, everyone must agree,
//! and when all have left nothing may be left of them.

use std::path::{Path, PathBuf};

use chatshelf_server::disk::block::POOL_BLOCKS_MAX;
use chatshelf_server::engine::MemoryUse;

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
        self.check_agreement();
        self.check_lines(expects_more);
        self.users.iter_mut().for_each(User::leave);
        self.wait(LEAVES_MS, "everyone has left", |world| {
            world.users.iter().all(User::is_gone) && world.is_deserted()
        });
        let end_ms = self.clock.now_ms() + DAY_MS;
        while self.step(end_ms) {}
        self.check_usage();
        self.stop_and_look();
    }

    fn is_deserted(&self) -> bool {
        self.server.usage().is_some_and(|usage| usage.connections == 0)
    }

    fn settle(&mut self, what: &str) {
        self.wait(SETTLES_MS, what, |world| {
            world.server.is_idle()
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
        format!("{}\nserver: {:?}", users.join("\n"), self.server.usage())
    }

    /// All see the same room, and on its shelf are the newest files, whole.
    fn check_agreement(&self) {
        let views: Vec<_> = self.users.iter().filter_map(User::view).collect();
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{views:#?}");
        let Some(view) = views.first() else { return };
        let newest = self.model.newest_items(self.plan.settings.keep);
        assert!(view.items.iter().eq(newest.iter().copied()), "{:#?}\n{newest:#?}", view.items);
        for item in &view.items {
            self.model.check_item(item);
            self.server.check_content(item, &self.model);
        }
    }

    fn check_lines(&self, expects_more: bool) {
        for user in &self.users {
            user.check_lines(&self.model);
            user.check_copies(&self.model);
        }
        assert!(!expects_more, "one line more is expected");
    }

    /// The server holds nothing for anyone.
    fn check_usage(&self) {
        let usage = self.server.usage().expect("the server is up");
        let MemoryUse { log_bytes, blocks, snapshot_bytes, table_bytes, .. } = usage;
        let bare =
            MemoryUse { log_bytes, blocks, snapshot_bytes, table_bytes, ..MemoryUse::default() };
        assert_eq!(usage, bare, "something is left behind");
        let held = usage.snapshot_bytes + usage.table_bytes;
        assert!(held < LEFT_BYTES_MAX, "a crowd has left {held} bytes: {usage:?}");
        assert!(usage.blocks <= POOL_BLOCKS_MAX, "{usage:?}");
        // The journal's newest segment stays open.
        assert!(self.server.disk.handles() <= 1, "files are left open");
        if self.server.disk.failures() == 0 {
            self.check_tree();
        }
    }

    /// Stopped and started again, the server knows everything; and on the disk there is no more
    /// than there should be.
    fn stop_and_look(&mut self) {
        let starts = self.model.starts;
        self.server.ask_to_stop();
        self.wait(LEAVES_MS, "the server is up again", |world| {
            world.server.is_up() && world.model.starts > starts && world.server.is_idle()
        });
        let end_ms = self.clock.now_ms() + DAY_MS;
        while self.step(end_ms) {}
        self.check_tree();
    }

    /// There are the items of the shelf and the journal, and nothing else.
    fn check_tree(&self) {
        let data = Path::new(DATA);
        let (shelf, log) = (data.join("shelf"), data.join("log"));
        let newest = self.model.newest_items(self.plan.settings.keep);
        let places: Vec<PathBuf> =
            newest.iter().map(|item| shelf.join(item.id.to_string())).collect();
        for (path, bytes) in self.server.disk.files() {
            let is_segment = path.parent() == Some(&*log);
            let is_item = path.parent().is_some_and(|dir| places.contains(&dir.into()));
            let is_mark = path == data.join("chatshelf.format");
            assert!(is_segment || is_item || is_mark, "{} is left, {bytes} bytes", path.display());
        }
        for path in self.server.disk.folders() {
            let is_item = places.contains(&path);
            let is_base = path.starts_with(data) && path.components().count() == 3;
            let is_known = is_item || is_base || data.starts_with(&path);
            assert!(is_known, "{} is left", path.display());
        }
    }
}
