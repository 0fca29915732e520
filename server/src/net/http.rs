//! HTTP/1.1, as far as a server needs it that only shows: heads of requests, read with `httparse`,
//! and whole answers, after each of which the connection closes. Owns the bounds of a head; never
//! sees a socket.

use std::fmt::Write;

/// Bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 32;

/// Whether an answer has its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// With its content.
    Get,
    /// With the headers that `Get` would bring, and nothing else.
    Head,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Which path, without a query.
    pub path: &'a str,
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400: this is no request.
    BadRequest,
    /// 404: there is nothing at that path.
    NotFound,
    /// 405: neither GET nor HEAD.
    MethodNotAllowed,
    /// 414: the first line exceeds [`HEAD_BYTES_MAX`].
    UriTooLong,
    /// 431: the head exceeds [`HEAD_BYTES_MAX`] or [`HEADERS_MAX`].
    HeadTooLarge,
    /// 503: not now.
    Unavailable,
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported,
}

impl Status {
    /// The status line's number and reason.
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::UriTooLong => "414 URI Too Long",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// Reads the head of a request from the bytes that have come so far; `None` while it is not whole.
///
/// # Errors
/// The status to refuse it with.
pub fn request(bytes: &[u8]) -> Result<Option<Request<'_>>, Status> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => {}
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        // Whether it has ended or not, it is too long. Which part of it is?
        Ok(_) if !bytes[..HEAD_BYTES_MAX].contains(&b'\n') => return Err(Status::UriTooLong),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
        Err(_) => return Err(Status::BadRequest),
    }
    let hosts = head.headers.iter().filter(|it| it.name.eq_ignore_ascii_case("host")).count();
    // A request of HTTP/1.1 names its host, once (RFC 9112, section 3.2).
    if hosts > 1 || (hosts == 0 && head.version == Some(1)) {
        return Err(Status::BadRequest);
    }
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => return Err(Status::MethodNotAllowed),
    };
    let path = head.path.and_then(path).ok_or(Status::BadRequest)?;
    Ok(Some(Request { method, path }))
}

/// The path of a target in origin form (`/path?query`) or absolute form (`http://host/path`).
fn path(target: &str) -> Option<&str> {
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    target.starts_with('/').then(|| target.split(['?', '#']).next().unwrap_or_default())
}

/// A whole answer.
#[must_use]
pub fn answer(method: Method, status: Status, content_type: &str, content: &str) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
    let mut text = format!(
        "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        status.line(),
        content.len(),
    );
    if method == Method::Get {
        text.push_str(content);
    }
    text.into_bytes()
}

/// An answer that says in words what its status means.
#[must_use]
pub fn plain_answer(method: Method, status: Status, words: &str) -> Vec<u8> {
    let mut content = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(content, "{words}");
    answer(method, status, "text/plain; charset=utf-8", &content)
}

/// The answer to what could not be read as a request.
#[must_use]
pub fn refusal(status: Status) -> Vec<u8> {
    let (_, words) = status.line().split_once(' ').unwrap_or_default();
    plain_answer(Method::Get, status, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Result<Option<Request<'_>>, Status> {
        Ok(Some(Request { method: Method::Get, path }))
    }

    #[test]
    fn a_request_is_read_however_it_is_cut() {
        let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9100\r\nAccept: */*\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(request(&head[..length]), Ok(None), "{length} bytes");
        }
        assert_eq!(request(head), get("/metrics"));
        let pipelined = [&head[..], b"GET /healthz"].concat();
        assert_eq!(request(&pipelined), get("/metrics"), "the rest is not looked at");
    }

    #[test]
    fn other_forms_of_a_request_are_understood() {
        assert_eq!(request(b"GET /healthz HTTP/1.0\r\n\r\n"), get("/healthz"));
        assert_eq!(request(b"GET /healthz HTTP/1.1\nHost: x\n\n"), get("/healthz"));
        assert_eq!(
            request(b"GET http://a:9/metrics?x HTTP/1.1\r\nhost: a\r\n\r\n"),
            get("/metrics")
        );
        assert_eq!(request(b"GET http://a HTTP/1.1\r\nhost: a\r\n\r\n"), get("/"));
        let head = request(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(head, Ok(Some(Request { method: Method::Head, path: "/" })));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_status() {
        for (head, status) in [
            (&b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..], Status::MethodNotAllowed),
            (b"GET /metrics HTTP/1.1\r\n\r\n", Status::BadRequest),
            (b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Status::BadRequest),
            (b"GET metrics HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", Status::VersionNotSupported),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Status::BadRequest),
            (b"\x01\x00\x00\x00\x00\x1c\x01\x00\x04CHSH", Status::BadRequest),
            (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", Status::BadRequest),
        ] {
            assert_eq!(request(head), Err(status), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn a_head_has_bounds() {
        let long = |bytes| "x".repeat(bytes);
        let uri = format!("GET /{}", long(HEAD_BYTES_MAX));
        assert_eq!(request(uri.as_bytes()), Err(Status::UriTooLong));
        let header = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", long(HEAD_BYTES_MAX));
        assert_eq!(request(header.as_bytes()), Err(Status::HeadTooLarge));
        let ended = format!("{header}\r\n\r\n");
        assert_eq!(request(ended.as_bytes()), Err(Status::HeadTooLarge));
        let several = |count| format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(request(several(HEADERS_MAX).as_bytes()), get("/"));
        assert_eq!(request(several(HEADERS_MAX + 1).as_bytes()), Err(Status::HeadTooLarge));
        let fits = format!("GET /{} HTTP/1.0\r\n\r\n", long(HEAD_BYTES_MAX - 18));
        assert_eq!((fits.len(), request(fits.as_bytes()).is_ok()), (HEAD_BYTES_MAX, true));
    }

    #[test]
    fn an_answer_tells_its_length_and_closes() {
        let text = |method| {
            let answer = plain_answer(method, Status::MethodNotAllowed, "no");
            String::from_utf8(answer).unwrap()
        };
        let (get, head) = (text(Method::Get), text(Method::Head));
        assert_eq!(get, format!("{head}no\n"));
        assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{head}");
        for line in ["Content-Length: 3", "Allow: GET, HEAD", "Connection: close"] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        assert!(head.ends_with("\r\n\r\n"));
    }
}
