//! HTTP/1.1, as far as a server that shows and takes files needs it: heads of requests, read with
//! `httparse`, and answers (`answer`). Serves both the room's port (`web`) and the listener for
//! `metrics`. Owns the bounds of a head; never sees a socket or a clock.

mod answer;
mod target;

pub use answer::{
    CONTINUE, Status, answer, answer_with, head, not_allowed, plain_answer, plain_answer_with,
    refusal, refusal_of, stamped,
};
use target::Target;

use crate::authority::split_port;

/// Bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 32;
/// Headers that decide something. A request has at most one of each, in ASCII: given two, different
/// programs could choose different ones.
const SINGLE: [&str; 10] = [
    "authorization",
    "content-length",
    "content-range",
    "host",
    "if-range",
    "origin",
    "range",
    "sec-websocket-key",
    "sec-websocket-version",
    "transfer-encoding",
];

/// What to do with what the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It is shown.
    Get,
    /// As `Get`, but only the head of the answer is sent.
    Head,
    /// It becomes the content of the request.
    Put,
    /// Something that is not understood here.
    Other,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Host and port by which the client calls this server: those of the target if it has them, or
    /// else those of `Host`. Empty if there are neither, as HTTP/1.0 has it.
    pub authority: &'a str,
    /// Which path, without a query.
    pub path: &'a str,
    /// The query behind the path; empty without one.
    pub query: &'a str,
    /// Bytes of the head.
    pub head_bytes: usize,
    /// Bytes of the content that follows; `None` if the head does not say. A `Get` has none.
    pub content_bytes: Option<u64>,
    /// It is of HTTP/1.1, and not of HTTP/1.0.
    pub is_1_1: bool,
    headers: [httparse::Header<'a>; HEADERS_MAX],
}

impl<'a> Request<'a> {
    /// Returns the value of a header that a request has once at most.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        debug_assert!(SINGLE.contains(&name), "{name} may come twice");
        text(values(&self.headers, name).next()?)
    }

    /// Returns true if the connection may serve another request after this one.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.is_1_1 && !self.has_word("connection", "close")
    }

    /// Returns the entries of a header's values, which may be lists; a value that is not UTF-8
    /// counts as one entry that means nothing.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
            .flat_map(|value| std::str::from_utf8(value).unwrap_or("\u{fffd}").split(','))
            .map(str::trim)
    }

    /// Returns true if one of a header's values, which may be lists, has this word, in any case.
    #[must_use]
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        self.list(name).any(|it| it.eq_ignore_ascii_case(word))
    }
}

/// Returns the method of what cannot be read as a request, or has not come whole. Whatever is wrong
/// with a `Head`, no content is expected behind the answer (RFC 9110, section 9.3.2).
fn method_of(bytes: &[u8]) -> Method {
    let is_head = bytes.trim_ascii_start().starts_with(b"HEAD ");
    if is_head { Method::Head } else { Method::Other }
}

/// The values of all headers of this name.
fn values<'a>(headers: &[httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
}

/// The text of a header that occurs only once.
fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|it| it.is_ascii())
}

/// Reads the head of a request from the bytes that have come so far; `None` while it is not whole.
///
/// # Errors
/// The status to refuse it with.
pub fn request(bytes: &[u8]) -> Result<Option<Request<'_>>, Status> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => {
            return check_line_ends(bytes).map(|()| None);
        }
        // Complete or not, it is too long. Which part of it is?
        Ok(_) if !bytes[..HEAD_BYTES_MAX].contains(&b'\n') => return Err(Status::UriTooLong),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) if names_version(bytes) => {
            return Err(Status::VersionNotSupported);
        }
        Err(_) => return Err(Status::BadRequest),
    };
    check_line_ends(&bytes[..head_bytes])?;
    check_single(head.headers)?;
    let is_1_1 = head.version == Some(1);
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("PUT") => Method::Put,
        _ => Method::Other,
    };
    let content_bytes = match (method, content_bytes(head.headers)) {
        (Method::Get | Method::Head, Ok(Some(1..))) => return Err(Status::ContentTooLarge),
        // Whether a `Content-Length` is needed is for the answer to decide.
        (Method::Put | Method::Other, Err(Status::LengthRequired)) => None,
        (_, told) => told?,
    };
    let target = head.path.and_then(Target::parse).ok_or(Status::BadRequest)?;
    let authority = authority(&target, head.headers, is_1_1)?;
    let Target { path, query, .. } = target;
    Ok(Some(Request { method, authority, path, query, head_bytes, content_bytes, is_1_1, headers }))
}

/// Returns true if what follows the target is some version of HTTP, and not more of a target with
/// spaces in it.
fn names_version(bytes: &[u8]) -> bool {
    let words = bytes.trim_ascii_start().splitn(3, |byte| *byte == b' ');
    words.last().is_some_and(|rest| rest.starts_with(b"HTTP/"))
}

/// Lines end in CRLF, all of them. Some programs take a bare LF for an end, and others do not: one
/// would see headers that are hidden from the other (RFC 9112, section 2.2).
fn check_line_ends(head: &[u8]) -> Result<(), Status> {
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    let is_bare = |line: &[u8]| line.ends_with(b"\n") && !line.ends_with(b"\r\n");
    if lines.into_iter().any(is_bare) { Err(Status::BadRequest) } else { Ok(()) }
}

