//! Answers about items: their heads, with conditions and ranges (RFC 9110, sections 13 and 14) and
//! the name under which a browser saves them (RFC 6266). Pure functions; the content is the
//! engine's to bring.

use std::fmt::Write;
use std::ops::Range;

use chatshelf_common::id::{Digest, ItemId};
use chatshelf_common::wire::frame::Item;

use super::conditions::Conditions;
use crate::net::http::{self, Method, Request, Status};

/// What a browser may do with a file that it shows anyway: nothing. Pages from elsewhere may not
/// even embed it.
const HARMLESS: &str = "Content-Security-Policy: default-src 'none'; sandbox\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n";
/// Pictures that a page may show. Everything else is bytes without a meaning.
const PICTURES: [(&str, &str); 6] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".gif", "image/gif"),
    (".webp", "image/webp"),
    (".avif", "image/avif"),
];

/// What a request says about an item besides its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemRequest {
    range: Option<Asked>,
    conditions: Conditions,
    if_range: Option<String>,
}

/// A range, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// From the first byte to the last one, or to the end of the file if that is `None`.
    From(u64, Option<u64>),
    /// The last bytes, this many.
    Last(u64),
}

/// Returns the number of the item that a path names: `/item/ID` or `/item/ID/NAME`.
pub(super) fn item_of(path: &str) -> Option<ItemId> {
    let rest = path.strip_prefix("/item/")?;
    let id = rest.split_once('/').map_or(rest, |(id, _)| id);
    let number = id.parse().ok().map(ItemId)?;
    (number.to_string() == id).then_some(number)
}

impl ItemRequest {
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self {
            range: request.header("range").and_then(asked),
            conditions: Conditions::of(request),
            if_range: request.header("if-range").map(str::to_owned),
        }
    }

    /// Makes the answer's head, and says which bytes of the item follow.
    pub(super) fn answer(&self, item: &Item, method: Method) -> (String, Option<Range<u64>>) {
        let tag = tag_of(item.digest);
        let whole = 0..item.size;
        let (status, range) = if let Some(failed) = self.conditions.failed(Some(&tag)) {
            (failed, None)
        } else {
            let is_same = self.if_range.as_ref().is_none_or(|it| *it == tag);
            // Nothing has no part, so whoever asks for one is sent all of it.
            let may_be_part = is_same && method == Method::Get && item.size > 0;
            match self.range.filter(|_| may_be_part) {
                None => (Status::Ok, Some(whole)),
                Some(asked) => match asked.within(item.size) {
                    Some(range) => (Status::PartialContent, Some(range)),
                    None => (Status::RangeNotSatisfiable, None),
                },
            }
        };
        let mut headers =
            format!("ETag: {tag}\r\nAccept-Ranges: bytes\r\nCache-Control: no-cache\r\n");
        // Writing to a string cannot fail.
        let _ = match (status, &range) {
            (Status::PartialContent, Some(Range { start, end })) => {
                let last = end - 1;
                write!(headers, "Content-Range: bytes {start}-{last}/{}\r\n", item.size)
            }
            (Status::RangeNotSatisfiable, _) => {
                write!(headers, "Content-Range: bytes */{}\r\n", item.size)
            }
            _ => Ok(()),
        };
        if range.is_some() {
            let (name, kind) = (disposition(item.name.as_str()), kind_of(item.name.as_str()));
            let _ = write!(headers, "Content-Type: {kind}\r\nContent-Disposition: {name}\r\n");
        }
        headers.push_str(HARMLESS);
        let bytes = range.as_ref().map_or(0, |range| range.end - range.start);
        let head = http::head(status, &headers, bytes);
        (head, range.filter(|range| !range.is_empty() && method == Method::Get))
    }
}

/// An item never changes, and its digest names its content.
pub(super) fn tag_of(digest: Digest) -> String {
    format!("\"b3-{digest}\"")
}

