//! The directory in which a later run finds what an earlier one has to tell it. Owns where that is
//! and that nobody else may read it; what is in it belongs to `files` and `trust`.

use std::io;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

/// Names the directory instead of the platform.
const DIRECTORY_VARIABLE: &str = "CHATSHELF_STATE_DIR";

/// The directory that the environment names, or the one that this platform has for state.
pub(crate) fn path() -> Option<PathBuf> {
    let named = std::env::var_os(DIRECTORY_VARIABLE).filter(|value| !value.is_empty());
    if let Some(named) = named {
        return Some(named.into());
    }
    let base = choose_base_strategy().ok()?;
    // Windows has none; what stays on this machine is in the directory of its caches.
    Some(base.state_dir().unwrap_or_else(|| base.cache_dir()).join("chatshelf"))
}

/// Creates the directory, if need be, so that nobody else can read it: keys are secrets.
pub(crate) fn create(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
