//! The chatshelf server: one room, one shelf of the newest files, one thread that serves them.
//!
//! Read in this order: [`token`] (what names a connection), [`room`] (members, shelf, and the
//! log of what happened), [`engine`] (connections as state machines; no I/O), [`disk`] (files and
//! journal, on threads of their own), [`reactor`] (the mio loop that joins them).
//! docs/ARCHITECTURE.md is the map.

pub mod config;
pub mod disk;
pub mod engine;
pub mod listener;
pub mod reactor;
pub mod room;
mod signals;
pub mod token;
pub mod work;
