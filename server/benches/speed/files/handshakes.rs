//! Handshakes of TLS, so many a second, beside something else that is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use super::client::connect;
use super::results::{Handshakes, Latency};
use chatshelf_testkit::tls;

/// Handshakes begun in each second: a tenth more than the target asks for.
const PER_SECOND: u32 = 1100;
/// Threads that connect: one handshake of each is on its way at a time.
const THREADS: u32 = 8;

/// Measures talk while [`PER_SECOND`] connections a second shake hands and leave.
///
/// # Errors
/// When a handshake fails, or the talk does.
pub(super) fn beside(
    address: SocketAddr,
    measure: impl FnOnce() -> io::Result<Latency>,
) -> io::Result<Handshakes> {
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    scope(|scope| {
        let connect = || {
            let mut done = 0;
            while !is_over.load(Ordering::Relaxed) {
                let due = Duration::from_secs(1) * done * THREADS / PER_SECOND;
                sleep(due.saturating_sub(begun.elapsed()));
                shake_hands(address)?;
                done += 1;
            }
            Ok(done)
        };
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(connect)).collect();
        let latency = measure();
        is_over.store(true, Ordering::Relaxed);
        let elapsed = begun.elapsed();
        let counts = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(io::Error::other("a thread has panicked")))
        });
        let count = counts.sum::<io::Result<u32>>()?;
        Ok(Handshakes { latency: latency?, per_second: f64::from(count) / elapsed.as_secs_f64() })
    })
}

/// Connects, waits until the server has proved its key, and hangs up.
fn shake_hands(address: SocketAddr) -> io::Result<()> {
    let mut stream = tls::stream(connect(address)?);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}
