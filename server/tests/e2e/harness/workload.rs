//! Members who do one thing over and over, for as long as their server lives and again with the
//! next: they talk, upload, resume uploads, download. Each keeps what it was told, and checks
//! what it finds when it comes back.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatshelf_common::id::{ItemId, MessageId, Seq, UnixMillis, UploadKey};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::frame::{Join, Marker, Refused, Say, UploadDone, Welcome};
use chatshelf_common::wire::{Code, Event, ServerFrame};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::samples::{content, digest, nick};

/// What a member does.
pub(crate) trait Work: Send {
    /// How it joins: under which nick, and from where on.
    fn join(&self) -> Join;

    /// Looks at what it came to.
    fn arrive(&mut self, _peer: &mut Peer, _welcome: &Welcome) -> io::Result<()> {
        Ok(())
    }

    /// Does it once more.
    fn step(&mut self, peer: &mut Peer, told: &mut Told) -> io::Result<()>;

    /// The connection is over, and all that came over it is in.
    fn depart(&mut self, _peer: &Peer, _told: &mut Told) {}
}

/// Someone with a nick, a pause that they make each time, and choices of their own.
pub(crate) struct Member {
    nick: Nick,
    random: Rng,
    pause: Duration,
}

impl Member {
    pub(crate) fn new(name: &str, random: Rng, pause: Duration) -> Self {
        Self { nick: nick(name), random, pause }
    }

    fn join(&self) -> Join {
        Join::new(self.nick.clone(), Some(0))
    }

    fn rest(&self) {
        std::thread::sleep(self.pause);
    }

    /// A name that says which content the file of that name has.
    fn file_name(&mut self, bytes: u64) -> FileName {
        let seed = self.random.next();
        FileName::new(&format!("{seed}-{bytes}")).expect("a file name")
    }
}

/// What a member was told over one connection, and may rely on from then on.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    /// Uploads of its own that are on the shelf.
    pub(crate) stored: Vec<(ItemId, FileName)>,
}

/// One membership, until `is_over` or until the connection ends, and how it ended.
pub(crate) fn membership(
    work: &mut dyn Work,
    address: SocketAddr,
    mut is_over: impl FnMut(&Peer) -> bool,
) -> (Told, io::Result<()>) {
    let mut told = Told::default();
    let (mut peer, welcome) = match Peer::try_join_as(address, &work.join()) {
        Ok(joined) => joined,
        Err(why) => return (told, Err(why)),
    };
    let mut end = work.arrive(&mut peer, &welcome);
    while end.is_ok() && !is_over(&peer) {
        end = work.step(&mut peer, &mut told);
    }
    if end.is_ok() {
        end = peer.try_leave();
    } else {
        // What had been sent before the server ended was shown all the same.
        while peer.read_once().is_ok() {}
    }
    work.depart(&peer, &mut told);
    told.events = peer.into_view().into_events();
    (told, end)
}

/// Says lines, several on their way at once, and says again what it may not have said.
pub(crate) struct Talker {
    member: Member,
    /// Lines on their way at once.
    window: usize,
    next_id: u64,
    /// Lines whose echo has not come, oldest first.
    pending: VecDeque<(MessageId, Message)>,
    /// The newest line whose echo has come.
    heard: Option<(MessageId, Message)>,
    /// The newest event it has seen.
    last: Option<(Seq, UnixMillis)>,
    /// Events of this connection that it has looked at.
    looked_at: usize,
    /// How often it came back and was given exactly what it had missed.
    pub(crate) returns: usize,
}

impl Talker {
    pub(crate) fn new(mut member: Member, window: usize) -> Self {
        // Nobody else's numbers are the same.
        let next_id = member.random.next() >> 1 | 1 << 62;
        Self {
            member,
            window,
            next_id,
            pending: VecDeque::new(),
            heard: None,
            last: None,
            looked_at: 0,
            returns: 0,
        }
    }

    /// True for the number of a line that some talker has said.
    pub(crate) fn is_line(id: MessageId) -> bool {
        id.0 >= 1 << 62
    }

    fn new_line(&mut self) -> (MessageId, Message) {
        self.next_id += 1;
        let Member { nick, random, .. } = &mut self.member;
        let longest = if random.one_in(40) { 6000 } else { 250 };
        let filler = "x".repeat(random.below(longest) as usize);
        let text = format!("{nick} says {} {filler}", self.next_id);
        (MessageId(self.next_id), Message::new(&text).expect("a message"))
    }

    fn take_echoes(&mut self, peer: &Peer) {
        let seen = peer.view().events();
        for event in &seen[self.looked_at..] {
            if let Event::Said(said) = event
                && let Some(place) = self.pending.iter().position(|(id, _)| *id == said.id)
            {
                self.heard = self.pending.remove(place);
            }
        }
        self.looked_at = seen.len();
    }

