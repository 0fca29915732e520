//! Interrupted transfers whose files are not closed yet. Only then is it known what is left of a
//! file, and whether a later run can resume the transfer. Owns their last status.

use super::news::NewsQueue;
use super::transfer_summary;
use crate::session::{TransferHandle, TransferStatus};

/// In the order in which they were interrupted.
#[derive(Debug, Default)]
pub(super) struct Suspending(Vec<TransferStatus>);

impl Suspending {
    /// A transfer is interrupted.
    pub(super) fn add(&mut self, status: &TransferStatus) {
        debug_assert!(self.0.iter().all(|it| it.transfer != status.transfer), "it ends once");
        self.0.push(status.clone());
    }

    /// Its file is closed: tells what is left of it.
    pub(super) fn closed(
        &mut self,
        transfer: TransferHandle,
        survives: bool,
        news: &mut NewsQueue,
    ) {
        let at = self.0.iter().position(|status| status.transfer == transfer);
        if let Some(status) = at.map(|at| self.0.remove(at)) {
            news.notice(transfer_summary::interrupted(&status, survives));
        }
    }

    /// True when all files are closed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::news::News;

    #[test]
    fn an_interrupted_transfer_is_told_once_when_its_file_is_closed() {
        for (survives, end) in [(true, "; /upload of the same file resumes it"), (false, "")] {
            let (mut suspending, mut news) = (Suspending::default(), NewsQueue::default());
            let status = TransferStatus::underway(1, 10);
            suspending.add(&status);
            assert!(!suspending.is_empty());
            suspending.closed(status.transfer, survives, &mut news);
            let Some(News::Notice(text)) = news.pop() else { panic!("nothing is told") };
            assert_eq!(text, format!("notes.iso not uploaded{end}"));
            assert!(suspending.is_empty());
            suspending.closed(status.transfer, survives, &mut news);
            assert!(news.pop().is_none());
        }
    }
}
