//! What both programs generate for shells and manuals, given to the real bash, zsh, fish, groff and
//! mandoc. One that is not installed is passed over, which is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chatshelf_testkit::programs::command_of;
use tempfile::TempDir;

use crate::harness::programs;

/// Makes a program's command.
type Make = fn() -> Command;

/// Both programs.
const PROGRAMS: [(&str, Make); 2] =
    [("chatshelf", programs::client), ("chatshelf-server", || command_of(programs::server()))];

/// A folder with a file that a program has generated, and with some to complete.
fn generated(command: Make, kind: &str) -> (TempDir, PathBuf) {
    let output = command().args(["--generate", kind]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generated");
    fs::write(&path, output.stdout).unwrap();
    let files = dir.path().join("files");
    fs::create_dir_all(files.join("a dir")).unwrap();
    fs::write(files.join("a file"), "").unwrap();
    (dir, path)
}

/// What a program of the system says to these arguments; none if there is no such program.
fn says(program: &str, arguments: &[&str], dir: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir.join("files")).stdin(Stdio::null());
    command.env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("XDG_DATA_HOME", dir);
    match command.output() {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && stderr.is_empty(), "{program}: {output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(_) => {
            eprintln!("passed over: {program} is not installed");
            None
        }
    }
}

/// What bash offers for the last of these words, sorted; none without bash.
fn bash_offers(command: Make, words: &[&str]) -> Option<Vec<String>> {
    let (dir, path) = generated(command, "bash");
    let script = r#". "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut arguments = vec!["--norc", "-c", script, "bash", path.to_str().unwrap()];
    arguments.extend(words);
    let said = says("bash", &arguments, dir.path())?;
    let mut offered: Vec<String> = said.lines().map(str::to_owned).collect();
    offered.sort();
    Some(offered)
}

#[test]
fn bash_completes_commands_options_values_and_files() {
    for (words, expected) in [
        (&["chatshelf", "up"][..], &["upload"][..]),
        (&["chatshelf", "--host", "lab", "t"], &["tail"]),
        (&["chatshelf", "--port", "=", "1", "wh"], &["who"]),
        (&["chatshelf", "--dow"], &["--download-dir"]),
        (&["chatshelf", "--history", ""], &["all", "none"]),
        (&["chatshelf", "--history", "="], &["all", "none"]),
        (&["chatshelf", "--history", "=", "n"], &["none"]),
        (&["chatshelf", "-d", "a"], &["a dir"]),
        (&["chatshelf", "upload", "a"], &["a dir", "a file"]),
        (&["chatshelf", "upload", "x", "--a"], &["--accept-new", "--as", "--ascii"]),
        (&["chatshelf", "download", "-o", "a"], &["a dir", "a file"]),
        (&["chatshelf", "tail", "--fo"], &["--follow"]),
        // Behind tail, -n has a number, elsewhere a name: nothing that could be offered.
        (&["chatshelf", "tail", "-n", ""], &[""]),
        (&["chatshelf", "-n", "tail", "wh"], &["who"]),
        (&["chatshelf", "send", "--", "--ho"], &[""]),
        (&["chatshelf", "frobnicate", ""], &[""]),
    ] {
        let Some(offered) = bash_offers(programs::client, words) else { return };
        assert_eq!(offered, expected, "{words:?}");
    }
    let (_, server) = PROGRAMS[1];
    for (words, expected) in [
        (&["chatshelf-server", "--dur"][..], &["--durability"][..]),
        (&["chatshelf-server", "--durability", "a"], &["always"]),
        (&["chatshelf-server", "--data-dir", "a"], &["a dir"]),
    ] {
        assert_eq!(bash_offers(server, words).unwrap(), expected, "{words:?}");
    }
}

#[test]
fn zsh_takes_the_completions() {
    for (name, command) in PROGRAMS {
        let (dir, path) = generated(command, "zsh");
        let path = path.to_str().unwrap();
        let script =
            r#"autoload -Uz compinit && compinit -D -u && . "$1" && print -r -- $_comps[$2]"#;
        let Some(said) = says("zsh", &["-f", "-c", script, "zsh", path, name], dir.path()) else {
            return;
        };
        assert_eq!(said.trim_end(), format!("_{}", name.replace('-', "_")));
    }
}

#[test]
fn fish_completes_commands_options_values_and_files() {
    let (_, server) = PROGRAMS[1];
    for (command, line, expected) in [
        (programs::client as Make, "chatshelf up", &["upload"][..]),
        (programs::client, "chatshelf --host lab wh", &["who"]),
        (programs::client, "chatshelf --history n", &["none"]),
        (programs::client, "chatshelf upload a", &["a dir/", "a file"]),
        (programs::client, "chatshelf tail --fol", &["--follow"]),
        (programs::client, "chatshelf send a", &[]),
        (server, "chatshelf-server --durability a", &["always"]),
    ] {
        let (dir, path) = generated(command, "fish");
        let script = format!("source {}; complete -C '{line}'", path.display());
        let Some(said) = says("fish", &["-N", "-c", &script], dir.path()) else { return };
        let mut offered: Vec<&str> =
            said.lines().map(|line| line.split('\t').next().unwrap()).collect();
        offered.sort_unstable();
        assert_eq!(offered, expected, "{line}");
    }
}

#[test]
fn man_pages_pass_the_checks_of_groff_and_mandoc() {
    for (name, command) in PROGRAMS {
        let (dir, path) = generated(command, "man");
        let path = path.to_str().unwrap();
        if let Some(page) = says("groff", &["-man", "-ww", "-Tascii", "-P-cbou", path], dir.path())
        {
            for word in ["NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "--port", name] {
                assert!(page.contains(word), "{word}:\n{page}");
            }
        }
        // Without the date that it wants: the same source makes the same page.
        let checked = Command::new("mandoc").args(["-Tlint", "-Wwarning", path]).output();
        match checked.map(|output| String::from_utf8(output.stdout).unwrap()) {
            Ok(said) => {
                let mut said = said.lines().filter(|line| !line.contains("missing date"));
                assert_eq!(said.next(), None);
            }
            Err(_) => eprintln!("passed over: mandoc is not installed"),
        }
    }
}

#[test]
fn each_option_of_the_help_is_in_manual_and_completions() {
    for (_, command) in PROGRAMS {
        let text = |arguments: &[&str]| {
            let output = command().args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().replace("\\-", "-")
        };
        let help = text(&["--help"]);
        let options = help.lines().filter_map(|line| {
            let names = line.strip_prefix("    ")?;
            // Without a short name, the long one has its column. Descriptions are further right.
            let is_option = names.starts_with('-') || names.starts_with("    --");
            let long = names.split("--").nth(1).filter(|_| is_option)?;
            Some(long.split([' ', '=']).next().unwrap().to_owned())
        });
        let options: Vec<String> = options.collect();
        assert!(options.len() >= 9, "{options:?}");
        for kind in ["man", "bash", "zsh", "fish"] {
            let generated = text(&["--generate", kind]);
            for option in &options {
                let is_there = generated.contains(&format!("--{option}"))
                    || generated.contains(&format!("-l {option}"));
                assert!(is_there, "--{option} in {kind}:\n{generated}");
            }
        }
    }
}