fn check_single(headers: &[httparse::Header<'_>]) -> Result<(), Status> {
    let is_single = |name| {
        let mut values = values(headers, name);
        values.next().is_none_or(|it| text(it).is_some()) && values.next().is_none()
    };
    if SINGLE.into_iter().all(is_single) { Ok(()) } else { Err(Status::BadRequest) }
}

/// Returns host and port by which the server is called. A request of HTTP/1.1 has a `Host`; it is
/// that of the target if the target names one (RFC 9112, section 3.2).
fn authority<'a>(
    target: &Target<'a>,
    headers: &[httparse::Header<'a>],
    is_1_1: bool,
) -> Result<&'a str, Status> {
    let host = values(headers, "host").next().and_then(text);
    let authority = match (target.authority, host) {
        (_, None) if is_1_1 => return Err(Status::BadRequest),
        (Some(named), Some(host)) if !named.eq_ignore_ascii_case(host) => {
            return Err(Status::BadRequest);
        }
        (named, host) => named.or(host).unwrap_or_default(),
    };
    if has_valid_port(authority) { Ok(authority) } else { Err(Status::BadRequest) }
}

/// A port is digits, or nothing (RFC 3986, section 3.2.3).
fn has_valid_port(authority: &str) -> bool {
    let (_, port) = split_port(authority);
    port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the length of the content that follows. Whatever two programs could understand
/// differently is refused, because it could smuggle a request past one of them (RFC 9112, section
/// 6.3).
fn content_bytes(headers: &[httparse::Header<'_>]) -> Result<Option<u64>, Status> {
    let length = values(headers, "content-length").next().map(|length| {
        let digits = text(length).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|it| it.parse().ok()).ok_or(Status::BadRequest)
    });
    let length = length.transpose()?;
    match values(headers, "transfer-encoding").next() {
        None => Ok(length),
        Some(_) if length.is_some() => Err(Status::BadRequest),
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Err(Status::LengthRequired),
        Some(_) => Err(Status::NotImplemented),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method and path of what can be read.
    fn read(bytes: &[u8]) -> Result<Option<(Method, &str)>, Status> {
        Ok(request(bytes)?.map(|it| (it.method, it.path)))
    }

    fn get(path: &str) -> Result<Option<(Method, &str)>, Status> {
        Ok(Some((Method::Get, path)))
    }

    #[test]
    fn a_request_is_read_however_it_is_cut() {
        let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9100\r\nAccept: */*\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(read(&head[..length]), Ok(None), "{length} bytes");
        }
        assert_eq!(read(head), get("/metrics"));
        let pipelined = [&head[..], b"GET /healthz"].concat();
        assert_eq!(read(&pipelined), get("/metrics"), "the rest is not looked at");
    }

    #[test]
    fn other_forms_of_a_request_are_understood() {
        assert_eq!(read(b"GET /healthz HTTP/1.0\r\n\r\n"), get("/healthz"));
        assert_eq!(read(b"\r\nGET /healthz HTTP/1.0\r\n\r\n"), get("/healthz"));
        let other = read(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(other, Ok(Some((Method::Other, "/healthz"))));
        let head = read(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(head, Ok(Some((Method::Head, "/"))));
    }

    #[test]
    fn the_target_names_the_host_if_it_can_and_no_other_is_told() {
        for (target, host, authority) in [
            ("/", "Host: a:9\r\n", Some("a:9")),
            ("http://a:9", "Host: A:9\r\n", Some("a:9")),
            ("http://evil.example/", "Host: evil.example\r\n", Some("evil.example")),
            ("http://evil.example/", "Host: a\r\n", None),
            ("http://a/", "Host: a:80\r\n", None),
            ("http://a/", "Host:\r\n", None),
            ("http://a/", "", None),
            ("ftp://a/", "Host: a\r\n", None),
            ("/", "Host: a:\r\n", Some("a:")),
            ("/", "Host: [::1]\r\n", Some("[::1]")),
            ("/", "Host: [::1]:9\r\n", Some("[::1]:9")),
            ("/", "Host: a:+80\r\n", None),
            ("/", "Host: a:b\r\n", None),
            ("/", "Host: [::1]:x\r\n", None),
            ("http://a:-1/", "Host: a:-1\r\n", None),
            ("/", "Host: a\r\nHost: a\r\n", None),
            ("/", "Host: \u{e4}\r\n", None),
            ("/#", "Host: a\r\n", None),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\n{host}\r\n");
            let read = request(head.as_bytes()).map(|it| it.unwrap().authority);
            assert_eq!(read, authority.ok_or(Status::BadRequest), "{target} {host}");
        }
        let old = |target| request(target).unwrap().unwrap().authority;
        assert_eq!(old(b"GET http://a/ HTTP/1.0\r\n\r\n"), "a");
        assert_eq!(old(b"GET / HTTP/1.0\r\n\r\n"), "");
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_status() {
        for (head, status) in [
            (&b"GET /metrics HTTP/1.1\r\n\r\n"[..], Status::BadRequest),
            (b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Status::BadRequest),
            (b"GET metrics HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"CONNECT a:9 HTTP/1.1\r\nHost: a:9\r\n\r\n", Status::BadRequest),
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", Status::VersionNotSupported),
            (b"\r\nGET / HTTP/3\r\n", Status::VersionNotSupported),
            (b"PUT /shelf/a b HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"GET / HTCPCP/1.0\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"GET /100% HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Status::BadRequest),
            (b"\x01\x00\x00\x00\x00\x1c\x01\x00\x04CHSH", Status::BadRequest),
            (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", Status::BadRequest),
        ] {
            assert_eq!(read(head), Err(status), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn what_could_be_two_requests_is_none() {
        for (headers, status) in [
            ("Content-Length: 0\r\nContent-Length: 0", Status::BadRequest),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", Status::BadRequest),
            ("Transfer-Encoding: chunked", Status::LengthRequired),
            ("Transfer-Encoding: gzip, chunked", Status::NotImplemented),
            ("Transfer-Encoding: identity", Status::NotImplemented),
            ("Content-Length: +5", Status::BadRequest),
            ("Content-Length: 5, 5", Status::BadRequest),
            ("Content-Length: 99999999999999999999", Status::BadRequest),
            ("Content-Length:", Status::BadRequest),
            ("Content-Length : 5", Status::BadRequest),
            ("A: b\r\n Content-Length: 5", Status::BadRequest),
            ("Content-Length: 5", Status::ContentTooLarge),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
            assert_eq!(read(head.as_bytes()), Err(status), "{headers}");
        }
        let empty = "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(empty.as_bytes()), get("/"));
    }

    #[test]
    fn lines_end_in_crlf_and_no_other_way() {
        for head in [
            "GET / HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 5\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\rContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\rHost: x\r\r",
            "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n",
        ] {
            assert_eq!(read(head.as_bytes()), Err(Status::BadRequest), "{head:?}");
        }
        let before_content = "PUT / HTTP/1.1\r\nHost: x\r\n\r\na\nb\rc";
        assert_eq!(read(before_content.as_bytes()), Ok(Some((Method::Put, "/"))));
    }

    #[test]
    fn a_header_that_decides_something_comes_once_and_in_ascii() {
        for name in SINGLE {
            for again in [name, &name.to_ascii_uppercase()] {
                let head = format!("PUT / HTTP/1.0\r\n{name}: 5\r\n{again}: 5\r\n\r\n");
                assert_eq!(read(head.as_bytes()), Err(Status::BadRequest), "{name}");
            }
            let head = format!("PUT / HTTP/1.0\r\n{name}: \u{ff}\r\n\r\n");
            assert_eq!(read(head.as_bytes()), Err(Status::BadRequest), "{name}");
        }
    }

    #[test]
    fn only_what_is_put_has_a_content() {
        for (length, bytes) in [
            ("", None),
            ("Content-Length: 5\r\n", Some(5)),
            ("Transfer-Encoding: chunked\r\n", None),
        ] {
            let head = format!("PUT /a HTTP/1.1\r\nHost: x\r\n{length}\r\n");
            let request = request(head.as_bytes()).unwrap().unwrap();
            assert_eq!((request.method, request.content_bytes), (Method::Put, bytes));
        }
    }

    #[test]
    fn a_header_is_known_by_its_name_in_any_case() {
        let head = b"GET / HTTP/1.1\r\nhOST: a:9\r\nConnection: keep-alive, Upgrade\r\n\
            connection: x\r\nA: 1\r\nA: 2\r\nB: \xff\r\n\r\n";
        let head = request(head).unwrap().unwrap();
        assert_eq!(head.header("host"), Some("a:9"));
        assert_eq!(head.header("origin"), None);
        assert!(head.list("a").eq(["1", "2"]) && head.list("B").eq(["\u{fffd}"]));
        assert!(head.has_word("connection", "upgrade") && head.has_word("connection", "X"));
        assert!(!head.has_word("connection", "up"));
    }

    #[test]
    fn a_head_has_bounds() {
        let long = |bytes| "x".repeat(bytes);
        let uri = format!("GET /{}", long(HEAD_BYTES_MAX));
        assert_eq!(read(uri.as_bytes()), Err(Status::UriTooLong));
        let header = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", long(HEAD_BYTES_MAX));
        assert_eq!(read(header.as_bytes()), Err(Status::HeadTooLarge));
        let ended = format!("{header}\r\n\r\n");
        assert_eq!(read(ended.as_bytes()), Err(Status::HeadTooLarge));
        let several = |count| format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(read(several(HEADERS_MAX).as_bytes()), get("/"));
        assert_eq!(read(several(HEADERS_MAX + 1).as_bytes()), Err(Status::HeadTooLarge));
        let fits = format!("GET /{} HTTP/1.0\r\n\r\n", long(HEAD_BYTES_MAX - 18));
        assert_eq!((fits.len(), read(fits.as_bytes()).is_ok()), (HEAD_BYTES_MAX, true));
    }
}
