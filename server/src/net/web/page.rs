//! The page: the files of `server/web/`, which are part of the program, or those of another
//! directory while somebody works on them (`--web-dir`). Its texts are those of the table that it
//! shares with the terminal. Owns the files' types, tags and compressed forms; never sees a
//! connection.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use chatshelf_common::strings;

use super::conditions::Conditions;
use crate::disk::files::open_regular;
use crate::net::http::{self, Method, Request, Status};

/// What the page may do: load what is here, talk to this server, and compile the digest's code.
const POLICY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self' \
    'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\
    Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n";
/// The file at `/`.
const INDEX: &str = "index.html";
/// How files are compressed: beyond this level, it takes longer and saves little.
const LEVEL: u8 = 6;
/// Longest file of another directory that is served, in bytes: it is compressed on the way.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A file of the page.
#[derive(Debug)]
struct Embedded {
    path: &'static str,
    bytes: &'static [u8],
    made: OnceLock<Made>,
}

/// What is derived from a file when it is first requested.
#[derive(Debug)]
struct Made {
    tag: String,
    /// That of the compressed form: a strong tag names bytes (RFC 9110, section 8.8.3.3).
    packed_tag: String,
    compressed: Vec<u8>,
}

impl Made {
    fn of(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes).to_hex();
        let (tag, packed_tag) = (format!("\"{hash:.32}\""), format!("\"{hash:.32}-gzip\""));
        Self { tag, packed_tag, compressed: gzip(bytes) }
    }
}

impl Embedded {
    const fn new(path: &'static str, bytes: &'static [u8]) -> Self {
        Self { path, bytes, made: OnceLock::new() }
    }
}

macro_rules! embedded {
    ($($path:literal)*) => {
        [$(Embedded::new($path, include_bytes!(concat!("../../../web/", $path)))),*]
    };
}

static FILES: [Embedded; 27] = embedded! {
    "index.html" "style.css" "icon.svg" "app.js" "session.js" "protocol.js" "protocol.txt" "link.js"
    "hasher.js" "strings.js" "session/heartbeat.js" "session/pending.js" "session/room.js"
    "session/uploads.js" "ui/attention.js" "ui/commands.js" "ui/dom.js" "ui/files.js" "ui/log.js"
    "ui/moderation.js" "ui/overlays.js" "ui/room.js" "ui/shelf.js" "ui/storage.js" "ui/words.js"
    "vendor/LICENSE-hash-wasm" "vendor/blake3.wasm"
};
/// Its texts, which come from the program even when the other files do not.
static TEXTS: Embedded = Embedded::new("strings.txt", strings::OF_PAGE.as_bytes());

/// Where the page's files come from.
#[derive(Debug)]
pub(super) struct Page {
    /// Instead of the program's own; read again for each request.
    dir: Option<PathBuf>,
}

/// A request for a file of the page. It costs next to nothing until it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    path: String,
    takes_gzip: bool,
    conditions: Conditions,
}

impl PageRequest {
    fn of(request: &Request<'_>, path: &str) -> Self {
        let (takes_gzip, conditions) = (takes_gzip(request), Conditions::of(request));
        Self { path: path.to_owned(), takes_gzip, conditions }
    }
}

/// Returns true for a client that takes gzip and does not rather have the file as it is (RFC 9110,
/// section 12.5.3).
fn takes_gzip(request: &Request<'_>) -> bool {
    let weight = |wanted: &str| {
        request.list("accept-encoding").find_map(|entry| {
            let (coding, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
            let is_meant = coding.trim().eq_ignore_ascii_case(wanted);
            let (_, value) = weight.split_once('=')?;
            // What is no weight is none.
            is_meant.then(|| value.trim().parse::<f32>().unwrap_or(0.0))
        })
    };
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*"));
    gzip.is_some_and(|gzip| gzip > 0.0 && gzip >= weight("identity").unwrap_or(0.0))
}

impl Page {
    /// The program's own, or that of a directory.
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// Finds what a request for a file of the page asks for, if there may be one at its path. Reads
    /// nothing.
    pub(super) fn find(&self, request: &Request<'_>) -> Option<PageRequest> {
        let path = match request.path {
            "/" => INDEX,
            path => path.strip_prefix('/')?,
        };
        let is_there = match self.dir_of(path) {
            Some(_) => Path::new(path).components().all(|it| matches!(it, Component::Normal(_))),
            None => embedded(path).is_some(),
        };
        is_there.then(|| PageRequest::of(request, path))
    }

    /// Makes the answer to such a request.
    pub(super) fn answer(&self, request: &PageRequest, method: Method) -> Vec<u8> {
        let answer = match self.dir_of(&request.path) {
            Some(dir) => read(&dir.join(&request.path))
                .ok()
                .map(|bytes| respond(request, method, &bytes, &Made::of(&bytes))),
            None => embedded(&request.path).map(|file| {
                let made = file.made.get_or_init(|| Made::of(file.bytes));
                respond(request, method, file.bytes, made)
            }),
        };
        answer.unwrap_or_else(|| nothing(method))
    }

    /// The directory that has the file at this path, if there is one.
    fn dir_of(&self, path: &str) -> Option<&Path> {
        self.dir.as_deref().filter(|_| path != TEXTS.path)
    }
}

/// The answer where nothing is.
pub(super) fn nothing(method: Method) -> Vec<u8> {
    http::plain_answer(method, Status::NotFound, "Nothing is here.")
}

fn embedded(path: &str) -> Option<&'static Embedded> {
    FILES.iter().chain([&TEXTS]).find(|file| file.path == path)
}

