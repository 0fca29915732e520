//! A peer's uploads and downloads.

use std::io;

use chatshelf_common::id::{Digest, ItemId, TransferId, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::ServerFrame;
use chatshelf_common::wire::frame::{
    Cancel, DownloadRequest, Item, Refused, UploadDone, UploadOffer, UploadReady,
};

use super::Peer;
use crate::inbox::Download;
use crate::raw;
use crate::samples::{digest, file_name};

impl Peer {
    /// A number for the next transfer.
    pub fn next_transfer(&mut self) -> TransferId {
        self.last_transfer.0 += 1;
        self.last_transfer
    }

    /// The number of the newest transfer.
    pub fn last_transfer(&self) -> TransferId {
        self.last_transfer
    }

    /// Offers a file, without waiting for the answer.
    ///
    /// # Errors
    /// When the connection has ended.
    fn try_offer(&mut self, name: &str, size: u64) -> io::Result<TransferId> {
        let transfer = self.next_transfer();
        self.try_send(&UploadOffer::new(transfer, file_name(name), size)).map(|()| transfer)
    }

    /// Offers a file, without waiting for the answer.
    #[track_caller]
    pub fn offer(&mut self, name: &str, size: u64) -> TransferId {
        self.try_offer(name, size).expect("the server reads")
    }

    /// Offers a file whose upload can be resumed by `key`.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_offer_keyed(
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
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_ready(&mut self, transfer: TransferId) -> io::Result<Result<UploadReady, Refused>> {
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
    pub fn ready(&mut self, transfer: TransferId) {
        let answer = self.try_ready(transfer).expect("an answer");
        assert_eq!(answer.expect("the upload may begin").offset, 0);
    }

    /// Sends a stretch of a file, which begins at `offset`.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_data(&mut self, of: TransferId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut frames = raw::data_frames(of, offset, bytes);
        frames.try_for_each(|frame| self.try_send_bytes(&frame))
    }

    /// Sends bytes of a file, from `offset` on.
    #[track_caller]
    pub fn data(&mut self, of: TransferId, offset: u64, bytes: &[u8]) {
        self.try_data(of, offset, bytes).expect("the server reads");
    }

    /// Says that a whole file is sent.
    #[track_caller]
    pub fn done(&mut self, transfer: TransferId, digest: Digest) {
        self.send(&UploadDone { transfer, digest });
    }

    /// Waits until an upload is on the shelf, or refused.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_stored(&mut self, transfer: TransferId) -> io::Result<Result<ItemId, Refused>> {
        self.try_frame(|frame| match frame {
            ServerFrame::UploadStored(stored) if stored.transfer == transfer => {
                Some(Ok(stored.item))
            }
            frame => refusal_of(transfer, frame).map(Err),
        })
    }

    /// Waits until an upload is on the shelf, or refused.
    #[track_caller]
    pub fn stored(&mut self, transfer: TransferId) -> Result<ItemId, Refused> {
        self.try_stored(transfer).expect("an answer")
    }

    /// Sends a whole file, up to its `UploadDone`.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_send_file(
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

    /// Puts a file on the shelf.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_upload(
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
    pub fn upload(&mut self, name: &str, content: &[u8]) -> ItemId {
        self.try_upload(name, content).expect("an answer").expect("the file is taken")
    }

    /// Asks for an item, without waiting for the answer.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn try_request(&mut self, item: ItemId, offset: Option<u64>) -> io::Result<TransferId> {
        let transfer = self.next_transfer();
        self.try_send(&DownloadRequest { transfer, item, offset }).map(|()| transfer)
    }

    /// Asks for an item, without waiting for the answer.
    #[track_caller]
    pub fn request(&mut self, item: ItemId, offset: Option<u64>) -> TransferId {
        self.try_request(item, offset).expect("the server reads")
    }

    /// Waits until a download is accepted, or refused.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_download_ready(
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
    pub fn download_ready(&mut self, transfer: TransferId) -> Result<Item, Refused> {
        self.try_download_ready(transfer).expect("an answer")
    }

    /// Reads until all of an accepted download has come; answers the digest of what came.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_fetched(&mut self, transfer: TransferId) -> io::Result<Digest> {
        self.try_until(|peer| peer.fetch(transfer).is_some_and(Download::is_complete))?;
        Ok(self.fetch(transfer).expect("it was accepted").digest())
    }

    /// Reads until all of an accepted download has come; answers the digest of what came.
    #[track_caller]
    pub fn fetched(&mut self, transfer: TransferId) -> Digest {
        self.try_fetched(transfer).expect("the rest of the download")
    }

    /// Downloads a whole item and checks it against its digest.
    #[track_caller]
    pub fn download(&mut self, item: ItemId) -> Item {
        let transfer = self.request(item, None);
        let item = self.download_ready(transfer).expect("it is on the shelf");
        assert_eq!(self.fetched(transfer), item.digest, "{item:?}");
        item
    }

    /// Cancels a transfer.
    #[track_caller]
    pub fn cancel(&mut self, transfer: TransferId) {
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
