//! The programs of another commit, built beside today's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::scenarios::Programs;

/// Builds the programs of a commit in a worktree of its own, which is gone again afterwards.
pub(super) fn build(commit: &str) -> Programs {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compat");
    let (tree, target) = (folder.join("tree"), folder.join("target"));
    // One may be left by a run that was interrupted.
    let _ = git(&["worktree", "remove", "--force"]).arg(&tree).output();
    run(git(&["worktree", "add", "--force", "--detach"]).arg(&tree).arg(commit));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&tree).args(["build", "--quiet", "--bins", "--target-dir"]).arg(&target);
    run(cargo.args(["--package", "chatshelf-server", "--package", "chatshelf-client"]));
    run(git(&["worktree", "remove", "--force"]).arg(&tree));
    let program = |name: &str| {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        target.join("debug").join(name)
    };
    Programs { server: program("chatshelf-server"), client: program("chatshelf") }
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).args(arguments);
    git
}

fn run(command: &mut Command) {
    let status = command.status().expect("it can be run");
    assert!(status.success(), "{command:?}: {status}");
}
