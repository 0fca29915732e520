//! The authority of an address: a host, and perhaps a port (RFC 3986, section 3.2).

/// Splits a host from its port, if it has one. The address of an IPv6 host keeps its brackets.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The address in the brackets of an IPv6 host.
pub(crate) fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_follows_the_last_colon_outside_of_brackets() {
        for (authority, host, port) in [
            ("", "", None),
            ("a", "a", None),
            ("a:", "a", Some("")),
            ("a:9", "a", Some("9")),
            ("a:b:9", "a:b", Some("9")),
            ("[::1]", "[::1]", None),
            ("[::1]:9", "[::1]", Some("9")),
        ] {
            assert_eq!(split_port(authority), (host, port));
        }
        assert_eq!(
            (in_brackets("[::1]"), in_brackets("::1"), in_brackets("[a")),
            (Some("::1"), None, None)
        );
    }
}
