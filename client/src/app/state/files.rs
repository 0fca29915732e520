//! Commands about files, carried out: which are uploaded, which items are fetched or dropped, and
//! where downloads go. The transfers themselves are the matter of `transfers`.

use std::path::{Path, PathBuf};

use chatshelf_common::id::ItemId;
use chatshelf_common::text::FileName;
use chatshelf_common::web_link::{self, ItemLink};

use super::App;
use crate::app::news::News;
use crate::command::{Destination, Download, Upload};
use crate::files::{PathKind, Target};
use crate::item::{Found, ItemError, ItemRef, Shelf};
use crate::lang::tr;
use crate::options::expanded;
use crate::session::CommandError;

impl App {
    /// Puts files on the shelf. A one-shot command puts all of them there, or none.
    pub(super) fn upload(&mut self, upload: Upload) {
        let kept = self.items_kept();
        match upload {
            Upload::Typed(line) => {
                let exists = |path: &Path| std::fs::symlink_metadata(expanded(path)).is_ok();
                self.open_all(line.resolve(exists), None);
            }
            Upload::Files { paths, .. } if self.manner.is_single() && paths.len() > kept => {
                self.news.refusal(tr!(
                    "nothing uploaded: of {files} files the shelf would keep the last {kept}; \
                     upload no more than that, or pack them into one",
                    files = paths.len(),
                    kept,
                ));
            }
            Upload::Files { paths, name } => self.open_all(&paths, name.as_ref()),
            Upload::Spooled { path, name } => self.transfers.open_spooled(path, name),
        }
    }

    /// Opens files to be uploaded, under their own names or another.
    fn open_all(&mut self, paths: &[PathBuf], name: Option<&FileName>) {
        for path in paths {
            self.transfers.open(path, name.cloned());
            self.warn_if_more_than_kept();
        }
    }

    /// Items that the shelf keeps, as far as the server has said.
    pub(crate) fn items_kept(&self) -> usize {
        self.session().limits().map_or(usize::MAX, |limits| limits.shelf_items_max as usize)
    }

    /// Warns whoever begins more uploads than the shelf keeps, with the first that is too many.
    fn warn_if_more_than_kept(&mut self) {
        let kept = self.items_kept();
        if !self.manner.is_script() && self.uploads_begun() == kept.saturating_add(1) {
            self.news.notice(tr!(
                "these are more files than the shelf keeps ({kept}): the first will drop off as \
                 the others arrive",
                kept,
            ));
        }
    }

    /// Uploads that are not over, with those whose files are being opened.
    pub(super) fn uploads_begun(&self) -> usize {
        self.session().uploads_outstanding() + self.transfers.uploads_opening()
    }

    pub(super) fn download(&mut self, wanted: Download) -> Result<(), CommandError> {
        let dir = self.transfers.download_dir();
        let (all, target) = match wanted {
            Download::Typed(line) => {
                let found = Shelf::of(self.session().room()).item_and_path(&line);
                let target = match found.as_ref().ok().and_then(|found| found.path.as_ref()) {
                    Some(path) => target(dir, path),
                    None => Ok(Target::Directory(dir.to_owned())),
                };
                (self.tell_if_absent(found).into_iter().collect(), target)
            }
            Download::Items { items, to } => {
                let target = match to {
                    Destination::DownloadDir => Ok(Target::Directory(dir.to_owned())),
                    Destination::Path(path) => target(Path::new(""), &path),
                    Destination::Scratch(dir) => Ok(Target::Scratch(dir)),
                };
                (self.find_all(&items), target)
            }
        };
        let target = match target {
            Ok(target) => target,
            Err(why) => {
                self.news.failure(why);
                return Ok(());
            }
        };
        for Found { item, is_by_name, .. } in all {
            if is_by_name {
                self.tell_namesakes(item);
            }
            let session = self.link.session_mut();
            self.transfers.fetch(item, target.clone(), session, &mut self.news)?;
        }
        Ok(())
    }

    pub(super) fn drop_items(&mut self, items: &[ItemRef]) {
        for found in self.find_all(items) {
            self.transfers.drop_item(found.item, self.nick.chosen().clone());
        }
    }

