//! Forgets keys of servers. Owns what is said of it; the file belongs to `trust`.

use chatshelf_common::address::ServerAddress;

use crate::app::{EXIT_DONE, EXIT_FAILED, fail, show};
use crate::plain_error::plain_error;
use crate::trust::known_hosts::KnownHosts;
use crate::units::count;

/// Forgets the keys of these servers; returns the exit code.
#[must_use]
pub fn forget(servers: &[ServerAddress]) -> u8 {
    let hosts = KnownHosts::of_user();
    let mut worst = EXIT_DONE;
    for server in servers {
        let code = match hosts.forget(server) {
            Ok(0) => fail(&format!("no key of {server} is known"), EXIT_FAILED),
            Ok(keys) => show(&format!("{server}: {} forgotten\n", count(keys, "key", "keys"))),
            Err(why) => fail(&format!("{server}: {}", plain_error(&why)), EXIT_FAILED),
        };
        worst = worst.max(code);
    }
    worst
}
