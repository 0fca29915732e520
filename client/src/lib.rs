//! The chatshelf client: a session core without I/O, and what front ends are built from.
//!
//! Read in this order: [`session`] (the protocol from the client's side, as a state machine),
//! [`link`] (a session on a socket), [`files`] (local files, on a thread of their own),
//! [`command`] (what can be asked for, as a type), [`item`] (which item of the shelf is meant),
//! [`lang`] (sentences in the language that was chosen), [`app`] (the loop that puts them
//! together), [`plain`] (the line front end over it), [`screen`] (the full-screen one) and
//! [`oneshot`] (one-shot commands), [`load`] (the load test, which has a loop of its own).

pub mod app;
pub mod command;
mod default_nick;
pub mod discovery;
mod echo;
pub mod files;
pub mod input;
pub mod item;
pub mod lang;
pub mod link;
pub mod load;
pub mod oneshot;
pub mod options;
mod output;
pub mod plain;
mod plain_error;
mod quoting;
mod raw_text;
pub mod screen;
pub mod search;
pub mod session;
mod state_dir;
pub mod terminal_env;
pub mod text;
pub mod trust;
mod units;