/// Reads one range of bytes. Several ranges, and anything that is not a range, ask for the whole.
fn asked(text: &str) -> Option<Asked> {
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is larger than any file is as large as can be.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (unit, range) = text.split_once('=')?;
    let (first, last) =
        range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    match (first.trim(), last.trim()) {
        ("", last) => number(last).map(Asked::Last),
        (first, "") => number(first).map(|first| Asked::From(first, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::From(first, Some(last)))
        }
    }
}

impl Asked {
    /// Returns the bytes of a file of this size that are in the range, if there are any.
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                first..last.map_or(size, |last| last.saturating_add(1)).min(size)
            }
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// The type of a file with this name.
fn kind_of(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let found = PICTURES.iter().find(|(ending, _)| name.ends_with(ending));
    found.map_or("application/octet-stream", |(_, kind)| kind)
}

/// Makes a browser save the file under its own name. Programs that do not know the second form use
/// the first, which says the same wherever bytes are UTF-8; only characters that would end it are
/// replaced.
fn disposition(name: &str) -> String {
    let simple = name.replace(['"', '\\'], "'");
    let mut text = format!("attachment; filename=\"{simple}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
        // Writing to a string cannot fail.
        let _ = match is_plain {
            true => write!(text, "{}", char::from(byte)),
            false => write!(text, "%{byte:02X}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use chatshelf_testkit::samples;

    use super::*;

    fn item(name: &str, size: u64) -> Item {
        samples::item(7, name, size, samples::digest(b"hello"))
    }

    /// The answer to a request for an item of ten bytes.
    fn answer(method: &str, headers: &str) -> (String, Option<Range<u64>>) {
        let head = format!("{method} /item/7 HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let request = http::request(head.as_bytes()).unwrap().unwrap();
        ItemRequest::of(&request).answer(&item("notes.txt", 10), request.method)
    }

    fn status(head: &str) -> &str {
        head.strip_prefix("HTTP/1.1 ").unwrap().split("\r\n").next().unwrap()
    }

    #[test]
    fn a_path_names_an_item_by_its_number() {
        for (path, id) in [
            ("/item/7", Some(7)),
            ("/item/7/", Some(7)),
            ("/item/7/notes.txt", Some(7)),
            ("/item/7/a/b", Some(7)),
            ("/item/07", None),
            ("/item/+7", None),
            ("/item/", None),
            ("/item/seven", None),
            ("/item/99999999999999999999", None),
            ("/items/7", None),
        ] {
            assert_eq!(item_of(path), id.map(ItemId), "{path}");
        }
    }

    #[test]
    fn a_whole_item_is_an_attachment_that_does_nothing() {
        let (head, range) = answer("GET", "");
        assert_eq!((status(&head), range), ("200 OK", Some(0..10)));
        let tag = format!("ETag: \"b3-{}\"", samples::digest(b"hello"));
        for line in [
            "Content-Length: 10",
            "Content-Type: application/octet-stream",
            "Content-Disposition: attachment; filename=\"notes.txt\"; filename*=UTF-8''notes.txt",
            "Accept-Ranges: bytes",
            "X-Content-Type-Options: nosniff",
            "Content-Security-Policy: default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy: same-origin",
            &tag,
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
        }
        let (of_head, range) = answer("HEAD", "Range: bytes=1-2\r\n");
        assert_eq!((of_head, range), (head, None), "the same without the content");
    }

    #[test]
    fn one_range_is_served() {
        for (asked, range) in [
            ("bytes=0-", Some(0..10)),
            ("bytes=3-", Some(3..10)),
            ("bytes=3-5", Some(3..6)),
            ("Bytes = 3-5", Some(3..6)),
            ("bytes=3-3", Some(3..4)),
            ("bytes=3-99", Some(3..10)),
            ("bytes=3-99999999999999999999", Some(3..10)),
            ("bytes=-4", Some(6..10)),
            ("bytes=-99", Some(0..10)),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("bytes=99999999999999999999-", None),
        ] {
            let (head, served) = answer("GET", &format!("Range: {asked}\r\n"));
            assert_eq!(served, range, "{asked}");
            let (expected, place) = match range {
                Some(Range { start, end }) => {
                    ("206 Partial Content", format!("{start}-{}", end - 1))
                }
                None => ("416 Range Not Satisfiable", "*".into()),
            };
            assert_eq!(status(&head), expected, "{asked}");
            assert!(head.contains(&format!("\r\nContent-Range: bytes {place}/10\r\n")), "{head}");
        }
        for ignored in ["bytes=5-3", "bytes=1-2,4-5", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2"]
        {
            let (head, served) = answer("GET", &format!("Range: {ignored}\r\n"));
            assert_eq!((status(&head), served), ("200 OK", Some(0..10)), "{ignored}");
        }
    }

    #[test]
    fn conditions_compare_the_digest() {
        let tag = tag_of(samples::digest(b"hello"));
        let (ok, part) = ("200 OK", "206 Partial Content");
        for (headers, expected) in [
            (format!("If-None-Match: {tag}"), "304 Not Modified"),
            (format!("If-None-Match: \"x\", W/{tag}"), "304 Not Modified"),
            ("If-None-Match: *".into(), "304 Not Modified"),
            ("If-None-Match: \"x\"".into(), ok),
            ("If-Match: \"x\"".into(), "412 Precondition Failed"),
            (format!("If-Match: W/{tag}"), "412 Precondition Failed"),
            (format!("If-Match: {tag}"), ok),
            (format!("Range: bytes=1-\r\nIf-Range: {tag}"), part),
            (format!("Range: bytes=1-\r\nIf-Range: W/{tag}"), ok),
            ("Range: bytes=1-\r\nIf-Range: \"x\"".into(), ok),
            ("Range: bytes=1-\r\nIf-Range: Mon, 30 Nov 2026 00:00:00 GMT".into(), ok),
        ] {
            let (head, range) = answer("GET", &format!("{headers}\r\n"));
            assert_eq!(status(&head), expected, "{headers}");
            assert_eq!(range.is_some(), [ok, part].contains(&expected), "{headers}");
            assert_eq!(head.contains("\r\nContent-Length: "), expected != "304 Not Modified");
        }
    }

    #[test]
    fn an_empty_item_has_no_content_to_wait_for() {
        for range in ["", "Range: bytes=0-\r\n", "Range: bytes=-5\r\n", "Range: bytes=0-0\r\n"] {
            let head = format!("GET /item/7 HTTP/1.1\r\nHost: x\r\n{range}\r\n");
            let request = http::request(head.as_bytes()).unwrap().unwrap();
            let (head, part) = ItemRequest::of(&request).answer(&item("empty", 0), Method::Get);
            assert_eq!((status(&head), part), ("200 OK", None), "{range}");
            assert!(head.contains("\r\nContent-Length: 0\r\n"), "{head}");
        }
    }

    #[test]
    fn names_arrive_as_they_are_and_end_nothing() {
        for (name, simple, exact) in [
            ("a b.txt", "a b.txt", "a%20b.txt"),
            ("Grüße.pdf", "Grüße.pdf", "Gr%C3%BC%C3%9Fe.pdf"),
            ("報告.pdf", "報告.pdf", "%E5%A0%B1%E5%91%8A.pdf"),
            ("say \"hi\"; x=1", "say 'hi'; x=1", "say%20%22hi%22%3B%20x%3D1"),
            ("50%.txt", "50%.txt", "50%25.txt"),
            ("<script>'", "<script>'", "%3Cscript%3E%27"),
        ] {
            let expected = format!("attachment; filename=\"{simple}\"; filename*=UTF-8''{exact}");
            assert_eq!(disposition(name), expected);
        }
    }

    #[test]
    fn only_pictures_have_a_type() {
        let bytes = "application/octet-stream";
        for (name, kind) in [
            ("a.png", "image/png"),
            ("A.JPG", "image/jpeg"),
            ("a.webp", "image/webp"),
            ("a.svg", bytes),
            ("a.html", bytes),
            ("a.js", bytes),
            ("png", bytes),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }
}
