//! Permissions: only the user who runs the server may read or write the data directory.
//!
//! New files are private, and new folders by the process's umask, which `main` sets. This
//! file tightens those that exist already, made by an earlier version or by an administrator.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{bans, journal, mark, store};

/// All permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// Removes the permissions of others from a data directory and from what is ours in it. Logs the
/// first failure.
pub(super) fn tighten(data_dir: &Path) {
    let [log, shelf, uploads] = ["log", "shelf", "uploads"].map(|name| data_dir.join(name));
    let mut paths =
        vec![data_dir.to_path_buf(), data_dir.join(mark::LOCK), data_dir.join(mark::MARK)];
    paths.extend(within(data_dir, bans::has_name_of_bans));
    paths.extend(within(&log, journal::is_segment));
    for folder in
        within(&shelf, store::has_item_name).chain(within(&uploads, store::has_upload_name))
    {
        paths.extend(within(&folder, store::has_our_name));
        paths.push(folder);
    }
    paths.extend([log, shelf, uploads]);
    let mut failed = None;
    for path in paths {
        if let Err(why) = restrict(&path) {
            failed.get_or_insert((path, why));
        }
    }
    if let Some((path, why)) = failed {
        log::warn!("{} stays open to other users: {why}", path.display());
    }
}

/// The entries of a folder that have such a name; none if there is no folder yet.
fn within(dir: &Path, is_ours: fn(&Path) -> bool) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(move |path| is_ours(path))
}

fn restrict(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_symlink() => metadata,
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => return Ok(()),
    };
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_files_become_private_and_no_others_change() {
        let dir = tempfile::tempdir().unwrap();
        let ours = [
            "lock",
            "bans",
            "bans.bad",
            "bans.2.bad",
            "log/00000000000000000001.log",
            "shelf/1/content",
            "shelf/1/meta",
        ];
        let others = ["notes.txt", "bans.txt", "shelf/books/1", "uploads/2024-photo"];
        for name in ours.iter().chain(&others) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        }
        for name in ["", "log", "shelf", "uploads", "shelf/1", "shelf/books"] {
            fs::set_permissions(dir.path().join(name), Permissions::from_mode(0o2775)).unwrap();
        }
        tighten(dir.path());
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o7777;
        for name in ours {
            assert_eq!(mode(name), 0o600, "{name}");
        }
        for name in others {
            assert_eq!(mode(name), 0o664, "{name}");
        }
        for name in ["", "log", "shelf", "uploads", "shelf/1"] {
            assert_eq!(mode(name), 0o2700, "{name}: other bits stay");
        }
        assert_eq!(mode("shelf/books"), 0o2775);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        fs::set_permissions(other.path(), Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(other.path(), dir.path().join("lock")).unwrap();
        tighten(dir.path());
        assert_eq!(fs::metadata(other.path()).unwrap().permissions().mode() & 0o777, 0o644);
    }
}
