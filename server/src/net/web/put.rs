//! Requests that put a file on the shelf: `PUT /shelf/NAME` (RFC 9110, section 9.3.4), with the
//! digest that the content must have, if the sender states it (RFC 9530). Never sees the content.

use chatshelf_common::text::FileName;
use data_encoding::BASE64;
use percent_encoding::percent_decode_str;

use super::conditions::Conditions;
use crate::checksum::Checksum;
use crate::engine::NewFile;
use crate::net::http::{self, Request, Status};

/// What comes before the file's name.
pub(super) const FOLDER: &str = "/shelf/";

/// What the answers to such a request need to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PutRequest {
    /// The sender waits before it sends the content.
    pub(super) expects_continue: bool,
    /// Scheme and host of the link to the item.
    pub(super) origin: String,
}

/// Reads the request to put a file on the shelf under this name, as it stands in the path.
///
/// # Errors
/// The answer that says why the file is not accepted.
pub(super) fn file_of(request: &Request<'_>, name: &str) -> Result<NewFile, Vec<u8>> {
    let refused = |status, words: &str| http::plain_answer(request.method, status, words);
    let Some(size) = request.content_bytes else {
        let words = "The length of the file must be known: curl -T FILE, not curl -T -.";
        return Err(refused(Status::LengthRequired, words));
    };
    if !request.list("content-range").eq([""; 0]) {
        return Err(refused(Status::BadRequest, "Only whole files are accepted."));
    }
    let is_none = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    if !request.list("content-encoding").all(is_none) {
        let words = "Files are accepted as they are: leave out Content-Encoding.";
        let (status, taken) = (Status::UnsupportedMediaType, "Accept-Encoding: identity\r\n");
        return Err(http::plain_answer_with(request.method, status, taken, words));
    }
    // Each file becomes a new item, so nothing there can have a tag yet.
    if let Some(failed) = Conditions::of(request).failed(None) {
        return Err(refused(failed, "Each PUT makes a new item, so no If-Match can hold."));
    }
    if !request.list("expect").all(|it| it.eq_ignore_ascii_case("100-continue")) {
        return Err(refused(Status::ExpectationFailed, "Only 100-continue may be expected."));
    }
    let name = name_of(name).map_err(|why| {
        refused(Status::BadRequest, &format!("This is not a valid file name: {why}."))
    })?;
    let checksum = checksum_of(request)?;
    Ok(NewFile { name, size, checksum })
}

/// Reads a file's name as clients offer it: characters that no name may have are replaced. A path
/// is not a name.
fn name_of(escaped: &str) -> Result<FileName, String> {
    let name = percent_decode_str(escaped).decode_utf8().map_err(|_| "it is not UTF-8")?;
    if name.contains('/') {
        return Err("it is a path".into());
    }
    FileName::lossy(&name).map_err(|why| why.to_string())
}

/// Reads the digests that the content must have. All of a known kind are verified; a sender that
/// states only others is refused, because it would believe that the file was verified.
fn checksum_of(request: &Request<'_>) -> Result<Option<Checksum>, Vec<u8>> {
    let told = ["repr-digest", "content-digest"].into_iter().flat_map(|name| request.list(name));
    let (mut checksum, mut is_told) = (None, false);
    for digest in told {
        is_told = true;
        let (name, value) = digest.split_once('=').unwrap_or((digest, ""));
        if !Checksum::algorithms().any(|known| known == name) {
            continue;
        }
        let one = bytes_of(value).and_then(|value| Checksum::new(name, value));
        let one = one.ok_or_else(|| unverifiable(request))?;
        checksum = Some(match checksum.take() {
            None => one,
            Some(others) => one.and(others).ok_or_else(|| {
                let words = "The digests contradict each other.";
                http::plain_answer(request.method, Status::BadRequest, words)
            })?,
        });
    }
    if is_told && checksum.is_none() { Err(unverifiable(request)) } else { Ok(checksum) }
}

/// A byte sequence of a structured field (RFC 9651, section 3.3.5), which may have parameters.
fn bytes_of(value: &str) -> Option<Vec<u8>> {
    let value = value.split(';').next()?.trim();
    let encoded = value.strip_prefix(':')?.strip_suffix(':')?;
    BASE64.decode(encoded.as_bytes()).ok()
}

