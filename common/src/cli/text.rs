//! How text is broken into lines: between words only, so that the name of an option stays whole.

use textwrap::{Options, WordSplitter};

/// For lines of at most `width` columns.
pub(super) fn layout<'a>(width: usize) -> Options<'a> {
    Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation)
}
