//! Reads the values of options from text, or says in half a sentence what they must be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A number in this range.
///
/// # Errors
/// What it must be.
pub fn number<N>(text: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
}

/// Anything that can be read from text; `expected` describes it, as in "a size such as 4MiB".
///
/// # Errors
/// What it must be.
pub fn parsed<V: FromStr>(text: &str, expected: &str) -> Result<V, String> {
    text.parse().map_err(|_| format!("must be {expected}"))
}

/// The value of a flag where it is written out.
///
/// # Errors
/// What it must be.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("must be yes or no".into()),
    }
}
