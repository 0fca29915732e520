//! What the chatshelf server and its clients share: the protocol of `docs/PROTOCOL.md`, and the
//! options of their programs.
//!
//! Nothing in this crate sees a socket, a file or a clock. It turns bytes into frames and frames
//! into bytes ([`wire`]), and has what both sides must agree on: the limits ([`limits`]), the
//! numbers that name things ([`id`]), the text that may travel ([`text`]), how a server's address
//! is written ([`address`]), alone or in a link ([`join_link`]) with what its key is recognised by
//! ([`fingerprint`]), how much may wait ahead of a line ([`unsent`]), and how much may come in what
//! time ([`rate`]), and under which names a room is found on the local network ([`discovery`]).
//! [`websocket`] has the frames in which a browser's bytes travel. Parts that most connections
//! never need are kept in a [`lazy_box`]. What people read in other languages is in [`strings`].
//! [`cli`] knows nothing of the protocol: it makes options, help, man pages and shell completions
//! from one table.
//!
//! `examples/bot.rs` is a whole client. A frame, there and back:
//!
//! ```
//! use chatshelf_common::{id::MessageId, text::Message};
//! use chatshelf_common::wire::{ClientFrame, Deframer, Frame, Unit, frame::Say};
//!
//! let say = Say::new(MessageId(1), Message::new("hi, all")?, None);
//! let bytes = say.to_bytes();
//! let (mut deframer, mut input) = (Deframer::joined(), &bytes[..]);
//! let Some(Unit::Control { header, value }) = deframer.next(&mut input)? else { panic!() };
//! assert_eq!(ClientFrame::decode(header.kind, value)?, ClientFrame::Say(say));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod cli;
pub mod discovery;
pub mod fingerprint;
pub mod id;
pub mod join_link;
pub mod json;
pub mod lazy_box;
pub mod limits;
pub mod password;
pub mod qr;
pub mod rate;
pub mod strings;
pub mod text;
pub mod unsent;
pub mod web_link;
pub mod websocket;
pub mod wire;
