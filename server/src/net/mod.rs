//! The network: every socket, and the one poll that waits for them. Only this folder knows mio.
//!
//! [`transport`] is what a connection is to the engine, and knows nothing but bytes; the engine is
//! built on it. [`tcp`] is a transport. [`listener`] accepts connections. [`reactor`] is the loop on
//! top of all that: it hands readiness, time and disk replies to the engine.

pub mod listener;
pub mod reactor;
mod signals;
pub mod tcp;
pub mod transport;
