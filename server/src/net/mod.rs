//! The network: every socket, and the one poll that waits for them. Only this folder knows mio.
//!
//! [`carrier`] carries a connection, plainly ([`transport`]) or encrypted ([`tls`]), and over
//! either by [`websocket`], which [`web`] begins; the engine sees it only as a
//! [`crate::engine::Transport`]. [`listener`] accepts connections, and [`signals`] says what
//! signals ask for. [`metrics`] answers whoever watches the server; it and `web` read requests by
//! [`http`]. [`reactor`] is the loop on top: it passes readiness, time and disk replies to the
//! engine.

pub mod carrier;
#[cfg(test)]
mod fake;
pub mod http;
pub mod listener;
pub mod metrics;
pub mod reactor;
mod rest;
pub mod signals;
pub mod tls;
pub mod transport;
pub mod web;
pub mod websocket;
