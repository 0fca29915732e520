//! Redaction on disk: the record of a line is overwritten where it is.
//!
//! A crash in the middle leaves a record that is not whole, and so a line that is forgotten, which
//! is what was wanted of it anyway. A crash before leaves the line; the event that says that it is
//! redacted makes up for it at the next start.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

use chatshelf_common::id::Seq;
use chatshelf_common::wire::{Event, Frame};

use super::record::redacted_by;
use super::{Journal, record};
use crate::disk::files::{Files, StoredFile};
use crate::room::redaction::redact;

impl<F: Files> Journal<F> {
    /// Redacts lines, as far as they are in the journal, durably. What fails is logged.
    pub(super) fn redact(&self, lines: &[Seq]) {
        for line in lines {
            if let Err(why) = self.redact_line(*line) {
                log::error!("line {line} is still on disk, and the next start redacts it: {why}");
            }
        }
    }

    fn redact_line(&self, line: Seq) -> io::Result<()> {
        for path in self.segments()?.iter().rev() {
            let mut file = self.files.edit(path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let Some((at, record)) = record::redacted(&bytes, line) else { continue };
            file.seek(SeekFrom::Start(at as u64))?;
            file.write_all(&record)?;
            file.sync()?;
        }
        Ok(())
    }

    /// Redacts the lines that an earlier run was asked to redact and did not get to.
    pub(super) fn redact_again(&self, events: &[Event]) {
        let wanted: HashSet<Seq> = events.iter().filter_map(redacted_by).collect();
        let left = events.iter().filter_map(|event| match event {
            Event::Said(said) if wanted.contains(&said.seq) => {
                redact(&mut said.to_bytes()).then_some(said.seq)
            }
            _ => None,
        });
        self.redact(&left.collect::<Vec<_>>());
    }
}
