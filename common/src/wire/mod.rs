//! Frames as they travel: header, fields, frame types, and the decoder of a byte stream.
//!
//! Read in this order: [`header`] (type, flags, length), [`field`] (the type-length-value units
//! inside a frame), [`frame`] (every frame type as a table), [`code`] (why something was refused),
//! [`deframer`] (from a stream that is cut anywhere to frames).

#[macro_use]
mod layout;
mod numbers;

pub mod code;
pub mod deframer;
pub mod field;
pub mod frame;
pub mod header;

pub use code::Code;
pub use deframer::{Deframer, FrameError, Unit};
pub use field::DecodeError;
pub use frame::{ClientFrame, Event, Frame, ServerFrame};
pub use header::Header;
