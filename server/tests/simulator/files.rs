//! A client's local files: what its file thread does, in memory and when its time has come. They
//! outlive the client's process, as files do.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use chatshelf_client::session::{FileReply, FileRequest, TransferHandle};
use chatshelf_common::id::UploadKey;
use chatshelf_common::wire::frame::Item;

use super::rng::Rng;

/// The file thread of one process.
#[derive(Default)]
pub(crate) struct FileThread {
    uploads: BTreeMap<TransferHandle, Upload>,
    downloads: BTreeMap<TransferHandle, Download>,
    requests: VecDeque<FileRequest>,
    due_ms: Option<u64>,
}

struct Upload {
    content: Rc<Vec<u8>>,
    key: Rc<std::cell::Cell<UploadKey>>,
    at: usize,
}

#[derive(Default)]
struct Download {
    item: Option<Item>,
    bytes: Vec<u8>,
}

/// What became of a file.
pub(crate) enum Local {
    /// A download has its final place.
    Kept(Item, Vec<u8>),
    /// Part of a download is there, for another process to resume.
    Part(Item, Vec<u8>),
}

impl FileThread {
    /// The content of an upload, and the key by which it is offered.
    pub(crate) fn upload(
        &mut self,
        transfer: TransferHandle,
        content: &Rc<Vec<u8>>,
        key: &Rc<std::cell::Cell<UploadKey>>,
    ) {
        let upload = Upload { content: Rc::clone(content), key: Rc::clone(key), at: 0 };
        self.uploads.insert(transfer, upload);
    }

    /// What is there of a download that is asked for.
    pub(crate) fn download(&mut self, transfer: TransferHandle, bytes: Vec<u8>) {
        self.downloads.insert(transfer, Download { item: None, bytes });
    }

    pub(crate) fn ask(&mut self, request: FileRequest) {
        self.requests.push_back(request);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn due_ms(&mut self, now_ms: u64, rng: &mut Rng) -> Option<u64> {
        if self.due_ms.is_none() && !self.requests.is_empty() {
            let most_ms = rng.pick(&[0, 1, 1, 30]);
            self.due_ms = Some(now_ms + rng.below(most_ms + 1));
        }
        self.due_ms
    }

    /// Does the next piece of work, if it is due.
    pub(crate) fn step(
        &mut self,
        now_ms: u64,
        rng: &mut Rng,
        local: &mut Vec<Local>,
    ) -> Option<FileReply> {
        self.due_ms.take_if(|at| *at <= now_ms)?;
        let request = self.requests.pop_front()?;
        self.serve(request, rng, local)
    }

    fn serve(
        &mut self,
        request: FileRequest,
        rng: &mut Rng,
        local: &mut Vec<Local>,
    ) -> Option<FileReply> {
        match request {
            FileRequest::Begin { transfer, run, offset, digest } => {
                let upload = self.uploads.get_mut(&transfer)?;
                upload.at = offset as usize;
                let begins = blake3::hash(&upload.content[..upload.at]);
                if digest.is_some_and(|digest| digest != begins.into()) {
                    upload.key.set(UploadKey(new_key(rng)));
                    let key = Some(upload.key.get());
                    return Some(FileReply::Differs { transfer, run, key });
                }
                Some(FileReply::Begun { transfer, run })
            }
            FileRequest::Read { transfer, offset, length, mut buffer } => {
                let upload = self.uploads.get_mut(&transfer)?;
                assert_eq!(offset, upload.at as u64, "an upload is read in order");
                let end = upload.at + length;
                buffer.extend_from_slice(&upload.content[upload.at..end]);
                upload.at = end;
                Some(FileReply::Block { transfer, block: buffer })
            }
            FileRequest::Create { transfer, item, held } => {
                let download = self.downloads.entry(transfer).or_default();
                download.item = Some(item);
                download.bytes.truncate(held as usize);
                assert_eq!(download.bytes.len() as u64, held, "no more is held than is there");
                None
            }
            FileRequest::Write { transfer, block } => {
                let download = self.downloads.get_mut(&transfer)?;
                download.bytes.extend_from_slice(&block);
                Some(FileReply::Written { transfer, buffer: block })
            }
            FileRequest::Hash { transfer } => self.hash(transfer),
            FileRequest::Keep { transfer } => {
                let Download { item, bytes } = self.downloads.remove(&transfer)?;
                local.push(Local::Kept(item?, bytes));
                Some(FileReply::Kept { transfer })
            }
            FileRequest::Discard { transfer } => {
                self.uploads.remove(&transfer);
                self.downloads.remove(&transfer);
                None
            }
            FileRequest::Suspend { transfer } => {
                self.uploads.remove(&transfer);
                local.extend(self.downloads.remove(&transfer).and_then(Download::into_part));
                None
            }
        }
    }

    fn hash(&self, transfer: TransferHandle) -> Option<FileReply> {
        let bytes = match (self.uploads.get(&transfer), self.downloads.get(&transfer)) {
            (Some(upload), _) => {
                assert_eq!(upload.at, upload.content.len(), "all is read before it is hashed");
                &upload.content[..]
            }
            (None, Some(download)) => &download.bytes[..],
            (None, None) => return None,
        };
        Some(FileReply::Hashed { transfer, digest: blake3::hash(bytes).into() })
    }

    /// The process is killed; parts of downloads stay.
    pub(crate) fn kill(self) -> Vec<Local> {
        self.downloads.into_values().filter_map(Download::into_part).collect()
    }
}

impl Download {
    fn into_part(self) -> Option<Local> {
        let Self { item, bytes } = self;
        item.filter(|_| !bytes.is_empty()).map(|item| Local::Part(item, bytes))
    }
}

/// A key for an upload.
pub(crate) fn new_key(rng: &mut Rng) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&rng.bytes(16));
    key
}
