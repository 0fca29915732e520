//! The settings that hold from a start to the next, whatever a reload reads.

use super::Config;

/// Options that hold until the server is restarted; it takes up changes of all others when it
/// reloads its configuration file.
pub const AT_START: &[&str] = &[
    "port",
    "bind",
    "announce",
    "data-dir",
    "durability",
    "metrics",
    "web-dir",
    "password-file",
    "operator-password-file",
];

impl Config {
    /// Takes what holds until a restart ([`AT_START`]) from the settings that the server has
    /// started with.
    pub fn keep_from_start(&mut self, started: &Self) {
        self.port = started.port;
        self.bind = started.bind;
        self.announce = started.announce;
        self.data_dir.clone_from(&started.data_dir);
        self.settings.durability = started.settings.durability;
        self.disk.durability = started.disk.durability;
        self.metrics = started.metrics;
        self.web_dir.clone_from(&started.web_dir);
        self.password_file.clone_from(&started.password_file);
        self.operator_password_file.clone_from(&started.operator_password_file);
        self.settings.asks_password = started.settings.asks_password;
        self.settings.has_operators = started.settings.has_operators;
    }
}
