//! Old and new programs understand each other. `common/tests/frozen/` keeps whole sessions that the
//! programs of a version have had with each other; here they are recorded, and their server's side
//! is played to today's client (`old_server`). The server's own tests play the clients' side to
//! today's server. `make compat` lets real programs of any commit and of today play the same
//! `scenarios`.

mod old_server;
mod other_commit;
mod scenarios;
mod tap;

use std::fs;
use std::path::Path;

use chatshelf_testkit::recording::{self, FROZEN};

use crate::harness::programs;
use scenarios::{ALL, Programs};

fn today() -> Programs {
    Programs { server: programs::server().into(), client: programs::client_path() }
}

#[test]
fn todays_programs_play_every_scenario() {
    for scenario in ALL {
        let steps = scenario.play(&today());
        let text = recording::text(&steps);
        assert!(recording::parse(&text) == steps, "{} is read as written", scenario.name);
    }
}

/// Run by `make record`, in the commit that freezes a version, and never again for that version.
#[test]
#[ignore = "it writes what other tests hold today's programs to"]
fn record() {
    for scenario in ALL {
        let (name, steps) = (scenario.name, recording::text(&scenario.play(&today())));
        let head = format!(
            "# {name}: recorded by `make record` from the programs of version {}. \
             testkit/src/recording.rs says how to read it.\n",
            env!("CARGO_PKG_VERSION")
        );
        fs::write(Path::new(FROZEN).join(format!("{name}.txt")), head + &steps).unwrap();
    }
}

/// Run by `make compat`: programs of the commit `REF` and of today, with each other.
#[test]
#[ignore = "it builds the programs of another commit"]
fn compat() {
    let old = other_commit::build(&std::env::var("REF").expect("REF names a commit"));
    let new = today();
    for programs in [
        Programs { server: old.server, client: new.client },
        Programs { server: new.server, client: old.client },
    ] {
        for scenario in ALL {
            let Programs { server, client } = &programs;
            println!("{}: {} and {}", scenario.name, server.display(), client.display());
            scenario.play(&programs);
        }
    }
}
