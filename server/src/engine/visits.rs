//! Visits: what peers that are not members get when they ask for what is on the shelf. They have
//! the limits of a member's downloads and of connections that have not joined.

use chatshelf_common::id::LinkToken;
use chatshelf_common::rate::Rate;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{DownloadRequest, Refused};

use super::Engine;
use super::connection::Connection;
use super::guesses::Asker;
use super::limits::{RATE_STEP_MS, VISIT_IDLE_MS};
use super::origin::Origin;
use super::phase::Step;
use super::transfer_table::Part;
use super::transfers::key;
use super::transport::Transport;
use super::visitor::{Visit, Wanted};
use crate::disk::{Request, TransferKey};
use crate::passwords::Realm;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Answers a visitor's request, if there is one.
    pub(super) fn serve_visit(&mut self, token: Token) {
        let now_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return };
        let Some(visit) = connection.take_visit(now_ms) else { return };
        let Visit { wanted, password, link } = visit;
        let peer = connection.peer();
        if self.admission.is_door_crowded()
            && let Some(visitor) = connection.visitor()
        {
            visitor.make_last();
        }
        self.connections.arm(token, now_ms + VISIT_IDLE_MS);
        self.connections.mark_dirty(token);
        if self.is_address_banned(peer) {
            return self.refuse_visit(token, Code::BANNED, None);
        }
        let allowances = &self.settings.allowances;
        if let Some(wait_ms) = self.limiter.replies_wait_ms(allowances, peer, now_ms) {
            let limit = allowances.replies.map(Rate::at_once);
            return self.refuse_visit_over(token, Code::TOO_MUCH_SENT, limit, Some(wait_ms));
        }
        match password {
            // The page has to be shown to those who want to join.
            _ if !self.settings.asks_password
                || wanted == Wanted::Page
                || self.opens(link, &wanted) =>
            {
                self.grant(token, wanted);
            }
            None => self.refuse_visit(token, Code::PASSWORD_NEEDED, None),
            Some(password) => {
                let key = (Realm::Room, Origin::from(peer));
                let asker = Asker::Visitor { token, wanted };
                match self.add_guess(key, asker, password) {
                    // The deadline to ask again stands still, as the deadline to join does.
                    Ok(()) => self.await_visit_verdict(token),
                    Err(wait_ms) => {
                        self.refuse_visit(token, Code::TOO_MANY_GUESSES, Some(wait_ms));
                    }
                }
            }
        }
    }

    /// Returns true if this is the token of the item that is wanted.
    fn opens(&self, link: Option<LinkToken>, wanted: &Wanted) -> bool {
        let Wanted::Item(id) = *wanted else { return false };
        link.is_some() && self.room.shelf().find(id).is_ok_and(|item| item.link == link)
    }

    /// Acts on the verdict on a visitor's password.
    pub(super) fn settle_visit(&mut self, token: Token, wanted: Wanted, is_right: bool) {
        if !self.is_visitor(token) {
            return;
        }
        self.note_answered(token);
        self.connections.mark_dirty(token);
        match is_right {
            true => self.grant(token, wanted),
            false => self.refuse_visit(token, Code::PASSWORD_WRONG, None),
        }
    }

    /// Returns true for a connection that has asked for something without being a member's.
    pub(super) fn is_visitor(&self, token: Token) -> bool {
        self.connections.get(token).is_some_and(|it| it.phase().step() == Step::Visiting)
    }

    fn grant(&mut self, token: Token, wanted: Wanted) {
        let now_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return };
        let peer = connection.peer();
        let Some(visitor) = connection.visitor() else { return };
        match wanted {
            Wanted::Shelve(file) => self.offer_file(token, *file),
            Wanted::Page | Wanted::Shelf => {
                let bytes = match wanted {
                    Wanted::Page => visitor.show_page(),
                    _ => visitor.show_shelf(self.room.shelf()),
                };
                let allowances = &self.settings.allowances;
                self.limiter.charge_replies(allowances, peer, bytes, now_ms);
            }
            Wanted::Item(id) => match self.room.shelf().find(id) {
                Err(code) => self.refuse_visit(token, code, None),
                Ok(item) => {
                    let item = item.clone();
                    if let Some(range) = visitor.show_item(&item) {
                        self.begin_visit(token, Part { item, range, is_bare: true });
                    }
                }
            },
        }
    }

    fn begin_visit(&mut self, token: Token, part: Part) {
        let Some(connection) = self.connections.get(token) else { return };
        let (origin, now_ms) = (connection.peer().into(), self.now.mono_ms());
        let (item, offset) = (part.item.id, part.range.start);
        let at = key(token, self.transfers.take_number(token));
        if self.transfers.begin_download(at, origin, part, now_ms).is_err() {
            return self.refuse_visit(token, Code::TOO_MANY_TRANSFERS, None);
        }
        self.connections.arm(token, now_ms + RATE_STEP_MS);
        self.disk.push(Request::Open { download: at, item, offset });
    }

    /// The content that a visitor wants can be read.
    pub(super) fn visit_opened(&mut self, at: TransferKey) {
        if let Some(connection) = self.connections.get_mut(at.connection) {
            if let Some(visitor) = connection.visitor() {
                visitor.begin_content();
            }
            self.connections.mark_dirty(at.connection);
        }
    }

    fn await_visit_verdict(&mut self, token: Token) {
        let now_ms = self.now.mono_ms();
        if let Some(connection) = self.connections.get_mut(token) {
            connection.phase_mut().await_visit_verdict(now_ms);
        }
    }

    /// A visitor is answered, and has time to ask again.
    pub(super) fn note_answered(&mut self, token: Token) {
        let now_ms = self.now.mono_ms();
        if let Some(connection) = self.connections.get_mut(token) {
            connection.phase_mut().note_visit(now_ms);
            self.connections.arm(token, now_ms + VISIT_IDLE_MS);
        }
    }

    /// Refuses what a visitor has asked for; ends the connection if the answer has begun.
    pub(super) fn refuse_visit(&mut self, token: Token, code: Code, retry_ms: Option<u64>) {
        self.refuse_visit_over(token, code, None, retry_ms);
    }

    /// The same, and says which limit was exceeded.
    pub(super) fn refuse_visit_over(
        &mut self,
        token: Token,
        code: Code,
        limit: Option<u64>,
        retry_ms: Option<u64>,
    ) {
        let retry_ms = retry_ms.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        let refused = Refused { limit, retry_ms, ..Refused::new(code, DownloadRequest::KIND) };
        self.counters.refusals.count(code);
        let Some(connection) = self.connections.get_mut(token) else { return };
        let peer = connection.peer();
        let is_told = connection.visitor().is_some_and(|visitor| visitor.refuse(&refused));
        self.peer_log.refused(self.now.mono_ms(), peer, None, &refused);
        match is_told {
            true => self.connections.mark_dirty(token),
            false => self.drop_for(token, code),
        }
    }

    /// Returns true while a visitor waits for content, or has not taken its answer.
    pub(super) fn is_visit_busy(&self, token: Token) -> bool {
        self.is_visitor(token)
            && (self.connections.get(token).is_some_and(Connection::has_pending)
                || !self.transfers.running(token).is_empty())
    }
}
