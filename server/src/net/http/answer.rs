//! Answers: their status, heads and dates. Pure functions.

use chatshelf_common::id::UnixMillis;
use jiff::Timestamp;

use super::{Method, method_of};

/// Lets a client that waits for it send its content (RFC 9110, section 10.1.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 101: WebSocket from here on.
    SwitchingProtocols,
    /// 201: what was sent is there.
    Created,
    /// 206: a part of it.
    PartialContent,
    /// 304: the client has it already.
    NotModified,
    /// 400: this is no request.
    BadRequest,
    /// 401: not without the room's password.
    Unauthorized,
    /// 403: not from there, or not by that name.
    Forbidden,
    /// 404: there is nothing at that path.
    NotFound,
    /// 405: not at that path, or at none.
    MethodNotAllowed,
    /// 408: the head or the content has not come in time.
    RequestTimeout,
    /// 410: it was there.
    Gone,
    /// 411: content of unknown length.
    LengthRequired,
    /// 412: it is not what the client thinks it is.
    PreconditionFailed,
    /// 413: content that is too large, or where none is accepted.
    ContentTooLarge,
    /// 414: the first line exceeds [`super::HEAD_BYTES_MAX`].
    UriTooLong,
    /// 415: content in an encoding that is not accepted.
    UnsupportedMediaType,
    /// 416: nothing of it is in that range.
    RangeNotSatisfiable,
    /// 417: this server does not do what the client expects.
    ExpectationFailed,
    /// 426: not a WebSocket of the version that this server speaks.
    UpgradeRequired,
    /// 429: too often, or too much.
    TooManyRequests,
    /// 431: the head exceeds [`super::HEAD_BYTES_MAX`] or [`super::HEADERS_MAX`].
    HeadTooLarge,
    /// 500: it cannot be read.
    InternalError,
    /// 501: content in an encoding that is not understood.
    NotImplemented,
    /// 503: not now.
    Unavailable,
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported,
    /// 507: there is no space left.
    InsufficientStorage,
}

impl Status {
    /// The status line's number and reason.
    pub(in crate::net) fn line(self) -> &'static str {
        match self {
            Self::SwitchingProtocols => "101 Switching Protocols",
            Self::Ok => "200 OK",
            Self::Created => "201 Created",
            Self::PartialContent => "206 Partial Content",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::Gone => "410 Gone",
            Self::LengthRequired => "411 Length Required",
            Self::PreconditionFailed => "412 Precondition Failed",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::UriTooLong => "414 URI Too Long",
            Self::UnsupportedMediaType => "415 Unsupported Media Type",
            Self::RangeNotSatisfiable => "416 Range Not Satisfiable",
            Self::ExpectationFailed => "417 Expectation Failed",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::TooManyRequests => "429 Too Many Requests",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::InternalError => "500 Internal Server Error",
            Self::NotImplemented => "501 Not Implemented",
            Self::Unavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
            Self::InsufficientStorage => "507 Insufficient Storage",
        }
    }
}

/// The head of an answer, except what [`stamped`] adds; `headers` are further lines, each with its
/// line ending.
#[must_use]
pub fn head(status: Status, headers: &str, content_bytes: u64) -> String {
    // It has no content, and so no length of one.
    let length = match status {
        Status::NotModified => String::new(),
        _ => format!("Content-Length: {content_bytes}\r\n"),
    };
    format!(
        "HTTP/1.1 {}\r\n{length}{headers}X-Content-Type-Options: nosniff\r\n\r\n",
        status.line()
    )
}

/// An answer, or the head of one, as it is sent: with the date (RFC 9110, section 6.6.1), and with
/// the line that says so if the connection closes behind it.
#[must_use]
pub fn stamped(answer: &[u8], at: UnixMillis, keeps_alive: bool) -> Vec<u8> {
    let end = answer.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    let (status_line, rest) = answer.split_at(end);
    let connection = if keeps_alive { "" } else { "Connection: close\r\n" };
    [status_line, date(at).as_bytes(), connection.as_bytes(), rest].concat()
}

/// The line with a date; empty if the calendar has no such day.
fn date(at: UnixMillis) -> String {
    let moment = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let line = moment.map(|it| it.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string());
    line.unwrap_or_default()
}

/// A whole answer, except what [`stamped`] adds; `headers` are further lines, each with its line
/// ending.
#[must_use]
pub fn answer_with(
    method: Method,
    status: Status,
    headers: &str,
    content_type: &str,
    content: &str,
) -> Vec<u8> {
    let headers = format!("Content-Type: {content_type}\r\n{headers}Cache-Control: no-store\r\n");
    let mut text = head(status, &headers, content.len() as u64);
    if method != Method::Head {
        text.push_str(content);
    }
    text.into_bytes()
}

/// A whole answer without further headers.
#[must_use]
pub fn answer(method: Method, status: Status, content_type: &str, content: &str) -> Vec<u8> {
    answer_with(method, status, "", content_type, content)
}

/// An answer that says in words what its status means.
#[must_use]
pub fn plain_answer(method: Method, status: Status, words: &str) -> Vec<u8> {
    plain_answer_with(method, status, "", words)
}

/// The same with further headers.
#[must_use]
pub fn plain_answer_with(method: Method, status: Status, headers: &str, words: &str) -> Vec<u8> {
    answer_with(method, status, headers, "text/plain; charset=utf-8", &format!("{words}\n"))
}

/// The answer to a method that the resource does not support; `methods` are those that it does.
#[must_use]
pub fn not_allowed(method: Method, methods: &str, words: &str) -> Vec<u8> {
    let allow = format!("Allow: {methods}\r\n");
    plain_answer_with(method, Status::MethodNotAllowed, &allow, words)
}

/// The answer to bytes that are no request, or not a whole one in time.
#[must_use]
pub fn refusal_of(bytes: &[u8], status: Status) -> Vec<u8> {
    refusal(method_of(bytes), status)
}

/// The answer to a request that could not be read as one.
#[must_use]
pub fn refusal(method: Method, status: Status) -> Vec<u8> {
    let (_, words) = status.line().split_once(' ').unwrap_or_default();
    plain_answer(method, status, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_its_length() {
        let text = |method| {
            let answer = not_allowed(method, "GET, PUT", "no");
            String::from_utf8(answer).unwrap()
        };
        let (get, head) = (text(Method::Get), text(Method::Head));
        assert_eq!(get, format!("{head}no\n"));
        assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{head}");
        for line in ["Content-Length: 3", "Allow: GET, PUT"] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        assert!(head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn an_answer_is_sent_with_its_date_and_whether_the_connection_ends() {
        let made = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let stamped = |ms, keeps_alive| {
            let sent = stamped(made.as_bytes(), UnixMillis(ms), keeps_alive);
            String::from_utf8(sent).unwrap().replacen(&made[17..], "...", 1)
        };
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert_eq!(stamped(784_111_777_999, true), format!("HTTP/1.1 200 OK\r\n{date}..."));
        let close = "Connection: close\r\n";
        assert_eq!(stamped(784_111_777_000, false), format!("HTTP/1.1 200 OK\r\n{date}{close}..."));
        assert_eq!(stamped(u64::MAX, true), "HTTP/1.1 200 OK\r\n...");
    }
}
