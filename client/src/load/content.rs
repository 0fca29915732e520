//! File content that is made and checked in memory, so that the test's own disk is not measured.

use std::collections::HashMap;

use crate::session::{BLOCK_BYTES, FileReply, FileRequest, TransferHandle};

/// Length of the pattern that all content repeats; not a multiple of a block, so that a misplaced
/// block is noticed.
const PATTERN_BYTES: usize = (1 << 20) + 7;

/// The bytes that every file is cut from.
#[derive(Debug)]
pub(super) struct Pattern {
    bytes: Vec<u8>,
}

/// Keeps the files of one member's transfers.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    files: HashMap<TransferHandle, File>,
}

#[derive(Debug)]
struct File {
    /// Where in the pattern the file begins.
    start: u64,
    offset: u64,
    hasher: blake3::Hasher,
}

impl Pattern {
    pub(super) fn new() -> Self {
        let mut bytes = vec![0; PATTERN_BYTES + BLOCK_BYTES];
        let (cycle, rest) = bytes.split_at_mut(PATTERN_BYTES);
        blake3::Hasher::new().finalize_xof().fill(cycle);
        rest.copy_from_slice(&cycle[..BLOCK_BYTES]);
        Self { bytes }
    }

    /// Up to [`BLOCK_BYTES`] bytes of the file that begins at `start`, from `offset` on.
    fn at(&self, start: u64, offset: u64, length: usize) -> &[u8] {
        let from = ((start + offset) % PATTERN_BYTES as u64) as usize;
        &self.bytes[from..from + length]
    }
}

/// Where in the pattern the file of this name begins: names contain a number.
fn start_of(name: &str) -> u64 {
    name.chars()
        .filter_map(|c| c.to_digit(10))
        .fold(0, |number, digit| number * 10 + u64::from(digit))
        * 4099
}

/// The name of the load test's file number `number`.
pub(super) fn file_name(number: usize) -> String {
    format!("load-{number}.bin")
}

impl Keeper {
    /// Prepares the content of a transfer.
    pub(super) fn begin(&mut self, transfer: TransferHandle, name: &str) {
        let file = File { start: start_of(name), offset: 0, hasher: blake3::Hasher::new() };
        self.files.insert(transfer, file);
    }

    /// Serves a session's request. A byte that arrives changed fails the download.
    pub(super) fn handle(&mut self, pattern: &Pattern, request: FileRequest) -> Option<FileReply> {
        let unknown = |transfer| FileReply::Failed { transfer, why: "no such file".into() };
        match request {
            // Nothing is resumed here.
            FileRequest::Begin { transfer, run, .. } => Some(FileReply::Begun { transfer, run }),
            FileRequest::Read { transfer, offset, length, mut buffer } => {
                let Some(file) = self.files.get_mut(&transfer) else {
                    return Some(unknown(transfer));
                };
                buffer.extend_from_slice(pattern.at(file.start, offset, length));
                file.hasher.update(&buffer);
                Some(FileReply::Block { transfer, block: buffer })
            }
            FileRequest::Create { transfer, item, .. } => {
                self.begin(transfer, item.name.as_str());
                None
            }
            FileRequest::Write { transfer, block: mut buffer } => {
                let Some(file) = self.files.get_mut(&transfer) else {
                    return Some(unknown(transfer));
                };
                if buffer != pattern.at(file.start, file.offset, buffer.len()) {
                    let why =
                        format!("the bytes from {} on are not those that were sent", file.offset);
                    return Some(FileReply::Failed { transfer, why });
                }
                file.hasher.update(&buffer);
                file.offset += buffer.len() as u64;
                buffer.clear();
                Some(FileReply::Written { transfer, buffer })
            }
            FileRequest::Hash { transfer } => Some(match self.files.get(&transfer) {
                Some(file) => FileReply::Hashed { transfer, digest: file.hasher.finalize().into() },
                None => unknown(transfer),
            }),
            FileRequest::Keep { transfer } => {
                self.files.remove(&transfer);
                Some(FileReply::Kept { transfer })
            }
            FileRequest::Discard { transfer } | FileRequest::Suspend { transfer } => {
                self.files.remove(&transfer);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misplaced_byte_fails_the_download() {
        let (pattern, mut keeper) = (Pattern::new(), Keeper::default());
        let transfer = TransferHandle(1);
        keeper.begin(transfer, "load-3.bin");
        let good = pattern.at(start_of("load-3.bin"), 0, 1000).to_vec();
        let mut bad = pattern.at(start_of("load-3.bin"), 1000, 1000).to_vec();
        bad.swap(10, 500);
        let reply = keeper.handle(&pattern, FileRequest::Write { transfer, block: good });
        assert!(matches!(reply, Some(FileReply::Written { .. })));
        let reply = keeper.handle(&pattern, FileRequest::Write { transfer, block: bad });
        assert!(matches!(reply, Some(FileReply::Failed { .. })));
    }

    #[test]
    fn files_differ_and_continue_across_the_end_of_the_pattern() {
        let pattern = Pattern::new();
        assert_ne!(
            pattern.at(start_of("load-1.bin"), 0, 64),
            pattern.at(start_of("load-2.bin"), 0, 64)
        );
        let end = PATTERN_BYTES as u64 - 5;
        let joined = [pattern.at(0, end, 5), pattern.at(0, 0, 5)].concat();
        assert_eq!(pattern.at(0, end, 10), joined);
    }
}
