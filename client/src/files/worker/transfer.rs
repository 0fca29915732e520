//! One transfer in the file thread: its open file, and the requests that wait while everything
//! before an offset is hashed. Knows no other transfer.

use std::collections::VecDeque;

use chatshelf_common::id::Digest;

use crate::files::FileError;
use crate::files::open_file::{Part, Source};
use crate::session::{FileReply, FileRequest, TransferHandle};

/// Bytes hashed before the next request is looked at.
const SLICE_BYTES: u64 = 2 * 1024 * 1024;

/// The file of a transfer.
pub(super) enum Content {
    Upload(Source),
    Download(Part),
}

/// What follows when everything before an offset is hashed.
pub(super) enum Then {
    /// Nothing but what has waited.
    Serve,
    /// The beginning of this run of an upload is compared with a digest, if there is one.
    Compare { run: u32, expected: Option<Digest> },
    /// What was read again of an upload must have the digest `read`: that proves it to be one state
    /// of the file, whose digest is `whole`.
    Prove { read: Digest, whole: Digest },
}

/// The hashing of everything before an offset.
struct Rehash {
    at: u64,
    to: u64,
    then: Then,
}

/// A transfer whose file is open.
pub(super) struct Transfer {
    content: Content,
    rehash: Option<Rehash>,
    /// Requests that wait for the end of the rehash.
    waiting: VecDeque<FileRequest>,
    /// The file has changed: requests mean nothing until the upload starts over.
    is_outdated: bool,
    /// How often it has changed.
    restarts: u32,
}

impl Transfer {
    pub(super) fn new(content: Content) -> Self {
        let waiting = VecDeque::new();
        Self { content, rehash: None, waiting, is_outdated: false, restarts: 0 }
    }

    /// The upload of a file that has changed so often, opened again. Requests that were made of the
    /// file as it was are still to come.
    pub(super) fn restarted(source: Source, restarts: u32) -> Self {
        Self { is_outdated: true, restarts, ..Self::new(Content::Upload(source)) }
    }

    pub(super) fn into_content(self) -> Content {
        self.content
    }

    /// The file of an upload.
    pub(super) fn source_mut(&mut self) -> Option<&mut Source> {
        match &mut self.content {
            Content::Upload(source) => Some(source),
            Content::Download(_) => None,
        }
    }

    pub(super) fn is_upload(&self) -> bool {
        matches!(self.content, Content::Upload(_))
    }

    pub(super) fn is_rehashing(&self) -> bool {
        self.rehash.is_some()
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The file has changed: forgets what was asked of it. Returns how often that has happened.
    pub(super) fn handle_change(&mut self) -> u32 {
        self.rehash = None;
        self.waiting.clear();
        self.is_outdated = true;
        self.restarts += 1;
        self.restarts
    }

    /// Goes back to the start of an upload, and takes requests again.
    pub(super) fn start_over(&mut self) -> Result<(), FileError> {
        self.is_outdated = false;
        self.source_mut().ok_or_else(FileError::unsupported)?.begin()
    }

    /// Begins to hash what is before `to`, from the start, where the file is now.
    pub(super) fn begin_rehash(&mut self, to: u64, then: Then) {
        self.rehash = Some(Rehash { at: 0, to, then });
    }

    /// Hashes the next slice; true when everything before the offset is hashed.
    pub(super) fn hash_slice(&mut self) -> Result<bool, FileError> {
        let Some(rehash) = &mut self.rehash else { return Ok(true) };
        debug_assert!(rehash.at <= rehash.to);
        let length = (rehash.to - rehash.at).min(SLICE_BYTES);
        let mut buffer = Vec::new();
        match &mut self.content {
            // The digest tells whether it has changed.
            Content::Upload(source) if matches!(rehash.then, Then::Prove { .. }) => {
                source.read_again(length as usize, &mut buffer)?;
            }
            Content::Upload(source) => source.read(length as usize, &mut buffer)?,
            Content::Download(part) => part.read(length as usize, &mut buffer)?,
        }
        rehash.at += length;
        Ok(rehash.at == rehash.to)
    }

    /// The rehash is done: what follows.
    pub(super) fn end_rehash(&mut self) -> Option<Then> {
        let rehash = self.rehash.take()?;
        debug_assert!(rehash.at == rehash.to);
        Some(rehash.then)
    }

    pub(super) fn take_waiting(&mut self) -> VecDeque<FileRequest> {
        std::mem::take(&mut self.waiting)
    }

    /// The request, if it can be served now; else it waits, or means nothing any more.
    pub(super) fn admit(&mut self, request: FileRequest) -> Option<FileRequest> {
        if self.is_outdated {
            return None;
        }
        if self.is_rehashing() {
            self.waiting.push_back(request);
            return None;
        }
        Some(request)
    }

    /// Answers a request. `None` when it asks for the digest of an upload: that must be proved
    /// first.
    pub(super) fn serve(
        &mut self,
        transfer: TransferHandle,
        request: FileRequest,
    ) -> Result<Option<FileReply>, FileError> {
        debug_assert!(!self.is_rehashing() && !self.is_outdated);
        match (&mut self.content, request) {
            (Content::Upload(source), FileRequest::Read { length, mut buffer, .. }) => {
                source.read(length, &mut buffer)?;
                Ok(Some(FileReply::Block { transfer, block: buffer }))
            }
            (Content::Upload(source), FileRequest::Hash { .. }) => {
                source.expect_end()?;
                Ok(None)
            }
            (Content::Download(part), FileRequest::Write { block, .. }) => {
                part.write(&block)?;
                Ok(Some(FileReply::Written { transfer, buffer: block }))
            }
            (Content::Download(part), FileRequest::Hash { .. }) => {
                Ok(Some(FileReply::Hashed { transfer, digest: part.digest() }))
            }
            _ => Err(FileError::unsupported()),
        }
    }
}
