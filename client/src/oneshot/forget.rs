//! Forgets keys of servers. Owns what is said of it; the file belongs to `trust`.

use chatshelf_common::address::ServerAddress;

use crate::app::{EXIT_DONE, EXIT_FAILED, fail, show};
use crate::lang::{because, tr};
use crate::plain_error::plain_error;
use crate::trust::known_hosts::KnownHosts;

/// Forgets the keys of these servers; returns the exit code.
#[must_use]
pub fn forget(servers: &[ServerAddress]) -> u8 {
    let hosts = KnownHosts::of_user();
    let mut worst = EXIT_DONE;
    for server in servers {
        let code = match hosts.forget(server) {
            Ok(0) => fail(&tr!("no key of {server} is known", server), EXIT_FAILED),
            Ok(keys) => {
                let told = tr!(
                    "{server}: {n} key forgotten",
                    "{server}: {n} keys forgotten",
                    n = keys,
                    server
                );
                show(&format!("{told}\n"))
            }
            Err(why) => fail(&because(server, plain_error(&why)), EXIT_FAILED),
        };
        worst = worst.max(code);
    }
    worst
}
