//! Solution 8: puts a file on the shelf so that a power failure at any moment leaves it whole or
//! not there.
use crate::disk::{Disk, PowerFailure};

/// What is at `name` afterwards is `content`, all of it, and stays so whatever happens. Until then,
/// `name` is as it was before. Other names may be used on the way, if they end in `.part`.
///
/// # Errors
/// When the power fails before it is sure that the file stays.
pub fn publish(disk: &mut Disk, name: &str, content: &[u8]) -> Result<(), PowerFailure> {
    let part = format!("{name}.part");
    disk.write(&part, content)?;
    // Before the rename: else the name could be durable before the content is.
    disk.sync(&part)?;
    disk.rename(&part, name)?;
    // The rename is in the folder, and that is a file too.
    disk.sync_names()
}
