//! What HTTP finds where on the room's port, and who may ask for it: under which name, from where,
//! from which page. Never sees a connection.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use chatshelf_common::id::{LinkToken, UnixMillis};
use chatshelf_common::password::Password;
use chatshelf_common::web_link::TOKEN;
use chatshelf_common::websocket;
use data_encoding::BASE64;

use super::host;
use super::items::{self, ItemRequest};
use super::page::{self, Page, PageRequest};
use super::put::{self, PutRequest};
use super::shelf::{List, Lists};
use crate::engine::{Visit, Wanted};
use crate::net::http::{self, Method, Request, Status};
use crate::peer_scope::PeerScope;
use crate::public_url::PublicUrl;
use crate::room::shelf::Shelf;
use crate::web_mode::WebMode;

/// Where the WebSocket is.
const SOCKET: &str = "/ws";
/// Where the list of the shelf is.
const SHELF: &str = "/shelf.json";
/// What such a page may do: nothing but be read.
const POLICY: &str = "Content-Security-Policy: default-src 'none'\r\n";

/// What all connections over HTTP share. It may change while the server runs.
#[derive(Debug)]
pub struct Site {
    mode: Cell<WebMode>,
    public_url: RefCell<Option<PublicUrl>>,
    /// This machine's name.
    machine: String,
    page: Page,
    lists: Lists,
    /// The time of the turn.
    now: Cell<UnixMillis>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// From where.
    pub peer: SocketAddr,
    /// Over TLS.
    pub is_encrypted: bool,
    /// It need not use TLS, where the mode allows that.
    pub may_be_plain: bool,
}

/// What happens with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// This answer, and then WebSocket.
    Upgrade(Vec<u8>),
    /// This answer, and then the end of the connection.
    Last(Vec<u8>),
    /// The engine must grant it; with what the answer needs.
    Visit(Visit, Terms),
}

/// What an answer that the engine grants needs to know about the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) method: Method,
    pub(super) keeps_alive: bool,
    pub(super) about: About,
}

/// The same, about what is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum About {
    Shelf,
    Item(ItemRequest),
    Page(PageRequest),
    Put(PutRequest),
}

impl Site {
    /// Creates it for a machine of that name. The page is the program's own, or a directory's.
    #[must_use]
    pub fn new(
        mode: WebMode,
        public_url: Option<PublicUrl>,
        machine: String,
        page_dir: Option<PathBuf>,
    ) -> Self {
        let (mode, public_url) = (Cell::new(mode), RefCell::new(public_url));
        let now = Cell::new(UnixMillis(0));
        let (page, lists) = (Page::new(page_dir), Lists::default());
        Self { mode, public_url, machine, page, lists, now }
    }

    /// Begins a turn of the reactor: answers have this date until the next.
    pub fn begin_turn(&self, now: UnixMillis) {
        self.now.set(now);
    }

    /// The list of what is on the shelf now.
    pub(super) fn list(&self, shelf: &Shelf) -> Rc<List> {
        self.lists.of(shelf)
    }

    /// An answer as it is sent now.
    pub(super) fn stamped(&self, answer: &[u8], keeps_alive: bool) -> Vec<u8> {
        http::stamped(answer, self.now.get(), keeps_alive)
    }

    /// Applies other settings from now on.
    pub fn reconfigure(&self, mode: WebMode, public_url: Option<PublicUrl>) {
        self.mode.set(mode);
        self.public_url.replace(public_url);
    }

