//! The target of a request: which host, path and query it names (RFC 9112, section 3.2). Pure
//! functions.

/// What a target names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Host and port, in absolute form.
    pub(super) authority: Option<&'a str>,
    pub(super) path: &'a str,
    /// Empty without one.
    pub(super) query: &'a str,
}

impl<'a> Target<'a> {
    /// Reads a target in origin form (`/path?query`) or absolute form (`http://host/path`). Other
    /// forms, other schemes and what no target may have (a fragment, a user's name, a percent sign
    /// that escapes nothing) are none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if !text.bytes().all(is_allowed) || !text.split('%').skip(1).all(begins_with_escaped) {
            return None;
        }
        let (authority, rest) = match text.split_once("://") {
            _ if text.starts_with('/') => (None, text),
            Some((scheme, rest)) if is_http(scheme) => {
                let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(authority), rest)
            }
            _ => return None,
        };
        if authority.is_some_and(|it| it.is_empty() || it.contains('@')) {
            return None;
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Self { authority, path: if path.is_empty() { "/" } else { path }, query })
    }
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it))
}

/// True for what a URI may have outside of a fragment (RFC 3986, appendix A).
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte)
}

/// True for what may follow a percent sign: two hexadecimal digits. Programs differ in what they
/// make of anything else.
fn begins_with_escaped(text: &str) -> bool {
    text.bytes().take_while(u8::is_ascii_hexdigit).take(2).count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_path_and_may_name_its_host() {
        for (text, authority, path, query) in [
            ("/", None, "/", ""),
            ("/a?b=c&d", None, "/a", "b=c&d"),
            ("/a?b?", None, "/a", "b?"),
            ("/a?", None, "/a", ""),
            ("/a?to=http://b/c", None, "/a", "to=http://b/c"),
            ("/http://b/c", None, "/http://b/c", ""),
            ("//b/c", None, "//b/c", ""),
            ("http://b", Some("b"), "/", ""),
            ("http://b?c", Some("b"), "/", "c"),
            ("HTTPS://b:9/c?d", Some("b:9"), "/c", "d"),
            ("http://[::1]:9/c", Some("[::1]:9"), "/c", ""),
            ("/it's%20$1,(a;b)*~@+!", None, "/it's%20$1,(a;b)*~@+!", ""),
            ("/100%25%c3%A9", None, "/100%25%c3%A9", ""),
        ] {
            assert_eq!(Target::parse(text), Some(Target { authority, path, query }), "{text}");
        }
    }

    #[test]
    fn what_names_no_path_of_http_is_no_target() {
        for text in [
            "",
            "*",
            "a",
            "a/b",
            "b:443",
            "ftp://b/c",
            "file:///c",
            "http:/c",
            "http:///c",
            "http://?c",
            "http://ada@b/c",
            "http://b#/c",
            "/a#b",
            "/a?b#",
            "/a\"b",
            "/a\\b",
            "/<a>",
            "/a|b^c`d{e}",
            "/ä",
            "/100%",
            "/%a",
            "/%zz",
            "/a%2gb",
            "/%%41",
            "/a?b=%4",
        ] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }
}
