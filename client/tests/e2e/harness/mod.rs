//! What the tests are written with: the programs ([`programs`]), a room with a real server
//! ([`room`]), clients on pipes ([`client`]) and on a terminal ([`terminal`], whose screen
//! can be made a picture: [`svg`]), a member without a
//! program ([`peer`]), a server that does as it is told ([`fake`]) and a network that does ([`proxy`]).

pub(crate) mod client;
pub(crate) mod fake;
pub(crate) mod peer;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod room;
#[path = "../../../../server/tests/e2e/harness/server.rs"]
#[allow(dead_code, reason = "written for the server's own tests, which need more of it")]
pub(crate) mod server;
#[cfg(unix)]
pub(crate) mod svg;
#[cfg(unix)]
pub(crate) mod terminal;

pub(crate) use server::{Ended, eventually};
