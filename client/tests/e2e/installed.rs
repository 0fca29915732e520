//! `make install` and `make uninstall`: what they put where, and that nothing else is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::programs;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const DOCUMENTS: &str = "opt/chat/share/doc/chatshelf";
const SETTINGS: &str = "opt/chat/etc/chatshelf/server.conf";
const UNIT: &str = "opt/chat/lib/systemd/system/chatshelf-server.service";

/// Runs a target for the tree at `root`, with the programs of these tests; returns what it says.
#[track_caller]
fn make(target: &str, root: &Path) -> String {
    let mut make = Command::new("make");
    // What the make that runs the tests was told is not meant for this one.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(REPOSITORY);
    make.args([target, "PREFIX=/opt/chat"]).arg(format!("DESTDIR={}", root.display()));
    let programs = Path::new(programs::server()).parent().unwrap();
    let output = make.arg(format!("PROGRAMS={}", programs.display())).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// All files below a directory, by their paths from there, sorted.
fn files(root: &Path) -> Vec<String> {
    let (mut found, mut directories) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            match root.join(&path).is_dir() {
                true => directories.push(path),
                false => found.push(path.to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_installed_runs_and_what_is_uninstalled_is_gone() {
    // The system's directories may have spaces above them.
    let dir = tempfile::tempdir().unwrap();
    let root = &dir.path().join("a root");
    fs::create_dir_all(root.join(DOCUMENTS)).unwrap();
    let foreign = [format!("{DOCUMENTS}/mine.md"), "opt/chat/bin/mine".into()];
    fs::create_dir_all(root.join("opt/chat/bin")).unwrap();
    foreign.iter().for_each(|path| fs::write(root.join(path), "mine").unwrap());

    make("install", root);
    for program in ["chatshelf", "chatshelf-load", "chatshelf-server"] {
        let output = Command::new(root.join("opt/chat/bin").join(program)).arg("-V").output();
        let version = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(version, format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
        for (kind, path) in [
            ("man", format!("man/man1/{program}.1")),
            ("bash", format!("bash-completion/completions/{program}")),
            ("zsh", format!("zsh/site-functions/_{program}")),
            ("fish", format!("fish/vendor_completions.d/{program}.fish")),
        ] {
            let path = root.join("opt/chat/share").join(path);
            let command = Path::new(programs::server()).with_file_name(program);
            let output = Command::new(command).args(["--generate", kind]).output().unwrap();
            assert_eq!(fs::read(&path).unwrap(), output.stdout, "{}", path.display());
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        }
    }
    assert!(root.join(DOCUMENTS).join("README.md").exists());
    if cfg!(target_os = "linux") {
        let unit = fs::read_to_string(root.join(UNIT)).unwrap();
        let start = "ExecStart=/opt/chat/bin/chatshelf-server \
                     --config /opt/chat/etc/chatshelf/server.conf --data-dir";
        assert!(unit.contains(start), "{unit}");
    }

    make("uninstall", root);
    let mut left = foreign;
    left.sort();
    assert_eq!(files(root), left);
}

#[cfg(target_os = "linux")]
#[test]
fn settings_that_were_changed_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join(SETTINGS);
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, "port = 9100\n").unwrap();
    assert!(make("install", dir.path()).contains("server.conf"));
    assert!(make("uninstall", dir.path()).contains("server.conf"));
    assert_eq!(files(dir.path()), [SETTINGS]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "port = 9100\n");
}

/// What the unit sets itself: the file of settings cannot.
#[cfg(target_os = "linux")]
const OF_THE_UNIT: [&str; 2] = ["config", "data-dir"];

/// Whose default is described, since no value says it; the file shows an example.
#[cfg(target_os = "linux")]
const WITHOUT_VALUE: [&str; 9] = [
    "bind",
    "metrics",
    "min-free",
    "tls-cert",
    "tls-key",
    "password-file",
    "operator-password-file",
    "public-url",
    "web-dir",
];

#[cfg(target_os = "linux")]
#[test]
fn the_settings_that_come_with_it_show_every_default() {
    let shipped = fs::read_to_string(Path::new(REPOSITORY).join("packaging/server.conf")).unwrap();
    let output = Command::new(programs::server()).arg("--check").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let mut keys = Vec::new();
    for line in told.lines() {
        let (key, value) = line.strip_suffix("(default)").unwrap().split_once(" = ").unwrap();
        let (key, value) = (key.trim(), value.trim());
        let value = if WITHOUT_VALUE.contains(&key) { "" } else { value };
        let expected = format!("#{key} = {value}");
        let shown = shipped.lines().any(|line| match value {
            "" => line.starts_with(&expected),
            _ => line == expected,
        });
        assert!(shown || OF_THE_UNIT.contains(&key), "no {expected} in packaging/server.conf");
        keys.push(key);
    }
    for line in shipped.lines().filter(|line| line.starts_with('#') && !line.starts_with("# ")) {
        let key = line.trim_start_matches('#').split(" = ").next().unwrap();
        assert!(key.is_empty() || keys.contains(&key), "no option {key}");
    }
}