fn unverifiable(request: &Request<'_>) -> Vec<u8> {
    let known: Vec<String> = Checksum::algorithms().map(|name| format!("{name}=10")).collect();
    let wanted = format!("Want-Repr-Digest: {}\r\n", known.join(", "));
    let words = "This digest cannot be verified.";
    http::plain_answer_with(request.method, Status::BadRequest, &wanted, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a file of this name, with these headers: what is taken, or a status.
    fn put(name: &str, headers: &str) -> Result<NewFile, String> {
        let head = format!("PUT /shelf/{name} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let request = http::request(head.as_bytes()).unwrap().unwrap();
        file_of(&request, request.path.strip_prefix(FOLDER).unwrap())
            .map_err(|answer| String::from_utf8(answer).unwrap())
    }

    fn status(put: Result<NewFile, String>) -> String {
        let answer = put.unwrap_err();
        answer.strip_prefix("HTTP/1.1 ").unwrap().split(' ').next().unwrap().to_owned()
    }

    #[test]
    fn a_name_is_taken_as_clients_offer_it() {
        for (escaped, name) in [
            ("notes.txt", "notes.txt"),
            ("a%20b+c%2B%22%27.txt", "a b+c+\"'.txt"),
            ("%E5%A0%B1%E5%91%8A.pdf", "報告.pdf"),
            ("100%25.txt", "100%.txt"),
            ("%E2%80%8D", "_"),
            (".%E2%80%8D", "._"),
            ("a%5Cb%0A%E2%80%AE.txt", "a_b__.txt"),
            ("%E2%9D%A4%EF%B8%8F.png", "❤.png"),
            ("..%2e.txt", "....txt"),
        ] {
            let file = put(escaped, "Content-Length: 7\r\n").unwrap();
            assert_eq!((file.name.as_str(), file.size), (name, 7), "{escaped}");
            assert_eq!(file.checksum, None);
        }
        let long = put(&format!("{}.txt", "x".repeat(300)), "Content-Length: 7\r\n").unwrap();
        assert!(long.name.as_str().len() == 255 && long.name.as_str().ends_with("x.txt"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for escaped in ["", ".", "..", "%2E%2e", "a/b", "a%2Fb", "..%2f..%2fkey.pem", "%FF", "a/"] {
            assert_eq!(status(put(escaped, "Content-Length: 7\r\n")), "400", "{escaped}");
        }
    }

    #[test]
    fn only_a_whole_file_of_known_length_is_taken() {
        for (headers, expected) in [
            ("", "411"),
            ("Content-Length: 7\r\nContent-Range: bytes 0-6/9\r\n", "400"),
            ("Content-Length: 7\r\nContent-Range: \r\n", "400"),
            ("Content-Length: 7\r\nExpect: miracles\r\n", "417"),
            ("Content-Length: 7\r\nContent-Encoding: gzip\r\n", "415"),
            ("Content-Length: 7\r\nContent-Encoding: identity, br\r\n", "415"),
            ("Content-Length: 7\r\nContent-Encoding: \u{ff}\r\n", "415"),
            ("Content-Length: 7\r\nIf-Match: \"abc\"\r\n", "412"),
            ("Content-Length: 7\r\nIf-Match: *\r\n", "412"),
        ] {
            assert_eq!(status(put("f", headers)), expected, "{headers}");
        }
        for headers in [
            "Expect: 100-Continue",
            "Content-Encoding: Identity",
            "Content-Encoding:",
            "Content-Encoding: , identity",
            "If-None-Match: *",
        ] {
            assert!(put("f", &format!("Content-Length: 7\r\n{headers}\r\n")).is_ok(), "{headers}");
        }
        let unknown = put("f", "Transfer-Encoding: chunked\r\n").unwrap_err();
        assert!(unknown.starts_with("HTTP/1.1 411 ") && unknown.contains("not curl -T -."));
    }

    #[test]
    fn all_digests_are_verified_and_those_that_cannot_be_are_refused() {
        let sums = [32, 64].map(|bytes| format!(":{}:", BASE64.encode(&vec![7; bytes])));
        let [short, long] = &sums;
        let of = |name, bytes| Checksum::new(name, vec![7; bytes]);
        let both = of("sha-256", 32).and_then(|it| it.and(of("sha-512", 64)?));
        for (headers, expected) in [
            (format!("Repr-Digest: sha-256={short}\r\n"), of("sha-256", 32)),
            (format!("Content-Digest: sha-256={short};a=1\r\n"), of("sha-256", 32)),
            (format!("repr-digest: md5=:AA==:, sha-256={short}\r\n"), of("sha-256", 32)),
            (format!("Repr-Digest: sha-256={short} , sha-512={long}\r\n"), both.clone()),
            (format!("Repr-Digest: sha-256={short}\r\nRepr-Digest: sha-512={long}\r\n"), both),
            (
                format!("Repr-Digest: sha-256={short}\r\nContent-Digest: sha-256={short}\r\n"),
                of("sha-256", 32),
            ),
        ] {
            let file = put("f", &format!("Content-Length: 7\r\n{headers}")).unwrap();
            assert!(file.checksum.is_some() && file.checksum == expected, "{headers}");
        }
        let other = format!(":{}:", BASE64.encode(&[8; 32]));
        for second in ["Content-Digest", "Repr-Digest"] {
            let headers = format!("Repr-Digest: sha-256={short}\r\n{second}: sha-256={other}\r\n");
            let refused = put("f", &format!("Content-Length: 7\r\n{headers}")).unwrap_err();
            assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
            assert!(refused.ends_with("\r\n\r\nThe digests contradict each other.\n"), "{refused}");
        }
        for value in [
            String::new(),
            "md5=:AA==:".into(),
            "sha-256=:AA==:".into(),
            format!("sha-256={long}"),
            format!("sha-256={}", &short[1..]),
            format!("sha-256={short}, sha-512=:!:"),
            format!("sha-256=:!:, sha-512={long}"),
            "\u{ff}".into(),
        ] {
            let refused = put("f", &format!("Content-Length: 7\r\nRepr-Digest: {value}\r\n"));
            let answer = refused.clone().unwrap_err();
            let wanted = "\r\nWant-Repr-Digest: sha-512=10, sha-256=10\r\n";
            assert!(answer.contains(wanted), "{value}: {answer}");
            assert_eq!(status(refused), "400", "{value}");
        }
    }
}