    /// Says a line again, and answers whether it was said only now.
    fn repeat(peer: &mut Peer, id: MessageId, text: &Message) -> io::Result<bool> {
        let joined = peer.view().joined();
        peer.try_send(&Say { repeat: Some(Marker), ..Say::new(id, text.clone(), None) })?;
        let is_refused = |peer: &Peer| {
            peer.unread().iter().any(|frame| {
                let ServerFrame::Refused(refused) = frame else { return false };
                refused.id == Some(id) && refused.code == Code::ALREADY_SAID
            })
        };
        let is_said = |peer: &Peer| {
            let live = peer.view().events().iter().rev();
            let mut live = live.take_while(|event| event.seq() > joined);
            live.any(|event| matches!(event, Event::Said(said) if said.id == id))
        };
        peer.try_until(|peer| is_refused(peer) || is_said(peer))?;
        Ok(!is_refused(peer))
    }
}

impl Work for Talker {
    fn join(&self) -> Join {
        let (since, since_at) = self.last.unzip();
        Join { since, since_at, ..self.member.join() }
    }

    fn arrive(&mut self, peer: &mut Peer, welcome: &Welcome) -> io::Result<()> {
        self.looked_at = 0;
        let has_history = welcome.from <= welcome.seq;
        peer.try_until(|peer| !has_history || peer.view().newest() >= Some(welcome.seq))?;
        self.take_echoes(peer);
        let Some((since, _)) = self.last else { return Ok(()) };
        assert!(welcome.from > since, "{since} was shown and is lost: {welcome:?}");
        let is_complete = welcome.from == since.next();
        self.returns += usize::from(is_complete);
        for (id, text) in &self.pending {
            let is_new = Self::repeat(peer, *id, text)?;
            assert!(is_new || !is_complete, "{id:?} is in the log and was not shown");
        }
        if let Some((id, text)) = &self.heard
            && is_complete
        {
            assert!(!Self::repeat(peer, *id, text)?, "{id:?} is said twice");
        }
        Ok(())
    }

    fn step(&mut self, peer: &mut Peer, _told: &mut Told) -> io::Result<()> {
        let (id, text) = self.new_line();
        self.pending.push_back((id, text.clone()));
        peer.try_send(&Say::new(id, text, None))?;
        self.take_echoes(peer);
        while self.pending.len() >= self.window {
            peer.read_once()?;
            self.take_echoes(peer);
        }
        self.member.rest();
        Ok(())
    }

    fn depart(&mut self, peer: &Peer, _told: &mut Told) {
        self.take_echoes(peer);
        let newest = peer.view().events().last().map(|event| (event.seq(), event.at()));
        self.last = newest.or(self.last);
    }
}

/// The content that a file of this name must have.
pub(crate) fn content_of(name: &FileName) -> Vec<u8> {
    let (seed, bytes) = name.as_str().split_once('-').expect("a name of ours");
    content(seed.parse().expect("a seed"), bytes.parse().expect("a size"))
}

/// Puts one file after another on the shelf.
pub(crate) struct Uploader {
    member: Member,
    /// The file on its way.
    file: Option<FileName>,
    /// Counts the files whose last bytes are on their way, those of others too.
    publishing: Arc<AtomicUsize>,
}

impl Uploader {
    const SIZES: [u64; 7] = [0, 1, 5_000, 65_536, 262_144, 300_000, 1_500_000];

    pub(crate) fn new(member: Member, publishing: Arc<AtomicUsize>) -> Self {
        Self { member, file: None, publishing }
    }
}

impl Work for Uploader {
    fn join(&self) -> Join {
        self.member.join()
    }

    fn step(&mut self, peer: &mut Peer, told: &mut Told) -> io::Result<()> {
        let bytes = self.member.random.pick(&Self::SIZES);
        let name = self.member.file_name(bytes);
        self.file = Some(name.clone());
        let transfer = peer.try_send_file(name.as_str(), &content_of(&name))?;
        self.publishing.fetch_add(1, Ordering::Relaxed);
        let item = peer.try_stored(transfer.expect("the file is taken"))?;
        self.file = None;
        told.stored.push((item.expect("the file is taken"), name));
        self.member.rest();
        Ok(())
    }

    fn depart(&mut self, peer: &Peer, told: &mut Told) {
        told.stored.extend(stored_at_last(peer).zip(self.file.take()));
    }
}

/// The item that the newest transfer of a connection became, if its `UploadStored` still came.
fn stored_at_last(peer: &Peer) -> Option<ItemId> {
    peer.unread().iter().find_map(|frame| match frame {
        ServerFrame::UploadStored(it) if it.transfer == peer.last_transfer() => Some(it.item),
        _ => None,
    })
}

/// Uploads files so slowly that it is interrupted, and resumes them. It pauses between two pieces
/// of a file.
pub(crate) struct Resumer {
    member: Member,
    file: Option<Unfinished>,
    /// Counts the files whose last bytes are on their way, those of others too.
    publishing: Arc<AtomicUsize>,
    /// How often it went on where it had been interrupted.
    pub(crate) resumed: usize,
    /// How often it was told only when it came back that a file is on the shelf.
    pub(crate) found: usize,
}