    /// Returns true if HTTP is spoken here at all.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.mode.get() != WebMode::Off
    }

    /// Answers a request.
    pub(super) fn answer(&self, request: &Request<'_>, caller: &Caller) -> Reply {
        let host = request.authority;
        if !self.is_own(host) {
            let words = "This server is not known by that name; --public-url makes it known.";
            return words_only(request.method, Status::Forbidden, words);
        }
        if !self.is_served(caller) {
            return elsewhere(request, host);
        }
        let page = request.header("origin");
        if page.is_some_and(|page| !self.is_own_page(page, host, caller)) {
            let words = "Pages from elsewhere may not ask this server for anything.";
            return words_only(request.method, Status::Forbidden, words);
        }
        let found = match request.method {
            Method::Get | Method::Head if request.path == SOCKET => return upgrade(request),
            Method::Get | Method::Head => self.find(request),
            Method::Put => self.put(request, host, caller),
            Method::Other => Err(not_allowed(request)),
        };
        let (wanted, about) = match found {
            Ok(found) => found,
            Err(answer) => return Reply::Last(answer),
        };
        let token = request.query.split('&').find_map(|it| it.strip_prefix(TOKEN));
        let link = token.and_then(LinkToken::parse);
        let visit = Visit { wanted, password: password(request), link };
        let (method, keeps_alive) = (request.method, request.keeps_alive());
        Reply::Visit(visit, Terms { method, keeps_alive, about })
    }

    /// Finds what a request wants to see, or answers that there is nothing.
    fn find(&self, request: &Request<'_>) -> Result<(Wanted, About), Vec<u8>> {
        if let Some(item) = items::item_of(request.path) {
            return Ok((Wanted::Item(item), About::Item(ItemRequest::of(request))));
        }
        if request.path == SHELF {
            return Ok((Wanted::Shelf, About::Shelf));
        }
        match self.page.find(request) {
            Some(page) => Ok((Wanted::Page, About::Page(page))),
            None => Err(page::nothing(request.method)),
        }
    }

    /// Makes the answer to a request for a file of the page.
    pub(super) fn show_page(&self, request: &PageRequest, method: Method) -> Vec<u8> {
        self.page.answer(request, method)
    }

    /// Reads what should be put on the shelf, or answers why not.
    fn put(
        &self,
        request: &Request<'_>,
        host: &str,
        caller: &Caller,
    ) -> Result<(Wanted, About), Vec<u8>> {
        let Some(name) = request.path.strip_prefix(put::FOLDER) else {
            return Err(not_allowed(request));
        };
        let file = put::file_of(request, name)?;
        let expects_continue = request.is_1_1 && request.has_word("expect", "100-continue");
        let put = PutRequest { expects_continue, origin: self.origin(host, caller) };
        Ok((Wanted::Shelve(Box::new(file)), About::Put(put)))
    }

    /// Returns the scheme and host by which the caller reaches this server.
    fn origin(&self, host: &str, caller: &Caller) -> String {
        match &*self.public_url.borrow() {
            Some(url) if url.has(host) => url.origin().as_str().to_owned(),
            _ => format!("{}{host}", scheme(caller)),
        }
    }

    fn is_own(&self, host: &str) -> bool {
        let public_url = self.public_url.borrow();
        host::is_own(host, &self.machine) || public_url.as_ref().is_some_and(|it| it.has(host))
    }

    /// Returns true for callers that are served instead of being sent to HTTPS.
    fn is_served(&self, caller: &Caller) -> bool {
        let is_allowed_plain = match self.mode.get() {
            WebMode::Off => false,
            WebMode::Https => PeerScope::Loopback.includes(caller.peer),
            WebMode::Http => WebMode::is_private(caller.peer.ip()),
        };
        caller.is_encrypted || (caller.may_be_plain && is_allowed_plain)
    }

    /// Returns true if the page that asks is from this server.
    fn is_own_page(&self, page: &str, host: &str, caller: &Caller) -> bool {
        let is_same =
            page.strip_prefix(scheme(caller)).is_some_and(|end| end.eq_ignore_ascii_case(host));
        is_same || self.public_url.borrow().as_ref().is_some_and(|it| it.is_origin(page))
    }
}

fn scheme(caller: &Caller) -> &'static str {
    if caller.is_encrypted { "https://" } else { "http://" }
}

/// The password that a request gives by HTTP Basic (RFC 7617), whatever the name.
fn password(request: &Request<'_>) -> Option<Password> {
    let (scheme, rest) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let shown = BASE64.decode(rest.trim().as_bytes()).ok()?;
    let colon = shown.iter().position(|byte| *byte == b':')?;
    Password::new(&shown[colon + 1..])
}

/// The answer to a method that is not supported at that path.
fn not_allowed(request: &Request<'_>) -> Vec<u8> {
    let (methods, words) = match request.path {
        SOCKET => ("GET", "Here is a WebSocket."),
        path if path.starts_with(put::FOLDER) => ("GET, HEAD, PUT", "Files are put here by PUT."),
        _ => ("GET, HEAD", "Files are put at /shelf/NAME, by PUT."),
    };
    http::not_allowed(request.method, methods, words)
}

fn words_only(method: Method, status: Status, words: &str) -> Reply {
    Reply::Last(http::plain_answer(method, status, words))
}

/// The answer to a request that would have to come over HTTPS. Its host is one of ours.
fn elsewhere(request: &Request<'_>, host: &str) -> Reply {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>chatshelf</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <p>This room is reached over HTTPS: <a href=\"https://{host}/\">https://{host}/</a></p>\
         <p lang=\"zh-Hans\">请通过 HTTPS 进入此房间。</p>\
         <p lang=\"zh-Hant\">請透過 HTTPS 進入此房間。</p>"
    );
    let (status, kind) = (Status::Forbidden, "text/html; charset=utf-8");
    Reply::Last(http::answer_with(request.method, status, POLICY, kind, &page))
}

/// The answer to whoever asks for the WebSocket (RFC 6455, section 4.2).
fn upgrade(request: &Request<'_>) -> Reply {
    let asks =
        request.has_word("upgrade", "websocket") && request.has_word("connection", "upgrade");
    if !asks || request.header("sec-websocket-version") != Some(websocket::VERSION) {
        let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        let (status, words) =
            (Status::UpgradeRequired, "This is a WebSocket endpoint (version 13).");
        return Reply::Last(http::plain_answer_with(request.method, status, headers, words));
    }
    let key = request.header("sec-websocket-key").filter(|key| websocket::is_key(key));
    let Some(key) = key.filter(|_| request.method == Method::Get && request.is_1_1) else {
        return Reply::Last(http::refusal(request.method, Status::BadRequest));
    };
    let answer = format!(
        "HTTP/1.1 {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        Status::SwitchingProtocols.line(),
        websocket::accept(key)
    );
    Reply::Upgrade(answer.into_bytes())
}
