//! Where the programs under test are. Cargo builds the client's for these tests; the server's and
//! the example bot are built here, once, in the same profile and target folder. The environment can
//! name others: `CHATSHELF_TEST_CLIENT` and `CHATSHELF_TEST_SERVER`, each the path of a program,
//! also one for Windows. `CHATSHELF_TEST_BUILT` says that all of them are built already; under Wine
//! there is no cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chatshelf_testkit::programs::{command_of, from_environment, is_for_windows, without_settings};

/// Built by cargo for these tests.
const BUILT_CLIENT: &str = env!("CARGO_BIN_EXE_chatshelf");

/// The client's program.
pub(crate) fn client_path() -> PathBuf {
    from_environment("CHATSHELF_TEST_CLIENT").unwrap_or_else(|| BUILT_CLIENT.into())
}

/// True if the client under test is one for Windows, wherever the tests run.
pub(crate) fn client_is_for_windows() -> bool {
    is_for_windows(&client_path())
}

/// The load test's command. It starts the server that lies beside it.
pub(crate) fn load() -> Command {
    server();
    let client = client_path();
    let suffix = if is_for_windows(&client) { ".exe" } else { "" };
    with_own_state(command_of(client.with_file_name(format!("chatshelf-load{suffix}"))))
}

/// Gives a command a state directory that no other has, until a test gives it another: ports come
/// again, and with them the keys that are remembered for them.
fn with_own_state(mut command: Command) -> Command {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    static COMMANDS: AtomicU32 = AtomicU32::new(0);
    let ours = OURS.get_or_init(|| {
        let id = std::process::id().to_string();
        let ours = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state").join(id);
        // What an earlier process of this number has left.
        let _ = std::fs::remove_dir_all(&ours);
        ours
    });
    let number = COMMANDS.fetch_add(1, Ordering::Relaxed).to_string();
    command.env("CHATSHELF_STATE_DIR", ours.join(number));
    command
}

/// The client's command, whatever the one who runs the tests has set.
pub(crate) fn client() -> Command {
    client_at(&client_path())
}

/// The same of a client that was built elsewhere.
pub(crate) fn client_at(program: &Path) -> Command {
    let mut command = with_own_state(command_of(program));
    without_settings(&mut command);
    let nothing = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-settings");
    command.env("XDG_CONFIG_HOME", nothing).env("APPDATA", nothing);
    // Both are English; in plain C, Wine passes on no letters but those of ASCII.
    command.env("LC_ALL", if is_for_windows(program) { "C.UTF-8" } else { "C" });
    command
}

/// A shell that runs a command from a script: there it is `"$0" "$@"`.
#[cfg(unix)]
pub(crate) fn in_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    place_like(&mut shell, command);
    shell
}

/// Gives a shell the folder and the environment of the command that it is to run.
#[cfg(unix)]
pub(crate) fn place_like(shell: &mut Command, command: &Command) {
    shell.current_dir(command.get_current_dir().expect("a client has a folder"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
}

/// Longest build, from nothing and on a machine that is busy.
const BUILD_MAX: Duration = Duration::from_secs(900);

/// The server's program.
pub(crate) fn server() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| match from_environment("CHATSHELF_TEST_SERVER") {
        Some(path) => path.into_os_string().into_string().expect("a path in UTF-8"),
        None => {
            build(cargo_build().args(["--package", "chatshelf-server"]));
            beside_the_client("chatshelf-server")
        }
    })
}

/// The program of `common/examples/bot.rs`.
pub(crate) fn bot() -> String {
    build(cargo_build().args(["--package", "chatshelf-common", "--example", "bot"]));
    beside_the_client("examples/bot")
}

fn beside_the_client(name: &str) -> String {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = Path::new(BUILT_CLIENT).with_file_name(name);
    assert!(path.exists(), "{} was not built", path.display());
    path.to_str().expect("a path in UTF-8").into()
}

/// Builds as this test was built: the folder of the client tells how, for it is
/// `TARGET_DIR[/TRIPLE]/PROFILE`.
fn cargo_build() -> Command {
    let profile_dir = Path::new(BUILT_CLIENT).parent().expect("a program is in a folder");
    let above = profile_dir.parent().expect("the profile's folder is in the target folder");
    let is_target_dir = |dir: &Path| dir.join(".rustc_info.json").exists();
    let (target_dir, triple) = match above.parent() {
        Some(two_above) if !is_target_dir(above) && is_target_dir(two_above) => {
            (two_above, above.file_name())
        }
        _ => (above, None),
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--quiet", "--target-dir"]).arg(target_dir).arg("--profile");
    // `cargo test` builds with the profile `test`, which shares its folder with `dev`.
    cargo.arg(match profile_dir.file_name().expect("a profile") {
        name if name == "debug" => "test".as_ref(),
        name => name,
    });
    if let Some(triple) = triple {
        cargo.arg("--target").arg(triple);
    }
    cargo
}

fn build(cargo: &mut Command) {
    if from_environment("CHATSHELF_TEST_BUILT").is_some() {
        return;
    }
    let mut child = cargo.stdin(Stdio::null()).spawn().expect("cargo runs");
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("the child is ours") {
            Some(status) => break status,
            None if started.elapsed() < BUILD_MAX => {
                std::thread::sleep(Duration::from_millis(20));
            }
            None => {
                child.kill().expect("the child is ours");
                break child.wait().expect("the child is ours");
            }
        }
    };
    assert!(status.success(), "a program was not built: {status}");
}
