//! What the tests and benchmarks of all packages share, so that each thing is written once: peers
//! that speak the protocol, servers that do what a test says, the programs themselves as child
//! processes, random numbers, and samples of everything that travels.
//!
//! It is a dev-dependency of the other packages. No program depends on it, and it depends on
//! `chatshelf-common` alone: the server's unit tests use it too, and would otherwise be built
//! against a second copy of the server. That is why the unit tests of `chatshelf-common` do not use
//! it: only its tests in `common/tests` do.
//!
//! From bytes up: [`raw`] makes frames byte by byte, [`receiver`] reads what a server sends,
//! [`view`] and [`inbox`] check it against the protocol and keep the room, and [`peer`] does that
//! over a [`stream`]; [`tls`] is the client's side of encryption. [`recording`] has sessions that
//! older programs have had.

pub mod fake_server;
pub mod figure;
pub mod files;
pub mod inbox;
pub mod machine;
pub mod peer;
pub mod proc_stats;
pub mod programs;
pub mod protocol_page;
pub mod raw;
pub mod receiver;
pub mod recording;
pub mod rng;
pub mod samples;
pub mod server_frames;
pub mod stream;
pub mod tls;
pub mod view;
pub mod wait;
