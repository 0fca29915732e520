//! The chatshelf server: one room, one shelf of the newest files, one thread that serves them.
//!
//! Read in this order: [`token`] (what names a connection), [`room`] (members, shelf, and the log
//! of what happened), [`sequencer`] (in what order), [`engine`] (connections as state machines; no
//! I/O), [`disk`] (files and journal, on threads of their own), [`identity`] (the server's key and
//! certificate), [`net`] (sockets, and the mio loop that joins all this). docs/ARCHITECTURE.md is
//! the map.

// The engine's tests share a file with the simulator, which is another crate.
#[cfg(test)]
extern crate self as chatshelf_server;

pub mod addresses;
pub mod announcement;
mod authority;
pub mod check;
pub mod checksum;
pub mod config;
pub mod disk;
pub mod engine;
pub mod histogram;
pub mod identity;
pub mod logging;
pub mod net;
pub mod passwords;
pub mod peer_scope;
pub mod priority;
pub mod prometheus;
pub mod public_url;
pub mod reload;
pub mod room;
pub mod sequencer;
pub mod token;
pub mod web_address;
pub mod web_mode;
pub mod work;
