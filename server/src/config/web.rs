//! The options on what is served over HTTP.

use std::path::PathBuf;

use chatshelf_common::cli::Completes;
use chatshelf_common::cli::value::parsed;

use super::{Config, Opt};
use crate::passwords::Realm;
use crate::peer_scope::PeerScope;
use crate::web_mode::WebMode;

pub(super) const METRICS: Opt = Opt::value(
    "metrics",
    "ADDR:PORT",
    "serve /metrics (for Prometheus) and /healthz over HTTP here",
    |config, text| {
        let address = parsed(text, "an address and a port, such as 127.0.0.1:9100");
        address.map(|address| config.metrics = Some(address))
    },
)
.otherwise("nowhere");

pub(super) const WEB: Opt = Opt::value(
    "web",
    "HOW",
    "how browsers are served on the port: https, http (also without TLS, to private addresses) or \
     off",
    |config, text| parsed(text, "https, http or off").map(|mode| config.web = mode),
)
.default("https")
.completes(Completes::Words(WebMode::WORDS));

pub(super) const PUBLIC_URL: Opt = Opt::value(
    "public-url",
    "URL",
    "address under which browsers reach the server, if it has another name there",
    |config, text| {
        let what = "http:// or https://, a host, and maybe a port from 1 to 65535, such as \
                    https://room.example.org";
        let url = parsed(text, what);
        url.map(|url| config.public_url = Some(url))
    },
)
.otherwise("this machine's addresses and names");

pub(super) const WEB_DIR: Opt = Opt::value(
    "web-dir",
    "DIR",
    "directory with the files of the page, for those who work on it",
    |config, text| {
        let dir = PathBuf::from(text);
        if !dir.is_dir() {
            return Err("must be a directory with the files of a page".into());
        }
        config.web_dir = Some(dir);
        Ok(())
    },
)
.otherwise("those of the program")
.completes(Completes::Directories);

impl Config {
    /// Returns how browsers are served.
    ///
    /// # Errors
    /// If the room's password would travel without encryption, or nothing may.
    pub fn web_mode(&self) -> Result<WebMode, String> {
        match self.web {
            WebMode::Http if self.password(Realm::Room).is_some() => {
                Err("--web http would show the room's password to the network; try --web https"
                    .into())
            }
            WebMode::Http if self.allow_plain == PeerScope::None => {
                Err("--web http is HTTP without TLS, which --allow-plain none forbids".into())
            }
            mode => Ok(mode),
        }
    }
}
