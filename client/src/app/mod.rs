//! What all fronts share: the event loop, and everything between what a person or a script asks for
//! and what the session, the socket and the files do.
//!
//! A front is a `View` over this one loop: it says where commands come from and how what happens
//! is shown. The path is straight: input becomes a `Command`, the `App` carries it out on the
//! session, the session tells events, these become `News`, and the view shows them. `startup`
//! leads into the loop, `reactor` is the loop, `state` what it works on: composed of parts that
//! know nothing of each other (`transfers`, `nick_choice`, `filter`, `backfill`, `transcript`,
//! `reconnect`, `shutdown`, `patience`). `format`, `rate` and `transfer_summary` say things in
//! sentences, the same in every front. Nothing here writes to a terminal or knows what one is.

mod backfill;
mod clock;
mod exit;
mod filter;
pub(crate) mod format;
mod ignoring;
mod lookups;
mod manner;
pub(crate) mod moderation;
mod news;
mod nick_choice;
mod own_uploads;
mod patience;
pub(crate) mod rate;
mod reactor;
mod reconnect;
mod shutdown;
mod signals;
mod startup;
mod state;
pub(crate) mod stats;
mod suspending;
mod transcript;
mod transfer_summary;
mod transfers;
mod view;

pub(crate) use clock::{Clock, age};
pub use exit::{EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, fail, show};
pub(crate) use exit::{Failure, exit_code};
pub(crate) use manner::{Manner, Mode};
pub(crate) use news::{Answer, News};
pub(crate) use rate::Rate;
pub(crate) use signals::{interrupt_job, stop_job};
pub(crate) use startup::{Ground, Plan, no_start};
pub(crate) use state::App;
pub(crate) use view::View;
