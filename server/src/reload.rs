//! Reloading: reads the settings again while the server runs, and says what changes.
//!
//! Most settings can change at any time. Those in [`AT_START`] cannot: a change is pointed out, and
//! holds after the next start. A mistake anywhere changes nothing.

use chatshelf_common::cli::{Parsed, Setting};

use crate::config::{AT_START, Config, Told};
use crate::disk::DiskSettings;
use crate::engine::Settings;
use crate::logging;

/// The settings that hold.
#[derive(Debug)]
pub struct Reloader {
    config: Config,
    settings: Vec<Setting>,
}

impl Reloader {
    /// Begins with what the server has started with.
    #[must_use]
    pub fn new(config: Config, settings: Vec<Setting>) -> Self {
        Self { config, settings }
    }

    /// Reads arguments, environment and configuration file again. Returns the settings that hold
    /// from now on, or `None` if there is a mistake, and nothing changes.
    pub fn reload(&mut self) -> Option<(Settings, DiskSettings)> {
        match Told::read() {
            Ok(Told { parsed: Parsed::Run(config), settings, .. }) => {
                self.take(config, settings);
                Some((self.config.settings, self.config.disk))
            }
            Ok(_) => None,
            Err(why) => {
                log::error!("nothing was reloaded: {why}");
                None
            }
        }
    }

    fn take(&mut self, mut config: Config, mut settings: Vec<Setting>) {
        let mut changes = Vec::new();
        for (new, old) in settings.iter_mut().zip(&self.settings) {
            debug_assert_eq!(new.option, old.option);
            if new.value == old.value {
                continue;
            }
            let option = new.option;
            if AT_START.contains(&option) {
                log::warn!(
                    "{option} changed from {} to {}: restart to apply",
                    old.value,
                    new.value
                );
                new.clone_from(old);
            } else {
                changes.push(format!("{option} {} instead of {}", new.value, old.value));
            }
        }
        let changes = if changes.is_empty() { "no change".into() } else { changes.join(", ") };
        logging::apply(config.log);
        log::info!("settings reloaded: {changes}");
        let durability = self.config.settings.durability;
        (config.settings.durability, config.disk.durability) = (durability, durability);
        (self.config, self.settings) = (config, settings);
    }
}