    /// Shows where browsers find an item.
    pub(super) fn show_link(&mut self, wanted: &ItemRef) {
        let found = Shelf::of(self.session().room()).item(wanted);
        let Some(Found { item, is_by_name, .. }) = self.tell_if_absent(found) else { return };
        let Some(item) = self.session().room().item(item).cloned() else {
            return self.news.refusal(tr!("there is no item {item} on the shelf", item));
        };
        if is_by_name {
            self.tell_namesakes(item.id);
        }
        let Some(origin) = self.link_origin() else {
            return self.news.refusal(tr!(
                "there are no links to files: this server does not serve browsers (--web off)"
            ));
        };
        self.tell_if_out_of_date();
        let link = ItemLink::new(&origin, &item);
        self.news.push(News::Link { item, link });
    }

    /// What links begin with; none if the server has none.
    fn link_origin(&self) -> Option<String> {
        match self.session().limits().and_then(|limits| limits.link_base.as_ref()) {
            Some(base) => web_link::origin(base, self.server()),
            None => {
                let scheme = if self.link.encrypts() { "https" } else { "http" };
                Some(format!("{scheme}://{}", self.server()))
            }
        }
    }

    /// The items that are wanted, each once, though it be named by its number and its name; tells
    /// which are not there.
    fn find_all(&mut self, wanted: &[ItemRef]) -> Vec<Found> {
        let shelf = Shelf::of(self.session().room());
        let results: Vec<_> = wanted.iter().map(|wanted| shelf.item(wanted)).collect();
        let mut all: Vec<Found> = Vec::new();
        for found in results {
            let Some(found) = self.tell_if_absent(found) else { continue };
            if all.iter().all(|other| other.item != found.item) {
                all.push(found);
            }
        }
        all
    }

    /// The item that was found; tells if there is none.
    fn tell_if_absent(&mut self, found: Result<Found, ItemError>) -> Option<Found> {
        match found {
            Ok(found) => return Some(found),
            Err(error) if error.is_absence() => self.news.refusal(error.to_string()),
            Err(error) => self.news.failure(error.to_string()),
        }
        None
    }

    /// Says that a name was given that several items have.
    fn tell_namesakes(&mut self, id: ItemId) {
        let room = self.link.session().room();
        let named = Shelf::of(room).namesakes(id);
        if let Some(item) = room.item(id)
            && named > 1
        {
            self.news.notice(tr!(
                "{named} files are called {name}; number {item} is the newest",
                named,
                name = item.name,
                item = id,
            ));
        }
    }
}

/// Where a download with this path goes: a directory if it is one or ends like one.
///
/// # Errors
/// When no file can be kept there, in a sentence. One-shot commands write to such places.
fn target(download_dir: &Path, path: &Path) -> Result<Target, String> {
    let end = path.as_os_str().as_encoded_bytes().last();
    let is_directory = end.is_some_and(|byte| std::path::is_separator(char::from(*byte)));
    let path = download_dir.join(expanded(path));
    match PathKind::of(&path) {
        PathKind::Directory => Ok(Target::Directory(path)),
        PathKind::File if is_directory => Ok(Target::Directory(path)),
        PathKind::File => Ok(Target::File(path)),
        PathKind::Stdout | PathKind::Stream | PathKind::Socket => {
            Err(tr!("{path} is not a regular file or a directory", path = path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_path_is_a_directory_or_a_name_in_the_download_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let to = |path: &str| target(dir.path(), path.as_ref()).unwrap();
        assert_eq!(to("sub"), Target::Directory(dir.path().join("sub")));
        assert_eq!(to("new/"), Target::Directory(dir.path().join("new/")));
        assert_eq!(to("new.txt"), Target::File(dir.path().join("new.txt")));
        let absolute = dir.path().join("x.bin");
        assert_eq!(target(Path::new("."), &absolute), Ok(Target::File(absolute)));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_place_for_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("sink")).unwrap();
        for path in ["sink", "/dev/null", "/dev/stdout"] {
            assert!(
                target(dir.path(), path.as_ref())
                    .unwrap_err()
                    .ends_with("not a regular file or a directory")
            );
        }
    }
}
