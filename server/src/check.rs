//! `--check`: shows the settings that hold and where each comes from, and finds what would keep the
//! server from starting. Starts nothing and changes nothing.

use chatshelf_common::cli::Setting;

use crate::config::Config;
use crate::disk;
use crate::identity;
use crate::net::listener::{self, Listener};
use crate::net::metrics;
use crate::passwords::{Hashes, Realm};

/// One line for each setting: its name, its value, and where it comes from.
#[must_use]
pub fn show(settings: &[Setting]) -> String {
    let width = |text: &dyn Fn(&Setting) -> &str| {
        settings.iter().map(|setting| text(setting).chars().count()).max().unwrap_or(0)
    };
    let (names, values) = (width(&|it| it.option), width(&|it| &it.value));
    let lines = settings.iter().map(|Setting { option, value, place }| {
        let place = place.as_deref().unwrap_or("default");
        format!("{option:names$} = {value:values$}  ({place})\n")
    });
    lines.collect()
}

/// What would keep a server with these settings from starting, one line each.
#[must_use]
pub fn problems(config: &Config) -> Vec<String> {
    let address = Listener::check(config.bind, config.port)
        .map_err(|why| listener::explain(config.bind, config.port, &why));
    let metrics = config.metrics.map_or(Ok(()), |address| {
        Listener::check(Some(address.ip()), address.port())
            .map_err(|why| metrics::explain(address, &why))
    });
    let data_dir = disk::check(&config.data_dir).map_err(|why| {
        format!("cannot use the data directory {}: {why}", config.data_dir.display())
    });
    let identity = config.identity().and_then(|origin| identity::check(&origin));
    let passwords = Hashes::read(
        config.password(Realm::Room).as_ref(),
        config.password(Realm::Operators).as_ref(),
    );
    let web = config.web_mode().map(drop);
    let checked = [address, metrics, data_dir, identity, passwords.map(drop), web];
    checked.into_iter().filter_map(Result::err).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_in_columns() {
        let setting = |option, value: &str, place: Option<&str>| Setting {
            option,
            value: value.into(),
            place: place.map(str::to_owned),
        };
        let shown = show(&[
            setting("port", "9000", None),
            setting("data-dir", "/srv/room", Some("/etc/room:3")),
        ]);
        assert_eq!(shown, "port     = 9000       (default)\ndata-dir = /srv/room  (/etc/room:3)\n");
    }
}
