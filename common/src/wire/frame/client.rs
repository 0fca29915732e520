//! What clients send (PROTOCOL.md, "Frame types").

use std::net::Ipv6Addr;

use super::{Action, Frame, MAGIC, Marker, Style};
use crate::id::{
    BanId, Digest, ItemId, MessageId, Mode, ResumeToken, Seq, TransferId, UnixMillis, UploadKey,
};
use crate::password::Password;
use crate::text::{FileName, Message, Nick, Note, Topic};

frames! {
    /// What a client may send, other than data frames.
    ///
    /// A client encodes one of the structs, or the enum, which is made `from` any of them:
    ///
    /// ```
    /// use chatshelf_common::wire::frame::{ClientFrame, Frame, Leave, Ping};
    ///
    /// let mut out = Ping {}.to_bytes();
    /// ClientFrame::from(Leave {}).encode(&mut out);
    /// assert_eq!(out, [0x30, 0, 0, 0, 0, 0, 0x07, 0, 0, 0, 0, 0]);
    /// ```
    ClientFrame {
        /// The first frame: which versions the client speaks.
        0x01 Hello {
            /// [`MAGIC`].
            req MAGIC magic: [u8; 4],
            /// Lowest version the client speaks.
            req VERSION_MIN version_min: u16,
            /// Highest version the client speaks.
            req VERSION_MAX version_max: u16,
            /// Bits for extensions the client understands, such as [`super::CAPABILITY_STATS`].
            opt CAPABILITIES capabilities: u32,
            /// Name and version of the program.
            opt SOFTWARE software: Note,
        }
        /// Asks for a nick and enters the room.
        0x02 Join {
            /// The nick asked for.
            req NICK nick: Nick,
            /// Lines of history to send: 0 for none, [`crate::limits::HISTORY_ALL`] for all;
            /// without it the server decides.
            opt HISTORY history: u32,
            /// The newest event the client has, from an earlier connection: the server sends what
            /// came after it, whatever `history` says.
            opt SINCE since: Seq,
            /// The server's time of the event `since`, by which the server recognises it.
            opt AT since_at: UnixMillis,
            /// From the `Welcome` of the membership to resume.
            opt RESUME resume: ResumeToken,
            /// Clients need not show that this member joins and leaves.
            opt QUIET quiet: Marker,
            /// The room's password.
            opt PASSWORD password: Password,
        }
        /// A message to everyone.
        0x03 Say {
            /// Chosen by the client; the echo carries it.
            req MESSAGE_ID id: MessageId,
            /// The message.
            req TEXT text: Message,
            /// How it is meant; absent is [`Style::SPEECH`].
            opt STYLE style: Style,
            /// It may have been said before: if the log has it, the server refuses it.
            opt REPEAT repeat: Marker,
        }
        /// A message to one member.
        0x04 Tell {
            /// Chosen by the client; the receipt carries it.
            req MESSAGE_ID id: MessageId,
            /// The receiver.
            req TO to: Nick,
            /// The message.
            req TEXT text: Message,
        }
        /// Asks for another nick.
        0x05 Rename {
            /// The nick asked for.
            req NICK nick: Nick,
        }
        /// Sets the topic, or clears it when absent.
        0x06 SetTopic {
            /// The topic.
            opt TOPIC topic: Topic,
        }
        /// Leaves; the server answers `Goodbye`.
        0x07 Leave {}
        /// Asks what the server has done; the answer is `Stats`.
        0x08 StatsRequest (skippable) {}
        /// Asks to be an operator; the answer is the event `Moderated`.
        0x09 Op (skippable) {
            /// The operators' password.
            req PASSWORD password: Password,
        }
        /// What an operator wants done; the answer is the event `Moderated`.
        0x0A Moderate (skippable) {
            /// What; the other fields depend on it.
            req ACTION action: Action,
            /// The nick to kick or ban.
            opt TO to: Nick,
            /// The address to ban.
            opt ADDRESS address: Ipv6Addr,
            /// The line to redact.
            opt LINE line: Seq,
            /// The ban to end.
            opt BAN ban: BanId,
            /// How long the ban lasts; for ever if absent.
            opt SECONDS seconds: u32,
            /// Why, for those it concerns.
            opt REASON reason: Note,
        }
        /// Asks for the bans; the answer is `Bans`.
        0x0B BansRequest (skippable) {}
        /// Offers a file for the shelf.
        0x10 UploadOffer {
            /// The client's number for the transfer.
            req TRANSFER transfer: TransferId,
            /// The file's name.
            req NAME name: FileName,
            /// The file's size in bytes.
            req SIZE size: u64,
            /// Under which an interrupted upload can be resumed.
            opt UPLOAD_KEY key: UploadKey,
            /// The file's permission bits on the sender's machine.
            opt MODE mode: Mode,
            /// When the file was last changed, by the sender's clock.
            opt MODIFIED modified: UnixMillis,
        }
        /// Ends an upload: all its bytes are sent.
        0x11 UploadDone {
            /// Which.
            req TRANSFER transfer: TransferId,
            /// BLAKE3 of the whole file.
            req DIGEST digest: Digest,
        }
        /// Asks for a file from the shelf.
        0x12 DownloadRequest {
            /// The client's number for the transfer.
            req TRANSFER transfer: TransferId,
            /// Which item.
            req ITEM item: ItemId,
            /// The first byte to send; 0 if absent.
            opt OFFSET offset: u64,
        }
        /// Ends a transfer early.
        0x13 Cancel {
            /// Which.
            req TRANSFER transfer: TransferId,
        }
        /// Takes an item off the shelf; the answer is the event `Dropped`.
        0x14 Drop {
            /// Which.
            req ITEM item: ItemId,
            /// The key it was uploaded with, which proves whose it is.
            opt UPLOAD_KEY key: UploadKey,
        }
        /// Asks for a `Pong`.
        0x30 Ping {}
        /// Answers a `Ping`.
        0x31 Pong {}
    }
}

impl Hello {
    /// From a client that speaks these versions and does not name its program.
    ///
    /// ```
    /// use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
    /// use chatshelf_common::text::Note;
    /// use chatshelf_common::wire::frame::Hello;
    ///
    /// let software = Some(Note::new("timebot 1.0")?);
    /// let hello = Hello { software, ..Hello::new(VERSION_MIN, VERSION_MAX) };
    /// # Ok::<(), chatshelf_common::text::TextError>(())
    /// ```
    #[must_use]
    pub fn new(version_min: u16, version_max: u16) -> Self {
        Self { magic: MAGIC, version_min, version_max, capabilities: None, software: None }
    }
}

impl Join {
    /// From someone who has not been here before.
    #[must_use]
    pub fn new(nick: Nick, history: Option<u32>) -> Self {
        Self {
            nick,
            history,
            since: None,
            since_at: None,
            resume: None,
            quiet: None,
            password: None,
        }
    }
}

impl Moderate {
    /// An action that needs no more fields.
    #[must_use]
    pub fn new(action: Action) -> Self {
        let (to, address, line, ban) = (None, None, None, None);
        Self { action, to, address, line, ban, seconds: None, reason: None }
    }
}

impl Say {
    /// A message that is said for the first time.
    #[must_use]
    pub fn new(id: MessageId, text: Message, style: Option<Style>) -> Self {
        Self { id, text, style, repeat: None }
    }
}

impl UploadOffer {
    /// An upload that cannot be resumed, of a file whose attributes are unknown.
    #[must_use]
    pub fn new(transfer: TransferId, name: FileName, size: u64) -> Self {
        Self { transfer, name, size, key: None, mode: None, modified: None }
    }
}