struct Unfinished {
    key: UploadKey,
    name: FileName,
    content: Vec<u8>,
    /// Bytes that were ever sent.
    sent: usize,
    /// Bytes from the start that this connection need not send any more.
    next: Option<usize>,
}

impl Resumer {
    /// Size of each of its files.
    pub(crate) const FILE_BYTES: usize = 6_000_000;
    const PIECE_BYTES: usize = 150_000;

    pub(crate) fn new(member: Member, publishing: Arc<AtomicUsize>) -> Self {
        Self { member, file: None, publishing, resumed: 0, found: 0 }
    }

    fn new_file(&mut self) -> Unfinished {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.member.random.next().to_be_bytes());
        let name = self.member.file_name(Self::FILE_BYTES as u64);
        let content = content_of(&name);
        Unfinished { key: UploadKey(key), name, content, sent: 0, next: None }
    }
}

impl Unfinished {
    /// Offers the file, and checks that the server resumes what it was sent: from which byte,
    /// or with which item if all had been there.
    fn offer(&mut self, peer: &mut Peer) -> io::Result<Result<usize, ItemId>> {
        let size = self.content.len();
        let transfer = peer.try_offer_keyed(self.key, self.name.clone(), size as u64)?;
        let answer = peer.try_frame(|frame| match frame {
            ServerFrame::UploadReady(it) if it.transfer == transfer => Some(Ok(it.clone())),
            ServerFrame::UploadStored(it) if it.transfer == transfer => Some(Err(it.item)),
            ServerFrame::Refused(it) if it.transfer == Some(transfer) => panic!("{it:?}"),
            _ => None,
        })?;
        let sent = self.sent;
        let ready = match answer {
            Ok(ready) => ready,
            Err(item) => {
                assert_eq!(sent, size, "item {item} is more than was sent");
                return Ok(Err(item));
            }
        };
        let offset = ready.offset as usize;
        assert!(offset <= sent, "{offset} bytes are there, {sent} were sent");
        let had = (offset > 0).then(|| digest(&self.content[..offset]));
        assert_eq!(ready.digest, had, "the {offset} bytes that are there are not those sent");
        Ok(Ok(offset))
    }

    /// Sends a piece of the file, or what is left of it.
    fn send(&mut self, peer: &mut Peer, from: usize) -> io::Result<()> {
        let end = self.content.len().min(from + Resumer::PIECE_BYTES);
        self.sent = self.sent.max(end);
        self.next = Some(end);
        peer.try_data(peer.last_transfer(), from as u64, &self.content[from..end])
    }
}

impl Work for Resumer {
    fn join(&self) -> Join {
        self.member.join()
    }

    fn step(&mut self, peer: &mut Peer, told: &mut Told) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.new_file());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let next = match file.next {
            Some(next) => Ok(next),
            None => file.offer(peer)?.inspect(|&next| self.resumed += usize::from(next > 0)),
        };
        let item = match next {
            Err(item) => {
                self.found += 1;
                item
            }
            Ok(next) => {
                file.send(peer, next)?;
                if file.next != Some(file.content.len()) {
                    self.member.rest();
                    return Ok(());
                }
                let (transfer, digest) = (peer.last_transfer(), digest(&file.content));
                peer.try_send(&UploadDone { transfer, digest })?;
                self.publishing.fetch_add(1, Ordering::Relaxed);
                peer.try_stored(transfer)?.expect("the file is taken")
            }
        };
        told.stored.extend(self.file.take().map(|file| (item, file.name)));
        Ok(())
    }

    fn depart(&mut self, peer: &Peer, told: &mut Told) {
        if let Some(item) = stored_at_last(peer) {
            told.stored.extend(self.file.take().map(|file| (item, file.name)));
        }
        if let Some(file) = &mut self.file {
            file.next = None;
        }
    }
}

/// Downloads what is on the shelf, from anywhere in it.
pub(crate) struct Reader {
    member: Member,
    pub(crate) downloads: usize,
}

impl Reader {
    pub(crate) fn new(member: Member) -> Self {
        Self { member, downloads: 0 }
    }
}

impl Work for Reader {
    fn join(&self) -> Join {
        self.member.join()
    }

    fn step(&mut self, peer: &mut Peer, _told: &mut Told) -> io::Result<()> {
        let items = &peer.view().state().items;
        if items.is_empty() {
            return peer.read_once();
        }
        let random = &mut self.member.random;
        let item = random.pick(items);
        let from = if random.one_in(2) { 0 } else { random.below(item.size + 1) };
        let transfer = peer.try_request(item.id, Some(from))?;
        match peer.try_download_ready(transfer)? {
            Ok(ready) => {
                assert_eq!(ready, item);
                let rest = digest(&content_of(&item.name)[from as usize..]);
                assert_eq!(peer.try_fetched(transfer)?, rest, "{item:?} from {from} on");
                self.downloads += 1;
            }
            Err(Refused { code, .. }) => assert_eq!(code, Code::ITEM_DROPPED, "{item:?}"),
        }
        self.member.rest();
        Ok(())
    }
}
