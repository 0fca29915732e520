//! How text is wrapped: between words only, so that the name of an option stays whole.

use textwrap::{Options, WordSplitter};

/// Lines of at most `width` columns.
pub(super) fn layout<'a>(width: usize) -> Options<'a> {
    Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation)
}
