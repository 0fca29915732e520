//! The disk thread: does the store's work, request by request, and between them slice by slice
//! what takes long.

use std::sync::mpsc::{Receiver, TryRecvError};

use super::files::Files;
use super::store::Store;
use super::{Reply, Request};

/// The disk thread's nice value.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// Works until no more requests can come.
pub(super) fn serve<F: Files>(
    mut store: Store<F>,
    requests: &Receiver<Request>,
    mut answer: impl FnMut(Reply),
) {
    yield_to_the_reactor();
    while let Some(request) = next(requests, store.has_work()) {
        if let Some(request) = request {
            store.handle(request, &mut answer);
        }
        if store.has_work() {
            store.step(&mut answer);
        }
    }
}

/// The next request, or none if there is other work; none at all at the end.
fn next(requests: &Receiver<Request>, has_work: bool) -> Option<Option<Request>> {
    if !has_work {
        return requests.recv().ok().map(Some);
    }
    match requests.try_recv() {
        Ok(request) => Some(Some(request)),
        Err(TryRecvError::Empty) => Some(None),
        Err(TryRecvError::Disconnected) => None,
    }
}

/// Gives this thread a lower priority than the rest: hashing and writing may take all of a core,
/// and talk goes before files. On Linux the nice value is the thread's own (setpriority(2)).
#[cfg(target_os = "linux")]
fn yield_to_the_reactor() {
    let own = Some(rustix::thread::gettid());
    if let Err(why) = rustix::process::setpriority_process(own, NICENESS) {
        log::warn!("the disk thread keeps its priority: {why}");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_the_reactor() {}
