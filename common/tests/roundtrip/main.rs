//! The codec as properties: what is encoded is decoded, however it is cut, reordered or added
//! to; what breaks a rule of docs/PROTOCOL.md is refused with the right name; nothing panics.
//!
//! `samples` draws frames, `rules` reads the document's tables; the other files hold the tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fields;
mod rules;
mod samples;
mod stream;
mod text;
