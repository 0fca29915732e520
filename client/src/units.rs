//! Sizes and counts as people read them. Pure functions.

use bytesize::ByteSize;

/// `388.0 MB`: a size, in powers of 1000.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// A limit, in powers of 1024 if it was set in them.
pub(crate) fn limit(bytes: u64) -> String {
    if bytes.is_multiple_of(1024) {
        ByteSize(bytes).display().iec().to_string()
    } else {
        size(bytes)
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
