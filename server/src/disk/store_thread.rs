//! The disk thread: handles requests to the store one by one, and between them does slices of what
//! takes long.

use std::sync::mpsc::{Receiver, RecvError, TryRecvError};

use super::files::Files;
use super::stats::Reports;
use super::store::Store;
use super::{Reply, Request};

/// The disk thread's nice value.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// Handles requests until the handle is dropped.
pub(super) fn serve<F: Files>(
    mut store: Store<F>,
    requests: &Receiver<Request>,
    reports: &Reports,
    mut answer: impl FnMut(Reply),
) {
    yield_to_the_reactor();
    loop {
        // With work left over, only look whether there is a request; otherwise wait for one.
        let request = match store.has_work() {
            true => requests.try_recv(),
            false => requests.recv().map_err(|RecvError| TryRecvError::Disconnected),
        };
        match request {
            Ok(request) => {
                store.handle(request, &mut answer);
                reports.note_finished();
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        if store.has_work() {
            store.step(&mut answer);
        }
    }
}

/// Gives this thread a lower priority than the others: hashing and writing can take a whole core,
/// and talk comes before files. On Linux each thread has its own nice value (setpriority(2)).
#[cfg(target_os = "linux")]
fn yield_to_the_reactor() {
    let own = Some(rustix::thread::gettid());
    if let Err(why) = rustix::process::setpriority_process(own, NICENESS) {
        log::warn!("cannot lower the priority of the disk thread: {why}");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_the_reactor() {}
