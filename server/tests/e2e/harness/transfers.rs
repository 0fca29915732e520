//! A peer's uploads and downloads.

use std::io;

use chatshelf_common::id::{Digest, ItemId, TransferId, UploadKey};
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::ServerFrame;
use chatshelf_common::wire::frame::{
    Cancel, DownloadReady, DownloadRequest, Item, Refused, UploadDone, UploadOffer, UploadReady,
};

use super::bytes;
use super::peer::Peer;

/// What has come of a download. Its bytes are hashed, not kept.
pub(crate) struct Fetch {
    pub(crate) item: Item,
    next: u64,
    hasher: blake3::Hasher,
    has_ended: bool,
}

impl Fetch {
    pub(super) fn new(ready: &DownloadReady) -> Self {
        let (item, next) = (ready.item.clone(), ready.offset);
        Self { item, next, hasher: blake3::Hasher::new(), has_ended: false }
    }

    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) {
        assert!(!self.has_ended, "data of a download that was refused or cancelled");
        assert_eq!(offset, self.next, "data comes in order");
        self.next += bytes.len() as u64;
        assert!(self.next <= self.item.size, "no more data than the item has");
        self.hasher.update(bytes);
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.next == self.item.size
    }

    /// Digest of the bytes that came.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }
}

/// Digest of a whole content.
pub(crate) fn digest(content: &[u8]) -> Digest {
    blake3::hash(content).into()
}

impl Peer {
    pub(crate) fn next_transfer(&mut self) -> TransferId {
        let transfer = TransferId(self.last_transfer + 1);
        self.last_transfer = transfer.0;
        transfer
    }

    pub(crate) fn try_offer(&mut self, name: &str, size: u64) -> io::Result<TransferId> {
        let transfer = self.next_transfer();
        let name = FileName::new(name).expect("a file name");
        self.try_send(&UploadOffer::new(transfer, name, size)).map(|()| transfer)
    }

    /// Offers a file, without waiting for the answer.
    #[track_caller]
    pub(crate) fn offer(&mut self, name: &str, size: u64) -> TransferId {
        self.try_offer(name, size).expect("the server reads")
    }

    /// Offers a file that can be gone on with by `key`.
    pub(crate) fn try_offer_keyed(
        &mut self,
        key: UploadKey,
        name: FileName,
        size: u64,
    ) -> io::Result<TransferId> {
        let transfer = self.next_transfer();
        let offer = UploadOffer { key: Some(key), ..UploadOffer::new(transfer, name, size) };
        self.try_send(&offer).map(|()| transfer)
    }

    /// Waits for the answer to an offer.
    pub(crate) fn try_ready(
        &mut self,
        transfer: TransferId,
    ) -> io::Result<Result<UploadReady, Refused>> {
        self.try_frame(|frame| match frame {
            ServerFrame::UploadReady(ready) if ready.transfer == transfer => {
                assert_eq!(ready.offset > 0, ready.digest.is_some(), "{ready:?}");
                Some(Ok(ready.clone()))
            }
            frame => refusal_of(transfer, frame).map(Err),
        })
    }

    /// Waits until an upload may begin, at the file's beginning.
    #[track_caller]
    pub(crate) fn ready(&mut self, transfer: TransferId) {
        let answer = self.try_ready(transfer).expect("an answer");
        assert_eq!(answer.expect("the upload may begin").offset, 0);
    }

    /// Sends a stretch of a file, which begins at `offset`.
    pub(crate) fn try_data(&mut self, of: TransferId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let most = DATA_BYTES_MAX as usize;
        bytes.chunks(most).enumerate().try_for_each(|(index, piece)| {
            self.try_send_bytes(&bytes::data(of.0, offset + (index * most) as u64, piece))
        })
    }

    #[track_caller]
    pub(crate) fn data(&mut self, of: TransferId, offset: u64, bytes: &[u8]) {
        self.try_data(of, offset, bytes).expect("the server reads");
    }

    #[track_caller]
    pub(crate) fn done(&mut self, transfer: TransferId, digest: Digest) {
        self.send(&UploadDone { transfer, digest });
    }

