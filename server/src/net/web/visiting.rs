//! A connection over HTTP as a visitor: the engine's answers, in HTTP.

use std::ops::Range;

use chatshelf_common::web_link::item_path;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Item, Refused};

use super::put::PutRequest;
use super::site::{About, Terms};
use super::{Asked, Step, WebTransport, http, items, shelf};
use crate::engine::{Transport, Visit, Visitor};
use crate::net::http::{Method, Status};
use crate::room::shelf::Shelf;

/// No answer about the room may be kept by anyone on the way.
const FRESH: &str = "Cache-Control: no-store\r\n";

impl<T: Transport> WebTransport<T> {
    /// Takes the request that must be answered.
    pub(super) fn take_asked(&mut self) -> Option<Box<Asked>> {
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::Asked(asked) | Step::Receiving(asked) => Some(asked),
            other => {
                self.step = other;
                None
            }
        }
    }

    /// Sends a whole answer, and continues.
    fn answer_whole(&mut self, asked: &Asked, status: Status, headers: &str, content: &str) -> u64 {
        // The rest of its content would be taken for the next request.
        let keeps_alive = asked.terms.keeps_alive && asked.unread == 0;
        let mut answer = http::head(status, headers, content.len() as u64);
        if asked.terms.method != Method::Head {
            answer.push_str(content);
        }
        let bytes = self.send(answer.as_bytes(), keeps_alive);
        self.finish(keeps_alive);
        bytes
    }
}

impl<T: Transport> Visitor for WebTransport<T> {
    fn take_visit(&mut self) -> Option<Visit> {
        match &mut self.step {
            Step::Asked(asked) => asked.visit.take(),
            _ => None,
        }
    }

    fn make_last(&mut self) {
        if let Step::Asked(asked) = &mut self.step {
            asked.terms.keeps_alive = false;
        }
    }

    fn show_page(&mut self) -> u64 {
        let Some(asked) = self.take_asked() else { return 0 };
        let About::Page(page) = &asked.terms.about else { return 0 };
        let answer = self.site.show_page(page, asked.terms.method);
        let bytes = self.send(&answer, asked.terms.keeps_alive);
        self.finish(asked.terms.keeps_alive);
        bytes
    }

    fn show_shelf(&mut self, shelf: &Shelf) -> u64 {
        let Some(asked) = self.take_asked() else { return 0 };
        let list = self.site.list(shelf);
        let headers = format!("Content-Type: application/json\r\n{FRESH}");
        let head = http::head(Status::Ok, &headers, list.length() as u64);
        let Terms { method, keeps_alive, .. } = asked.terms;
        let mut bytes = self.send(head.as_bytes(), keeps_alive);
        if method == Method::Get {
            bytes += list.length() as u64;
            self.list = Some(Box::new(shelf::Sending::new(list)));
        }
        self.finish(keeps_alive);
        bytes
    }

    fn show_item(&mut self, item: &Item) -> Option<Range<u64>> {
        let mut asked = self.take_asked()?;
        let Terms { method, keeps_alive, about: About::Item(request) } = &asked.terms else {
            return None;
        };
        let (head, range) = request.answer(item, *method);
        match &range {
            None => {
                self.send(head.as_bytes(), *keeps_alive);
                self.finish(*keeps_alive);
            }
            Some(range) => {
                asked.prepared = Some((head, range.end - range.start));
                self.step = Step::Asked(asked);
            }
        }
        range
    }

    fn begin_content(&mut self) {
        let Some(asked) = self.take_asked() else { return };
        let keeps_alive = asked.terms.keeps_alive;
        if let Some((head, left)) = asked.prepared {
            self.send(head.as_bytes(), keeps_alive);
            self.step = Step::Sending { left, keeps_alive };
        }
    }

    fn accept_content(&mut self) {
        let Some(asked) = self.take_asked() else { return };
        let About::Put(PutRequest { expects_continue, .. }) = asked.terms.about else { return };
        // A client that has begun to send does not wait.
        if expects_continue && self.incoming.is_empty() {
            self.outgoing.extend(http::CONTINUE);
        }
        self.step = match asked.unread {
            0 => Step::Asked(asked),
            _ => Step::Receiving(asked),
        };
    }

    fn show_shelved(&mut self, item: &Item) {
        let Some(asked) = self.take_asked() else { return };
        let About::Put(PutRequest { origin, .. }) = &asked.terms.about else { return };
        let link = format!("{origin}{}", item_path(item));
        let headers = format!(
            "Content-Type: text/plain; charset=utf-8\r\nLocation: {link}\r\nETag: {}\r\n{FRESH}",
            items::tag_of(item.digest)
        );
        self.answer_whole(&asked, Status::Created, &headers, &format!("{link}\n"));
    }

    fn refuse(&mut self, refused: &Refused) -> bool {
        let Some(asked) = self.take_asked() else { return false };
        let Refused { code, limit, retry_ms, .. } = *refused;
        let status = match code {
            Code::ITEM_UNKNOWN => Status::NotFound,
            Code::ITEM_DROPPED => Status::Gone,
            Code::PASSWORD_NEEDED | Code::PASSWORD_WRONG => Status::Unauthorized,
            Code::BANNED => Status::Forbidden,
            Code::DIGEST_MISMATCH | Code::SIZE_MISMATCH => Status::BadRequest,
            Code::STALLED => Status::RequestTimeout,
            Code::FILE_TOO_LARGE => Status::ContentTooLarge,
            Code::TOO_MUCH_SENT | Code::TOO_MUCH_UPLOADED | Code::TOO_MANY_GUESSES => {
                Status::TooManyRequests
            }
            Code::TOO_MANY_TRANSFERS => Status::Unavailable,
            Code::STORAGE_FULL => Status::InsufficientStorage,
            _ => Status::InternalError,
        };
        let mut headers = format!("Content-Type: text/plain; charset=utf-8\r\n{FRESH}");
        if status == Status::Unauthorized {
            headers.push_str("WWW-Authenticate: Basic realm=\"chatshelf\", charset=\"UTF-8\"\r\n");
        }
        let is_busy = matches!(status, Status::TooManyRequests | Status::Unavailable);
        let mut words = code.to_string();
        match (code, limit) {
            (Code::TOO_MUCH_UPLOADED | Code::TOO_MUCH_SENT, Some(bytes)) => {
                words.push_str(&format!("; at most {bytes} bytes at once"));
            }
            (Code::FILE_TOO_LARGE, Some(bytes)) => {
                words.push_str(&format!("; at most {bytes} bytes"));
            }
            _ => {}
        }
        if let Some(seconds) = retry_ms.map(|ms| ms.div_ceil(1000)).or(is_busy.then_some(5)) {
            headers.push_str(&format!("Retry-After: {seconds}\r\n"));
            words.push_str(&format!("; try again in {seconds} s"));
        }
        self.answer_whole(&asked, status, &headers, &format!("{words}\n"));
        true
    }

    fn time_out(&mut self) {
        // Empty lines may precede a request and do not count as one.
        let has_begun = matches!(self.step, Step::Reading) && self.list.is_none();
        if has_begun && !self.incoming.trim_ascii().is_empty() {
            self.send(&http::refusal_of(&self.incoming, Status::RequestTimeout), false);
            (self.step, self.incoming) = (Step::Draining, Vec::new());
        }
    }
}
