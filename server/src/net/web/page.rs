//! The page: the files of `server/web/`, which are part of the program, or those of another
//! directory while somebody works on them (`--web-dir`). Its texts are those of the table that it
//! shares with the terminal. Owns the files' types, tags and compressed forms; never sees a
//! connection.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use chatshelf_common::strings;

use super::conditions::Conditions;
use crate::net::http::{self, Method, Request, Status};

/// What the page may do: load what is here, talk to this server, and compile the digest's code.
const POLICY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self' \
    'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
    worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\
    Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n";
/// The file at `/`.
const INDEX: &str = "index.html";
/// How files are compressed: beyond this level, it takes longer and saves little.
const LEVEL: u8 = 6;

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
    compressed: Vec<u8>,
}

impl Made {
    fn of(bytes: &[u8]) -> Self {
        Self { tag: format!("\"{:.32}\"", blake3::hash(bytes).to_hex()), compressed: gzip(bytes) }
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

static FILES: [Embedded; 24] = embedded! {
    "index.html" "style.css" "icon.svg" "app.js" "session.js" "protocol.js" "protocol.txt" "link.js"
    "hasher.js" "strings.js" "session/heartbeat.js" "session/pending.js" "session/room.js"
    "session/uploads.js" "ui/attention.js" "ui/commands.js" "ui/dom.js" "ui/log.js"
    "ui/moderation.js" "ui/shelf.js" "ui/storage.js" "ui/words.js" "vendor/LICENSE-hash-wasm"
    "vendor/blake3.wasm"
};
/// Its texts, which come from the program even when the other files do not.
static TEXTS: Embedded = Embedded::new("strings.txt", strings::OF_PAGE.as_bytes());

/// Where the page's files come from.
#[derive(Debug)]
pub(super) struct Page {
    /// Instead of the program's own; read again for each request.
    dir: Option<PathBuf>,
}

impl Page {
    /// The program's own, or that of a directory.
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// Answers a request for a file of the page, if there is one at its path.
    pub(super) fn answer(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        let path = match request.path {
            "/" => INDEX,
            path => path.strip_prefix('/')?,
        };
        match &self.dir {
            Some(dir) if path != TEXTS.path => {
                let is_below = |part| matches!(part, Component::Normal(_));
                if !Path::new(path).components().all(is_below) {
                    return None;
                }
                let bytes = fs::read(dir.join(path)).ok()?;
                Some(respond(request, path, &bytes, &Made::of(&bytes)))
            }
            _ => {
                let file = FILES.iter().chain([&TEXTS]).find(|file| file.path == path)?;
                let made = file.made.get_or_init(|| Made::of(file.bytes));
                Some(respond(request, path, file.bytes, made))
            }
        }
    }
}

fn respond(request: &Request<'_>, path: &str, bytes: &[u8], made: &Made) -> Vec<u8> {
    let Made { tag, compressed } = made;
    let packs = request.has_word("accept-encoding", "gzip") && compressed.len() < bytes.len();
    let (content, encoding) =
        if packs { (&compressed[..], "Content-Encoding: gzip\r\n") } else { (bytes, "") };
    let failed = Conditions::of(request).failed(Some(tag));
    let status = failed.unwrap_or(Status::Ok);
    let content = if failed.is_none() { content } else { &[] };
    let headers = format!(
        "Content-Type: {}\r\n{encoding}ETag: {tag}\r\nVary: Accept-Encoding\r\n\
         Cache-Control: no-cache\r\n{POLICY}",
        kind_of(path)
    );
    let mut answer = http::head(status, &headers, content.len() as u64).into_bytes();
    if request.method == Method::Get {
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
        let answer = page.answer(&http::request(request.as_bytes()).unwrap().unwrap())?;
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
        assert!(head.contains("script-src 'self' 'wasm-unsafe-eval'; style-src 'self'"), "{head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
        let (head, content) = get(&page, "/", &format!("If-None-Match: {tag}\r\n")).unwrap();
        assert!(head.starts_with("HTTP/1.1 304 Not Modified\r\n") && content.is_empty(), "{head}");
        assert!(get(&page, "/test/world.js", "").is_none());
        assert!(get(&page, "/ui/", "").is_none());
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
            assert!(get(&page, path, "").is_none(), "{path}");
        }
    }
}
