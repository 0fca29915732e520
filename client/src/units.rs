//! Numbers as people read them: sizes, limits. Pure functions.

use bytesize::ByteSize;

/// A size, in powers of 1000: `5.0 MB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// A limit, in powers of 1024 where it was set so: `4.0 GiB`.
pub(crate) fn limit(bytes: u64) -> String {
    if bytes.is_multiple_of(1024) {
        ByteSize(bytes).display().iec().to_string()
    } else {
        size(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_as_it_was_set() {
        assert_eq!((limit(1 << 30), limit(5_000_000)), ("1.0 GiB".into(), size(5_000_000)));
        assert_eq!(size(5_000_000), "5.0 MB");
    }
}