/// Reads a regular file. Never waits, as a pipe could make it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open_regular(fs::OpenOptions::new().read(true), path)?;
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn respond(request: &PageRequest, method: Method, bytes: &[u8], made: &Made) -> Vec<u8> {
    let Made { tag, packed_tag, compressed } = made;
    let (content, encoding, tag) = match request.takes_gzip && compressed.len() < bytes.len() {
        true => (&compressed[..], "Content-Encoding: gzip\r\n", packed_tag),
        false => (bytes, "", tag),
    };
    let failed = request.conditions.failed(Some(tag));
    let status = failed.unwrap_or(Status::Ok);
    let content = if failed.is_none() { content } else { &[] };
    let headers = format!(
        "Content-Type: {}\r\n{encoding}ETag: {tag}\r\nVary: Accept-Encoding\r\n\
         Cache-Control: no-cache\r\n{POLICY}",
        kind_of(&request.path)
    );
    let mut answer = http::head(status, &headers, content.len() as u64).into_bytes();
    if method == Method::Get {
        answer.extend_from_slice(content);
    }
    answer
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        _ => "text/plain; charset=utf-8",
    }
}

/// A member of a gzip file (RFC 1952) without a name or a date.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, LEVEL));
    packed.extend(crc32fast::hash(bytes).to_le_bytes());
    // Its length modulo 2^32 (RFC 1952, section 2.3.1).
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The answer to a request for this path, with these headers.
    fn get(page: &Page, path: &str, headers: &str) -> Option<(String, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let request = page.find(&http::request(request.as_bytes()).unwrap().unwrap())?;
        let answer = page.answer(&request, Method::Get);
        if answer.starts_with(b"HTTP/1.1 404 ") {
            return None;
        }
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        Some((String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec()))
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_fits_into_100_kib_in_all() {
        fn paths(dir: &Path, under: &str, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(dir).unwrap().flatten() {
                let path = format!("{under}{}", entry.file_name().to_str().unwrap());
                match entry.path().is_dir() {
                    true if path == "test" || path == "node_modules" => {}
                    true => paths(&entry.path(), &format!("{path}/"), found),
                    false => drop(found.insert(path)),
                }
            }
        }
        let mut found = BTreeSet::new();
        paths(&Path::new(env!("CARGO_MANIFEST_DIR")).join("web"), "", &mut found);
        // What is for those who work on it.
        found.retain(|path| !path.ends_with("package.json") && !path.contains("README"));
        assert_eq!(found, FILES.iter().map(|file| file.path.to_owned()).collect());
        let page = Page::new(None);
        let sizes = FILES.iter().chain([&TEXTS]).map(|file| {
            let (head, content) =
                get(&page, &format!("/{}", file.path), "Accept-Encoding: gzip, br\r\n").unwrap();
            head.len() + content.len()
        });
        let all: usize = sizes.sum();
        assert!(all < 100 * 1024, "{all} bytes");
    }

    #[test]
    fn a_file_is_sent_once_as_long_as_it_stays_the_same() {
        let page = Page::new(None);
        let (head, content) = get(&page, "/", "").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && content.starts_with(b"<!doctype html>"));
        for line in ["Content-Type: text/html; charset=utf-8", "X-Content-Type-Options: nosniff"] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        for rule in ["script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "img-src 'self'"] {
            assert!(head.contains(&format!("; {rule};")), "{head}");
        }
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
        let (head, content) = get(&page, "/", &format!("If-None-Match: {tag}\r\n")).unwrap();
        assert!(head.starts_with("HTTP/1.1 304 Not Modified\r\n") && content.is_empty(), "{head}");
        assert!(get(&page, "/test/world.js", "").is_none());
        assert!(get(&page, "/ui/", "").is_none());
    }

    #[test]
    fn a_file_is_compressed_for_those_who_want_that() {
        for (accepted, is_packed) in [
            ("gzip", true),
            ("br, GZIP", true),
            ("gzip;q=1", true),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", true),
            ("br;q=1.0,gzip ; Q = 0.8", true),
            ("x-gzip", true),
            ("*", true),
            ("identity, gzip", true),
            ("identity, gzip;q=0.5", false),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("gzip;q=much", false),
            ("gzip;q", false),
            ("br, deflate", false),
            ("identity", false),
            ("", false),
        ] {
            let (head, content) =
                get(&Page::new(None), "/", &format!("Accept-Encoding: {accepted}\r\n")).unwrap();
            assert_eq!(head.contains("\r\nContent-Encoding: gzip\r\n"), is_packed, "{accepted}");
            assert_eq!(content.starts_with(&[0x1f, 0x8b]), is_packed, "{accepted}");
        }
    }

    #[test]
    fn each_form_of_a_file_has_a_tag_of_its_own() {
        let page = Page::new(None);
        let tag_of = |headers: &str| {
            let (head, _) = get(&page, "/app.js", headers).unwrap();
            head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned()
        };
        let gzip = "Accept-Encoding: gzip\r\n";
        let (plain, packed) = (tag_of(""), tag_of(gzip));
        assert_ne!(plain, packed);
        for (tag, headers, is_same) in
            [(&plain, "", true), (&plain, gzip, false), (&packed, "", false), (&packed, gzip, true)]
        {
            let headers = format!("If-None-Match: {tag}\r\n{headers}");
            let (head, _) = get(&page, "/app.js", &headers).unwrap();
            assert_eq!(head.starts_with("HTTP/1.1 304 "), is_same, "{headers}");
        }
    }

    #[test]
    fn compressed_files_are_gzip() {
        let text = b"to be, or not to be, that is the question: to be or not".repeat(10);
        let packed = gzip(&text);
        assert!(packed.len() < text.len() / 2 && packed.starts_with(&[0x1f, 0x8b, 8]));
        let (body, end) = packed[10..].split_at(packed.len() - 18);
        assert_eq!(miniz_oxide::inflate::decompress_to_vec(body).unwrap(), text);
        assert_eq!(end[4..], (text.len() as u32).to_le_bytes());
        assert_eq!(end[..4], crc32fast::hash(&text).to_le_bytes());
    }

    #[test]
    fn another_directory_is_read_again_and_never_left() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("web")).unwrap();
        fs::write(dir.path().join("secret.js"), "secret").unwrap();
        let page = Page::new(Some(dir.path().join("web")));
        assert!(get(&page, "/", "").is_none());
        for text in ["one", "two"] {
            fs::write(dir.path().join("web/index.html"), text).unwrap();
            assert_eq!(get(&page, "/", "").unwrap().1, text.as_bytes());
        }
        let texts = get(&page, "/strings.txt", "").unwrap().1;
        assert_eq!(texts, strings::OF_PAGE.as_bytes(), "without rows for the terminal");
        for path in ["/../secret.js", "//etc/passwd", "/./../secret.js", "/web/../../secret.js"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let request = http::request(request.as_bytes()).unwrap().unwrap();
            assert_eq!(page.find(&request), None, "{path} is not even looked at");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_of_some_size_are_served() {
        let dir = tempfile::tempdir().unwrap();
        let page = Page::new(Some(dir.path().into()));
        let path = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        for (name, bytes) in [("largest", FILE_BYTES_MAX), ("larger", FILE_BYTES_MAX + 1)] {
            fs::File::create(path(name)).unwrap().set_len(bytes).unwrap();
        }
        for name in ["zero", "folder", "pipe", "larger", "none"] {
            assert!(get(&page, &format!("/{name}"), "").is_none(), "{name}");
        }
        assert_eq!(get(&page, "/largest", "").unwrap().1.len() as u64, FILE_BYTES_MAX);
    }
}