    /// Waits until an upload is on the shelf, or refused.
    pub(crate) fn try_stored(
        &mut self,
        transfer: TransferId,
    ) -> io::Result<Result<ItemId, Refused>> {
        self.try_frame(|frame| match frame {
            ServerFrame::UploadStored(stored) if stored.transfer == transfer => {
                Some(Ok(stored.item))
            }
            frame => refusal_of(transfer, frame).map(Err),
        })
    }

    #[track_caller]
    pub(crate) fn stored(&mut self, transfer: TransferId) -> Result<ItemId, Refused> {
        self.try_stored(transfer).expect("an answer")
    }

    /// Sends a whole file, up to its `UploadDone`.
    pub(crate) fn try_send_file(
        &mut self,
        name: &str,
        content: &[u8],
    ) -> io::Result<Result<TransferId, Refused>> {
        let transfer = self.try_offer(name, content.len() as u64)?;
        if let Err(refused) = self.try_ready(transfer)? {
            return Ok(Err(refused));
        }
        self.try_data(transfer, 0, content)?;
        self.try_send(&UploadDone { transfer, digest: digest(content) })?;
        Ok(Ok(transfer))
    }

    pub(crate) fn try_upload(
        &mut self,
        name: &str,
        content: &[u8],
    ) -> io::Result<Result<ItemId, Refused>> {
        match self.try_send_file(name, content)? {
            Ok(transfer) => self.try_stored(transfer),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Puts a file on the shelf.
    #[track_caller]
    pub(crate) fn upload(&mut self, name: &str, content: &[u8]) -> ItemId {
        self.try_upload(name, content).expect("an answer").expect("the file is taken")
    }

    pub(crate) fn try_request(
        &mut self,
        item: ItemId,
        offset: Option<u64>,
    ) -> io::Result<TransferId> {
        let transfer = self.next_transfer();
        self.try_send(&DownloadRequest { transfer, item, offset }).map(|()| transfer)
    }

    /// Asks for an item, without waiting for the answer.
    #[track_caller]
    pub(crate) fn request(&mut self, item: ItemId, offset: Option<u64>) -> TransferId {
        self.try_request(item, offset).expect("the server reads")
    }

    pub(crate) fn try_download_ready(
        &mut self,
        transfer: TransferId,
    ) -> io::Result<Result<Item, Refused>> {
        self.try_frame(|frame| match frame {
            ServerFrame::DownloadReady(ready) if ready.transfer == transfer => {
                Some(Ok(ready.item.clone()))
            }
            frame => refusal_of(transfer, frame).map(Err),
        })
    }

    /// Waits until a download is accepted, or refused.
    #[track_caller]
    pub(crate) fn download_ready(&mut self, transfer: TransferId) -> Result<Item, Refused> {
        self.try_download_ready(transfer).expect("an answer")
    }

    pub(crate) fn try_fetched(&mut self, transfer: TransferId) -> io::Result<Digest> {
        self.try_until(|peer| peer.fetch(transfer).is_some_and(|it| it.is_complete()))?;
        Ok(self.fetch(transfer).expect("it was accepted").digest())
    }

    /// Reads until all of an accepted download has come; answers the digest of what came.
    #[track_caller]
    pub(crate) fn fetched(&mut self, transfer: TransferId) -> Digest {
        self.try_fetched(transfer).expect("the rest of the download")
    }

    /// Downloads a whole item and checks it against its digest.
    #[track_caller]
    pub(crate) fn download(&mut self, item: ItemId) -> Item {
        let transfer = self.request(item, None);
        let item = self.download_ready(transfer).expect("it is on the shelf");
        assert_eq!(self.fetched(transfer), item.digest, "{item:?}");
        item
    }

    #[track_caller]
    pub(crate) fn cancel(&mut self, transfer: TransferId) {
        self.send(&Cancel { transfer });
    }
}

fn refusal_of(transfer: TransferId, frame: &ServerFrame) -> Option<Refused> {
    match frame {
        ServerFrame::Refused(refused) if refused.transfer == Some(transfer) => {
            Some(refused.clone())
        }
        _ => None,
    }
}
