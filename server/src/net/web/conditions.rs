//! Conditions of a request: the tags that its sender knows (RFC 9110, section 13). Pure functions.

use crate::net::http::{Request, Status};

/// The tags for which a request is meant, or not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditions {
    if_match: Option<Vec<String>>,
    if_none_match: Option<Vec<String>>,
}

impl Conditions {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let tags = |name| {
            let tags: Vec<String> = request.list(name).map(str::to_owned).collect();
            (!tags.is_empty()).then_some(tags)
        };
        Self { if_match: tags("if-match"), if_none_match: tags("if-none-match") }
    }

    /// Returns the status for a condition that does not hold for a resource with this tag, which is
    /// a strong one; with `None`, the resource does not exist yet.
    pub(super) fn failed(&self, tag: Option<&str>) -> Option<Status> {
        let has = |tags: &[String], is_tag: &dyn Fn(&str, &str) -> bool| match tags {
            [any] if any == "*" => tag.is_some(),
            tags => tag.is_some_and(|tag| tags.iter().any(|it| is_tag(it, tag))),
        };
        // A weak tag is never strongly the same (section 8.8.3.2).
        let is_strongly = |it: &str, tag: &str| it == tag;
        let is_weakly = |it: &str, tag: &str| it.strip_prefix("W/").unwrap_or(it) == tag;
        if self.if_match.as_ref().is_some_and(|tags| !has(tags, &is_strongly)) {
            return Some(Status::PreconditionFailed);
        }
        let is_known = self.if_none_match.as_ref().is_some_and(|tags| has(tags, &is_weakly));
        is_known.then_some(Status::NotModified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http;

    #[test]
    fn conditions_compare_tags() {
        let (fails, same) = (Some(Status::PreconditionFailed), Some(Status::NotModified));
        for (headers, of_a, of_nothing) in [
            ("", None, None),
            ("If-Match: \"a\"\r\n", None, fails),
            ("If-Match: \"b\", \"a\"\r\n", None, fails),
            ("If-Match: \"b\"\r\nif-match: \"a\"\r\n", None, fails),
            ("If-Match: W/\"a\"\r\n", fails, fails),
            ("If-Match: \"b\"\r\n", fails, fails),
            ("If-Match: \u{e4}\r\n", fails, fails),
            ("If-Match:\r\n", fails, fails),
            ("If-Match: *\r\n", None, fails),
            ("If-Match: \"b,*,c\"\r\n", fails, fails),
            ("If-None-Match: \"a\"\r\n", same, None),
            ("If-None-Match: \"b\"\r\nIf-None-Match: W/\"a\"\r\n", same, None),
            ("If-None-Match: \"b\"\r\n", None, None),
            ("If-None-Match: *\r\n", same, None),
            ("If-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", fails, fails),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
            let conditions = Conditions::of(&http::request(head.as_bytes()).unwrap().unwrap());
            assert_eq!(conditions.failed(Some("\"a\"")), of_a, "{headers}");
            assert_eq!(conditions.failed(None), of_nothing, "{headers}");
        }
    }
}
