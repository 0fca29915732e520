//! The disk thread: handles requests to the store one by one, and between them does slices of what
//! takes long.

use std::sync::mpsc::{Receiver, RecvError, TryRecvError};

use super::files::Files;
use super::stats::Reports;
use super::store::Store;
use super::{Reply, Request};
use crate::priority;

/// The disk thread's nice value: hashing and writing can take a whole core, and talk comes before
/// files.
const NICENESS: i32 = 19;

/// Handles requests until the handle is dropped.
pub(super) fn serve<F: Files>(
    mut store: Store<F>,
    requests: &Receiver<Request>,
    reports: &Reports,
    mut answer: impl FnMut(Reply),
) {
    priority::lower("disk", NICENESS);
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
            Err(TryRecvError::Disconnected) => return store.finish(),
        }
        if store.has_work() {
            store.step(&mut answer);
        }
    }
}
