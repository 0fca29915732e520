//! The connection's state machine over HTTP: guests who fetch and put files, whole and in part, one
//! after the other, beside peers who send what the script says. Whatever they get is an answer.

use std::net::SocketAddr;
use std::rc::Rc;

use chatshelf_server::net::web::WebTransport;
use chatshelf_server::net::web::site::{Caller, Site};
use chatshelf_server::token::Token;
use chatshelf_server::web_mode::WebMode;

use super::room::{self, Carrier, Client};
use super::wire::End;

/// Heads of requests; with the room's password, and what its content is.
pub(crate) const REQUESTS: [&str; 8] = [
    "PUT /shelf/a%20b HTTP/1.1\r\nHost: a.local\r\nContent-Length: 5\r\n\
        Authorization: Basic Om9wZW4gc2VzYW1l\r\n\r\nhello",
    "PUT /shelf/f HTTP/1.1\r\nHost: a.local\r\nContent-Length: 30\r\nExpect: 100-continue\r\n\r\n",
    "PUT /shelf/f HTTP/1.1\r\nHost: a.local\r\nContent-Length: 5\r\nRepr-Digest: sha-256=:\
        LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:\r\n\r\nhello",
    "PUT /shelf/f HTTP/1.1\r\nHost: a.local\r\nContent-Length: 0\r\n\r\n",
    "GET /item/1 HTTP/1.1\r\nHost: a.local\r\nAuthorization: Basic Om9wZW4gc2VzYW1l\r\n\r\n",
    "GET /item/2/f HTTP/1.1\r\nHost: a.local\r\nRange: bytes=1-2\r\n\r\n",
    "GET /shelf.json HTTP/1.1\r\nHost: a.local\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.local\r\nConnection: close\r\n\r\n",
];

/// A script for a room.
pub(crate) fn run(bytes: &[u8]) {
    room::run::<Http>(bytes);
}

struct Http(Rc<Site>);

impl Default for Http {
    fn default() -> Self {
        Self(Rc::new(Site::new(WebMode::Https, None, "a".into(), None)))
    }
}

impl Carrier for Http {
    type Transport = WebTransport<End>;
    type Client = Guest;

    fn carry(&self, end: End, _: Token) -> Self::Transport {
        let peer = SocketAddr::from(([192, 0, 2, 1], 1));
        let caller = Caller { peer, is_encrypted: true, may_be_plain: true };
        WebTransport::new(end, &self.0, caller, &[])
    }

    fn client(&self, _: bool) -> Guest {
        Guest::default()
    }
}

#[derive(Debug, Default)]
struct Guest {
    out: Vec<u8>,
    has_heard: bool,
}

impl Client for Guest {
    fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Sends a request, or a part of one.
    fn poke(&mut self, what: u8) {
        let request = REQUESTS[usize::from(what & 7)].as_bytes();
        let bytes = if what < 128 { request.len() } else { usize::from(what) };
        self.out.extend_from_slice(&request[..bytes.min(request.len())]);
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    /// Nobody is a member here.
    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let is_first = !std::mem::replace(&mut self.has_heard, true);
        let beginning = b"HTTP/1.1 ";
        let most = bytes.len().min(beginning.len());
        assert!(!is_first || bytes[..most] == beginning[..most], "{}", bytes.escape_ascii());
        None
    }
}
