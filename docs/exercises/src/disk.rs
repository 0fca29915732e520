//! A disk as exercise 8 sees it: it forgets what was not synced when the power fails. Nothing to do
//! here.

use std::collections::BTreeMap;

/// The power has failed: nothing more can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerFailure;

/// A folder of files. Each operation can be the last before the power fails.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// What programs see.
    files: BTreeMap<String, File>,
    /// What is left after a power failure: names, as of the newest `sync_names`.
    durable_names: BTreeMap<String, usize>,
    /// The durable content of each file, by its number.
    durable_content: Vec<Vec<u8>>,
    operations_left: Option<usize>,
}

#[derive(Clone, Debug)]
struct File {
    number: usize,
    content: Vec<u8>,
}

impl Disk {
    /// Lets the power fail at the operation after this many.
    pub fn fail_after(&mut self, operations: usize) {
        self.operations_left = Some(operations);
    }

    fn operate(&mut self) -> Result<(), PowerFailure> {
        match &mut self.operations_left {
            Some(0) => Err(PowerFailure),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Makes a file with this content, in place of one of the same name.
    ///
    /// # Errors
    /// When the power fails.
    pub fn write(&mut self, name: &str, content: &[u8]) -> Result<(), PowerFailure> {
        self.operate()?;
        let number = self.durable_content.len();
        // Half of it happens to be on the disk already.
        self.durable_content.push(content[..content.len() / 2].to_vec());
        self.files.insert(name.to_owned(), File { number, content: content.to_vec() });
        // And so does its name.
        self.durable_names.insert(name.to_owned(), number);
        Ok(())
    }

    /// Makes the content of a file durable (fsync of the file).
    ///
    /// # Errors
    /// When the power fails.
    pub fn sync(&mut self, name: &str) -> Result<(), PowerFailure> {
        self.operate()?;
        if let Some(file) = self.files.get(name) {
            self.durable_content[file.number].clone_from(&file.content);
        }
        Ok(())
    }

    /// Gives a file another name, in place of a file that had it. After a power failure it has one
    /// of the two names, whole.
    ///
    /// # Errors
    /// When the power fails.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), PowerFailure> {
        self.operate()?;
        if let Some(file) = self.files.remove(from) {
            self.files.insert(to.to_owned(), file);
        }
        Ok(())
    }

    /// Makes all names durable (fsync of the folder).
    ///
    /// # Errors
    /// When the power fails.
    pub fn sync_names(&mut self) -> Result<(), PowerFailure> {
        self.operate()?;
        self.durable_names =
            self.files.iter().map(|(name, file)| (name.clone(), file.number)).collect();
        Ok(())
    }

    /// What a program finds after the next start. The power fails now, at the latest.
    #[must_use]
    pub fn after_power_failure(&self) -> BTreeMap<String, Vec<u8>> {
        let content = |&number: &usize| self.durable_content[number].clone();
        self.durable_names.iter().map(|(name, number)| (name.clone(), content(number))).collect()
    }
}
