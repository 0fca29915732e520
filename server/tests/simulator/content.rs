//! A file's content on the simulated disk: as it is read, as it is durable, and what lies between.

use super::rng::Rng;

/// One file's bytes.
#[derive(Debug, Default)]
pub(crate) struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Step>,
    /// Some of it the system has given up.
    has_given_up: bool,
}

/// How safe a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Safety {
    /// It is what is on the disk.
    Durable,
    /// The next sync makes it durable.
    Volatile,
    /// No sync will.
    GivenUp,
}

#[derive(Clone, Debug)]
enum Step {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

impl Content {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.step(Step::Write { at, bytes: bytes.to_vec() });
    }

    pub(crate) fn set_len(&mut self, bytes: u64) {
        self.step(Step::Length(bytes));
    }

    fn step(&mut self, step: Step) {
        step.apply(&mut self.bytes);
        self.pending.push(step);
    }

    /// Everything is durable.
    pub(crate) fn sync(&mut self) {
        let durable = &mut self.durable;
        self.pending.drain(..).for_each(|step| step.apply(durable));
    }

    /// A sync has failed: the system forgets that these bytes were to be written, and the next
    /// sync will not bring them to the disk either.
    pub(crate) fn give_up(&mut self) {
        self.has_given_up |= !self.pending.is_empty();
        self.pending.clear();
    }

    pub(crate) fn safety(&self) -> Safety {
        if self.bytes == self.durable {
            Safety::Durable
        } else if self.has_given_up {
            Safety::GivenUp
        } else {
            Safety::Volatile
        }
    }

    /// What is there after a power cut; true if something is not.
    pub(crate) fn cut_power(&mut self, rng: &mut Rng) -> bool {
        let steps = std::mem::take(&mut self.pending);
        let is_scattered = rng.one_in(4);
        let kept = if steps.is_empty() { 0 } else { rng.up_to(steps.len()) };
        for (place, step) in steps.iter().enumerate() {
            let is_kept = if is_scattered { rng.one_in(2) } else { place < kept };
            if is_kept {
                step.apply(&mut self.durable);
            } else if place == kept {
                step.tear(&mut self.durable, rng);
            }
        }
        let is_torn = self.bytes != self.durable;
        self.bytes = self.durable.clone();
        self.has_given_up = false;
        is_torn
    }
}

impl Step {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length as usize, 0),
            Self::Write { at, bytes } => {
                let (at, end) = (*at as usize, *at as usize + bytes.len());
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[at..end].copy_from_slice(bytes);
            }
        }
    }

    /// Does the beginning of the step, up to any byte; the rest may be there as zeros.
    fn tear(&self, content: &mut Vec<u8>, rng: &mut Rng) {
        let Self::Write { at, bytes } = self else { return };
        let kept = rng.up_to(bytes.len());
        Self::Write { at: *at, bytes: bytes[..kept].to_vec() }.apply(content);
        let end = *at as usize + if rng.one_in(2) { bytes.len() } else { kept };
        if content.len() < end {
            content.resize(end, 0);
        }
    }
}
