//! Solution 1: takes the value of a frame apart into its fields.

/// Why a value is no list of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends within the tag or the length of a field.
    TornHead,
    /// A field announces more bytes than are left.
    TornValue,
}

/// The fields of a frame's value, in their order: the tag and the bytes of each. A field is a tag
/// (1 byte), a length (2 bytes, big-endian), and as many bytes as that says.
///
/// # Errors
/// When the fields do not fill the value exactly.
pub fn fields(mut value: &[u8]) -> Result<Vec<(u8, &[u8])>, Malformed> {
    let mut fields = Vec::new();
    while !value.is_empty() {
        let (&[tag, high, low], rest) = value.split_first_chunk().ok_or(Malformed::TornHead)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (bytes, rest) = rest.split_at_checked(length).ok_or(Malformed::TornValue)?;
        fields.push((tag, bytes));
        value = rest;
    }
    Ok(fields)
}
