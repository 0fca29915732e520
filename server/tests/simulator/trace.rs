//! The trace: a line for each thing that happens, with its time. All of it goes into a hash, by
//! which two runs of a seed are compared; the newest lines, or all, are kept to be read.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use super::clock::Clock;

/// Lines kept for who only wants to know how it ended.
const LINES_MAX: usize = 400;

/// Shared by all that have something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    clock: Clock,
    inner: Rc<RefCell<Inner>>,
}

#[derive(Debug)]
struct Inner {
    hasher: blake3::Hasher,
    lines: VecDeque<String>,
    lines_max: usize,
    line: String,
}

impl Trace {
    /// A trace that keeps all of its lines, or the newest only.
    pub(crate) fn new(clock: Clock, keeps_all: bool) -> Self {
        let lines_max = if keeps_all { usize::MAX } else { LINES_MAX };
        let (hasher, lines) = (blake3::Hasher::new(), VecDeque::new());
        let inner = Inner { hasher, lines, lines_max, line: String::new() };
        Self { clock, inner: Rc::new(RefCell::new(inner)) }
    }

    /// Adds a line; `who` is what it is about.
    pub(crate) fn tell(&self, who: fmt::Arguments<'_>, what: fmt::Arguments<'_>) {
        let mut inner = self.inner.borrow_mut();
        let mut line = std::mem::take(&mut inner.line);
        let ms = self.clock.elapsed_ms();
        let (seconds, ms) = (ms / 1000, ms % 1000);
        // Writing to a string does not fail.
        let _ = fmt::write(&mut line, format_args!("{seconds:>6}.{ms:03} {who} {what}"));
        inner.hasher.update(line.as_bytes());
        inner.hasher.update(b"\n");
        if inner.lines.len() == inner.lines_max
            && let Some(mut oldest) = inner.lines.pop_front()
        {
            oldest.clear();
            inner.line = oldest;
        }
        inner.lines.push_back(line);
    }

    pub(crate) fn hash(&self) -> String {
        self.inner.borrow().hasher.finalize().to_hex().to_string()
    }

    /// The lines that are kept.
    pub(crate) fn text(&self) -> String {
        let inner = self.inner.borrow();
        let mut text = String::new();
        for line in &inner.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// Tells the trace something: `told!(trace, "who", "what {}", happened)`.
macro_rules! told {
    ($trace:expr, $who:expr, $($what:tt)+) => {
        $trace.tell(format_args!("{:<9}", $who), format_args!($($what)+))
    };
}

pub(crate) use told;
