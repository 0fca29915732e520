//! The addresses of a server, looked up again for each connection, because the name may have moved
//! to another machine. A lookup can take seconds, so it runs on a thread of its own, one at a time.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use chatshelf_common::address::ServerAddress;
use mio::Waker;

use crate::lang::tr;

/// How long a connection waits for the lookup.
pub(super) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks up the addresses; may block.
type Lookup = dyn Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The addresses of one server.
pub struct Route {
    /// Those that were found last, or the only ones there are.
    known: Vec<SocketAddr>,
    name: Option<Name>,
}

/// A name to look up.
struct Name {
    lookup: Arc<Lookup>,
    /// Wakes the loop that drives the link.
    waker: Arc<Waker>,
    /// Where a running lookup leaves its result.
    running: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    deadline: Instant,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Route {
    /// To addresses that never change.
    #[must_use]
    pub fn fixed(addresses: Vec<SocketAddr>) -> Self {
        Self { known: addresses, name: None }
    }

    /// To a server; `waker` is used after each lookup of its name.
    #[must_use]
    pub fn to(server: &ServerAddress, waker: Arc<Waker>) -> Self {
        let (host, port) = (server.host().to_owned(), server.port());
        if let Ok(address) = host.parse::<IpAddr>() {
            return Self::fixed(vec![SocketAddr::new(address, port)]);
        }
        let lookup = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
        Self::by(Arc::new(lookup), waker)
    }

    /// By this lookup, for each connection.
    pub(super) fn by(lookup: Arc<Lookup>, waker: Arc<Waker>) -> Self {
        let name = Name { lookup, waker, running: None, deadline: Instant::now() };
        Self { known: Vec::new(), name: Some(name) }
    }

    /// Starts a lookup, unless one is still running.
    pub(super) fn begin(&mut self, now: Instant) {
        let Some(name) = &mut self.name else { return };
        name.deadline = now + LOOKUP_TIMEOUT;
        if name.running.is_some() {
            return;
        }
        let (answer, running) = channel();
        name.running = Some(running);
        let (lookup, waker) = (Arc::clone(&name.lookup), Arc::clone(&name.waker));
        let ask = {
            let answer = answer.clone();
            move || {
                // Both fail only when nobody waits any more.
                let _ = answer.send(lookup());
                let _ = waker.wake();
            }
        };
        if let Err(error) = Builder::new().name("resolver".into()).spawn(ask) {
            let _ = answer.send(Err(error));
        }
    }

    /// The addresses once they are known, or why they are not. Those found before are better than
    /// none.
    pub(super) fn poll(&mut self, now: Instant) -> Option<io::Result<Vec<SocketAddr>>> {
        let Some(name) = &mut self.name else { return Some(Ok(self.known.clone())) };
        let found = match name.running.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) if now < name.deadline => return None,
            // The thread keeps running; the next connection uses what it has found by then.
            Some(Err(TryRecvError::Empty)) => {
                Err(io::Error::new(ErrorKind::TimedOut, tr!("looking up the name took too long")))
            }
            Some(Ok(found)) => {
                name.running = None;
                found
            }
            Some(Err(TryRecvError::Disconnected)) | None => {
                name.running = None;
                Err(io::Error::other(tr!("the name could not be looked up")))
            }
        };
        Some(match found {
            Ok(addresses) => {
                self.known.clone_from(&addresses);
                Ok(addresses)
            }
            Err(error) if self.known.is_empty() => Err(error),
            Err(error) => {
                log::info!("trying the addresses found before: {error}");
                Ok(self.known.clone())
            }
        })
    }

    /// When [`Self::poll`] has an answer at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.name.as_ref().map(|name| name.deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};

    use mio::{Events, Poll, Token};

    use super::*;

    /// A route whose lookups are counted and return what the test sends.
    fn route(poll: &Poll) -> (Route, Sender<io::Result<Vec<SocketAddr>>>, Arc<AtomicUsize>) {
        let (sender, answers) = channel();
        let (answers, asked) = (Mutex::new(answers), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let lookup = move || {
            count.fetch_add(1, Ordering::SeqCst);
            answers.lock().unwrap().recv().unwrap()
        };
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        (Route::by(Arc::new(lookup), waker), sender, asked)
    }

    /// Waits until the waker was used.
    fn wait(poll: &mut Poll) {
        let mut events = Events::with_capacity(1);
        while events.is_empty() {
            match poll.poll(&mut events, Some(Duration::from_secs(20))) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                polled => polled.unwrap(),
            }
        }
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 9000))
    }

    #[test]
    fn each_connection_asks_again_and_an_old_answer_is_better_than_none() {
        let mut poll = Poll::new().unwrap();
        let (mut route, answers, asked) = route(&poll);
        let now = Instant::now();
        for (answer, expected) in [
            (Ok(vec![address(1)]), vec![address(1)]),
            (Ok(vec![address(2), address(3)]), vec![address(2), address(3)]),
            (Err(ErrorKind::Other.into()), vec![address(2), address(3)]),
        ] {
            route.begin(now);
            assert!(route.poll(now).is_none(), "it is still running");
            answers.send(answer).unwrap();
            wait(&mut poll);
            assert_eq!(route.poll(now).unwrap().unwrap(), expected);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_lookup_that_hangs_times_out_and_its_result_is_used_later() {
        let mut poll = Poll::new().unwrap();
        let (mut route, answers, asked) = route(&poll);
        let now = Instant::now();
        route.begin(now);
        let late = now + LOOKUP_TIMEOUT;
        assert_eq!(route.deadline(), Some(late));
        assert_eq!(route.poll(late).unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        route.begin(late);
        assert!(route.poll(late).is_none());
        answers.send(Ok(vec![address(1)])).unwrap();
        wait(&mut poll);
        assert_eq!(route.poll(late).unwrap().unwrap(), [address(1)]);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "there is never a second one");
    }

    #[test]
    fn an_address_is_not_looked_up() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut route = Route::to(&"[::1]:7".parse().unwrap(), waker);
        assert_eq!(route.deadline(), None);
        let found = route.poll(Instant::now()).unwrap().unwrap();
        assert_eq!(found, ["[::1]:7".parse().unwrap()]);
    }
}
