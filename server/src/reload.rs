//! Reloading: reads the settings again while the server runs, and says what changes.
//!
//! Most settings can change at any time. Those in [`AT_START`] cannot: a change is pointed out, and
//! holds after the next start. A mistake anywhere changes nothing.

use std::net::SocketAddr;
use std::rc::Rc;

use chatshelf_common::cli::{Parsed, Setting};
use chatshelf_common::fingerprint::Fingerprint;

use crate::announcement::Announcement;
use crate::config::{AT_START, Config, Told};
use crate::disk::DiskSettings;
use crate::engine::Settings;
use crate::identity::{Identity, Origin};
use crate::logging;
use crate::net::carrier::Carriers;
use crate::web_address::WebAddress;

/// The settings that hold.
#[derive(Debug)]
pub struct Reloader {
    config: Config,
    settings: Vec<Setting>,
    carriers: Rc<Carriers>,
    /// Where the server listens.
    address: SocketAddr,
    /// What clients know its key by.
    fingerprint: Fingerprint,
    announcement: Option<Announcement>,
}

impl Reloader {
    /// Begins with what the server has started with, where it listens, its key, and the room's
    /// announcement, if there is one.
    #[must_use]
    pub fn new(
        config: Config,
        settings: Vec<Setting>,
        carriers: Rc<Carriers>,
        address: SocketAddr,
        fingerprint: Fingerprint,
        announcement: Option<Announcement>,
    ) -> Self {
        Self { config, settings, carriers, address, fingerprint, announcement }
    }

    /// Reads arguments, environment, configuration file, key and certificate again. Returns the
    /// settings that hold from now on, or `None` if there is a mistake, and nothing changes.
    pub fn reload(&mut self) -> Option<(Settings, DiskSettings)> {
        match Told::read() {
            Ok(Told { parsed: Parsed::Run(mut config), settings, .. }) => {
                config.keep_from_start(&self.config);
                let web = match config.web_mode() {
                    Ok(web) => web,
                    Err(why) => return refuse(&why),
                };
                if let Err(why) = self.take_up_identity(&config) {
                    return refuse(&why);
                }
                self.carriers.allow_plain(config.allow_plain);
                self.carriers.site().reconfigure(web, config.public_url.clone());
                let browsers = WebAddress::find(web, config.public_url.clone(), self.address);
                config.settings.links = browsers.links();
                self.take(config, settings);
                Some((self.config.settings.clone(), self.config.disk))
            }
            Ok(_) => None,
            Err(why) => refuse(&why.to_string()),
        }
    }

    /// Reads certificate and key again, unless they are the server's own: that key stays.
    fn take_up_identity(&mut self, config: &Config) -> Result<(), String> {
        let origin = match config.identity()? {
            Origin::Own(..) if self.config.tls_cert.is_none() => return Ok(()),
            origin => origin,
        };
        let Identity { config: tls, fingerprint, out_of_date } = Identity::open(&origin)?;
        // The one in use may be better.
        out_of_date.map_or(Ok(()), Err)?;
        self.carriers.tls().set_config(tls);
        let before = std::mem::replace(&mut self.fingerprint, fingerprint);
        if before != fingerprint {
            if let Some(announcement) = &self.announcement {
                announcement.replace_key(&fingerprint);
            }
            log::warn!("the key is {fingerprint} now: clients that know it as {before} refuse it");
        }
        Ok(())
    }

    fn take(&mut self, config: Config, mut settings: Vec<Setting>) {
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
        let files = if config.tls_cert.is_some() { "; certificate and key read again" } else { "" };
        logging::apply(config.log);
        log::info!("settings reloaded: {changes}{files}");
        (self.config, self.settings) = (config, settings);
    }
}

fn refuse(why: &str) -> Option<(Settings, DiskSettings)> {
    log::error!("nothing was reloaded: {why}");
    None
}
