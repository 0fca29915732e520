//! Transfers that run flat out beside something else that is measured.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use super::client::Client;
use super::content::Content;
use super::results::Moved;

const DOWNLOADS: usize = 4;
const UPLOADS: usize = 4;

/// How long they run before the measurement begins.
const RAMP_UP: Duration = Duration::from_millis(1000);

/// Nice value of the load's own transfers, the highest there is: who is measured goes first.
const NICENESS: i32 = 19;

type Worker<'scope> = ScopedJoinHandle<'scope, io::Result<u64>>;

/// Measures something while four download and four upload, each over a connection of its own, one
/// file after the other. There must be a file on the shelf.
pub(super) fn beside<T>(
    address: SocketAddr,
    content: &Content,
    measure: impl FnOnce() -> io::Result<T>,
) -> io::Result<(T, Moved)> {
    let join = |_| Client::join(address);
    let clients = (0..DOWNLOADS + UPLOADS).map(join);
    let mut clients = clients.collect::<io::Result<Vec<_>>>()?;
    let stopping = AtomicBool::new(false);
    let mut ends = Vec::new();
    for client in &mut clients {
        ends.push(client.stream().try_clone()?);
    }
    scope(|scope| {
        let started = Instant::now();
        let mut workers = Vec::new();
        for (n, client) in clients.into_iter().enumerate() {
            let content = (n >= DOWNLOADS).then_some(content);
            workers.push(start(scope, client, content, &stopping));
        }
        sleep(RAMP_UP);
        let measured = measure();
        stopping.store(true, Ordering::Relaxed);
        let elapsed = started.elapsed();
        // They notice at their next read or write; those that are gone already have failed.
        ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        let up = workers.split_off(DOWNLOADS);
        let (down, up) = (total(workers), total(up));
        Ok((measured?, Moved { down_bytes: down?, up_bytes: up?, elapsed }))
    })
}

fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    mut client: Client<TcpStream>,
    content: Option<&'env Content>,
    stopping: &'env AtomicBool,
) -> Worker<'scope> {
    scope.spawn(move || {
        let own = Some(rustix::thread::gettid());
        rustix::process::setpriority_process(own, NICENESS)?;
        let failed = loop {
            let done = match content {
                Some(content) => client.upload(content),
                None => client.newest().and_then(|item| client.download(item)).map(drop),
            };
            if let Err(why) = done {
                break why;
            }
        };
        if stopping.load(Ordering::Relaxed) { Ok(client.moved()) } else { Err(failed) }
    })
}

/// Waits for them all, and adds up what they moved.
fn total(workers: Vec<Worker<'_>>) -> io::Result<u64> {
    let panicked = |_| Err(io::Error::other("a transfer panicked"));
    let moved: Vec<_> =
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect();
    moved.into_iter().sum()
}
