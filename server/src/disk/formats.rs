//! The formats of the files in a data directory, checked before anything in it is changed: what a
//! later version has written is not damage, and must neither be set aside nor removed.
//!
//! ```text
//! DATA/chatshelf.format       the format of the directory as a whole (`mark.rs`)
//! bans                        "csb", then a number: 1 (`bans.rs`)
//! meta files                  "csi" or "csu", then a number: 1 (`store/meta.rs`)
//! segments of the journal     in format 1 they begin with a record, whose first byte is 00 or 80;
//!                             later ones with "csj", a number, and the CRC-32 of these four bytes
//! ```
//!
//! A later format keeps the magic, the number and the seal of meta files, and raises the number of
//! the directory. The numbers of single files count where the mark is missing: in a backup that was
//! put back without it.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::bans::{self, BANS};
use super::files::Files;
use super::{journal, store};

/// What begins a segment of a later format, before its number.
const SEGMENT_MAGIC: [u8; 3] = *b"csj";

/// Bytes of that with the number and the checksum.
const SEGMENT_HEAD_BYTES: usize = 8;

/// Checks that no later version has written any of the files. Changes nothing; what cannot be read
/// is left to those who need it.
///
/// # Errors
/// The first file in a later format, and what to do.
pub(super) fn check<F: Files>(files: &F, data_dir: &Path) -> io::Result<()> {
    for folder in ["shelf", "uploads"] {
        for dir in files.list(&data_dir.join(folder)).unwrap_or_default() {
            if let Some(format) = store::newer_format(files, &dir) {
                return Err(newer(data_dir, &dir.join("meta"), format));
            }
        }
    }
    let bans = data_dir.join(BANS);
    if let Some(format) = bans::newer_format(files, &bans) {
        return Err(newer(data_dir, &bans, format));
    }
    let segments = files.list(&data_dir.join("log")).unwrap_or_default();
    for segment in segments.iter().filter(|path| journal::is_segment(path)) {
        if let Some(format) = segment_format(files, segment) {
            return Err(newer(data_dir, segment, format));
        }
    }
    Ok(())
}

/// The number of a segment's format, if that is a later one.
fn segment_format(files: &impl Files, segment: &Path) -> Option<u8> {
    let mut head = [0; SEGMENT_HEAD_BYTES];
    files.open(segment).ok()?.read_exact(&mut head).ok()?;
    let (name, checksum) = head.split_at(SEGMENT_MAGIC.len() + 1);
    let is_head =
        name.starts_with(&SEGMENT_MAGIC) && checksum == crc32fast::hash(name).to_be_bytes();
    is_head.then(|| name[SEGMENT_MAGIC.len()])
}

fn newer(data_dir: &Path, file: &Path, format: u8) -> io::Error {
    let name = file.strip_prefix(data_dir).unwrap_or(file).display();
    let this = env!("CARGO_PKG_VERSION");
    let why = format!(
        "a newer chatshelf-server has written its file {name}, in format {format}, and this is \
         {this}, which reads format 1; run the newer one, or restore a backup from before the \
         upgrade"
    );
    io::Error::new(ErrorKind::Unsupported, why)
}
