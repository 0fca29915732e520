//! What the chatshelf server and its clients share: the protocol of `docs/PROTOCOL.md`.
//!
//! Nothing in this crate sees a socket, a file or a clock. It turns bytes into frames and
//! frames into bytes ([`wire`]), and holds the words both sides must agree on: the limits
//! ([`limits`]), the numbers that name things ([`id`]) and the text that may travel ([`text`]).

pub mod id;
pub mod limits;
pub mod text;
pub mod wire;
