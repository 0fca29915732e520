//! What a session and its file keeper say to each other about file content: plain types.

use chatshelf_common::id::{Attributes, Digest, UploadKey};
use chatshelf_common::wire::frame::Item;

use super::event::TransferHandle;

/// File bytes in one block, the unit in which a session and its file keeper trade.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks of one transfer that may be on their way between session and file keeper.
pub const BLOCKS_IN_FLIGHT_MAX: u8 = 2;

/// What the session wants done with file content. Requests of one transfer are answered in order.
#[derive(Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// Read the upload from `offset` on, whatever was read of it before; answered by
    /// [`FileReply::Begun`], or [`FileReply::Differs`] when the file's first `offset` bytes have
    /// another digest than `digest`. A later `Begin` of the same upload takes its place: then this
    /// one need not be answered.
    Begin {
        /// Which upload.
        transfer: TransferHandle,
        /// Which of the upload's beginnings this is; comes back with the answer.
        run: u32,
        /// Bytes that the server has already.
        offset: u64,
        /// Of what it has; there when `offset` is not 0.
        digest: Option<Digest>,
    },
    /// Read exactly `length` bytes of the upload at `offset` into `buffer` (which is empty);
    /// answered by [`FileReply::Block`]. The first read after a `Begin` is at its offset, each
    /// further one where the one before ended.
    Read {
        /// Which upload.
        transfer: TransferHandle,
        /// Bytes from the start of the file.
        offset: u64,
        /// Bytes wanted, 1 to [`BLOCK_BYTES`].
        length: usize,
        /// To be filled, for reuse of its memory.
        buffer: Vec<u8>,
    },
    /// A download begins: be ready to keep `item`. What was kept of this download before is
    /// thrown away, except its first `held` bytes. Not answered unless it fails.
    Create {
        /// Which download.
        transfer: TransferHandle,
        /// The item.
        item: Item,
        /// Bytes that were there when the download was asked for; not more than
        /// [`super::Session::download`] was told.
        held: u64,
    },
    /// Append the block to the download; answered by [`FileReply::Written`].
    Write {
        /// Which download.
        transfer: TransferHandle,
        /// The bytes, 1 to [`BLOCK_BYTES`].
        block: Vec<u8>,
    },
    /// Say the digest of the whole file: all that was read or written, with what came before the
    /// beginning; answered by [`FileReply::Hashed`]. For an upload, only if all of it is one state
    /// of the file, and there is no more; else [`FileReply::Changed`].
    Hash {
        /// Which transfer.
        transfer: TransferHandle,
    },
    /// The download is verified: keep it for good; answered by [`FileReply::Kept`].
    Keep {
        /// Which download.
        transfer: TransferHandle,
    },
    /// The transfer is over; forget it and remove what was not kept. Not answered.
    Discard {
        /// Which transfer.
        transfer: TransferHandle,
    },
    /// The transfer is over here, but another session may resume it: close it, and leave what
    /// is needed for that. The session needs no answer.
    Suspend {
        /// Which transfer.
        transfer: TransferHandle,
    },
}

impl FileRequest {
    /// Which transfer it is about.
    #[must_use]
    pub fn transfer(&self) -> TransferHandle {
        match self {
            Self::Begin { transfer, .. }
            | Self::Read { transfer, .. }
            | Self::Create { transfer, .. }
            | Self::Write { transfer, .. }
            | Self::Hash { transfer }
            | Self::Keep { transfer }
            | Self::Discard { transfer }
            | Self::Suspend { transfer } => *transfer,
        }
    }
}

/// The file keeper's answers. One for a transfer that is over is ignored.
#[derive(Debug, PartialEq, Eq)]
pub enum FileReply {
    /// The upload can be read from where it is to begin.
    Begun {
        /// Which upload.
        transfer: TransferHandle,
        /// As asked.
        run: u32,
    },
    /// The file begins otherwise than what the server has: the upload must start over.
    Differs {
        /// Which upload.
        transfer: TransferHandle,
        /// As asked.
        run: u32,
        /// A fresh key to offer it by.
        key: Option<UploadKey>,
    },
    /// The file is not what was offered any more, and was opened again: the upload must start over.
    /// What was asked of it before and not answered never will be.
    Changed {
        /// Which upload.
        transfer: TransferHandle,
        /// Its size in bytes now.
        size: u64,
        /// What the system says of it besides.
        attributes: Attributes,
        /// The key to offer it by.
        key: Option<UploadKey>,
    },
    /// The bytes asked for by [`FileRequest::Read`], all of them.
    Block {
        /// Which upload.
        transfer: TransferHandle,
        /// The bytes.
        block: Vec<u8>,
    },
    /// The block is written.
    Written {
        /// Which download.
        transfer: TransferHandle,
        /// The block's memory, for reuse.
        buffer: Vec<u8>,
    },
    /// The digest of the whole file.
    Hashed {
        /// Which transfer.
        transfer: TransferHandle,
        /// BLAKE3-256.
        digest: Digest,
    },
    /// The download has its final place.
    Kept {
        /// Which download.
        transfer: TransferHandle,
    },
    /// It can't be done; the transfer ends.
    Failed {
        /// Which transfer.
        transfer: TransferHandle,
        /// Why, for people.
        why: String,
    },
}
