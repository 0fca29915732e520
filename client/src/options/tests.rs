//! Options wherever they are set: on the command line, in the environment, in the file.

use super::*;
use crate::command::{self, Command, Upload};
use crate::item::ItemRef;

const PIN: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

fn run(args: &[&str]) -> Result<Options, String> {
    match parse_with(args.iter().map(OsString::from), &Sources::NOTHING) {
        Ok(Parsed::Run(options)) => Ok(options),
        Ok(Parsed::Print(text)) => panic!("{text}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_defaults_need_no_options() {
    let options = run(&[]).unwrap();
    assert_eq!(options.server.to_string(), "127.0.0.1:9000");
    assert_eq!((options.name, options.history, options.plain), (None, None, false));
    assert_eq!(options.download_dir, PathBuf::from("."));
}

#[test]
fn the_manual_has_every_variable_and_default() {
    let manual = include_str!("../../../docs/MANUAL.md");
    let row = |option: &str| {
        let is_told = |line: &&str| line.starts_with('|') && line.contains(option);
        manual.lines().find(is_told).unwrap_or_else(|| panic!("no row for {option}"))
    };
    for variable in PROGRAM.variables() {
        row(&format!("| `{variable}` |"));
    }
    for (option, default) in PROGRAM.defaults() {
        let row = row(&format!("`--{option} "));
        assert!(row.ends_with(&format!("| {default} |")), "{row}");
    }
}

#[test]
fn options_are_understood() {
    let options = run(&["--host", "h", "--port", "1", "--name=ada", "--history", "none"]);
    let options = options.unwrap();
    assert_eq!((options.server.to_string().as_str(), options.history), ("h:1", Some(0)));
    assert_eq!(options.name, Nick::new("ada").ok());
    assert_eq!(run(&["--history", "all"]).unwrap().history, Some(HISTORY_ALL));
    assert_eq!(run(&["--history", "7"]).unwrap().history, Some(7));
    let link = run(&["--host", &format!("chatshelf://lab#{PIN}")]).unwrap();
    assert_eq!(link.fingerprint, PIN.parse().ok());
    let given = run(&["--accept-new", "--ca", "~/ca.pem", "--fingerprint", PIN]).unwrap();
    assert_eq!((given.fingerprint, given.accept_new), (link.fingerprint, true));
    assert_eq!(given.ca, Some(expanded("~/ca.pem")));
    assert!(run(&["--no-tls"]).unwrap().no_tls && !given.no_tls);
    let forgotten = run(&["forget", "lab", "chatshelf://hut:1"]).unwrap().forget;
    assert_eq!(forgotten, ["lab:9000", "hut:1"].map(|name| name.parse().unwrap()));
    assert_eq!(run(&["--reconnect", "0"]).unwrap().reconnect, Some(0));
}

#[test]
fn a_mistake_is_one_line_that_names_it() {
    for (args, named) in [
        (&["--port", "0"][..], "--port '0'"),
        (&["--port", "65536"], "65536"),
        (&["--port"], "port"),
        (&["--bogus"], "bogus"),
        (&["--name", "a b"], "--name 'a b'"),
        (&["--history", "-1"], "history"),
        (&["--history", "some"], "some"),
        (&["--ignore", "a b"], "--ignore 'a b'"),
        (&["--keepalive", "61"], "--keepalive '61': must be a number from 1 to 60"),
        (&["--joins", "some"], "--joins 'some': must be on or off"),
        (&["--reconnect", "1.5"], "--reconnect '1.5'"),
        (&["--download-dir", "/no/such"], "/no/such"),
        (&["extra"], "extra"),
        (&["--host", "a", "--host", "b"], "host"),
        (&["--host", "http://lab"], "--host 'http://lab'"),
        (&["--host", "lab:http"], "--host 'lab:http'"),
        (&["--host", "lab:1", "--port", "2"], "--port '2'"),
        (&["--host", "chatshelf://lab#SHA256:x"], "a fingerprint is SHA256:"),
        (&["--fingerprint", "SHA1:x"], "a fingerprint is SHA256:"),
        (&["--no-tls", "--fingerprint", PIN], "--no-tls cannot verify a fingerprint"),
        (&["--no-tls", "--ca", "ca.pem"], "--no-tls cannot verify a certificate"),
        (&["--no-tls", "--host", &format!("lab#{PIN}")], "--no-tls cannot verify a fingerprint"),
        (
            &["--fingerprint", PIN, "--host", &format!("lab#{}E", &PIN[..49])],
            "the link has another",
        ),
        (&["forget"], "forget needs a server"),
        (&["forget", "la/b"], "forget 'la/b': must be a host"),
    ] {
        let error = run(args).unwrap_err();
        assert!(error.contains(named), "{args:?}: {error}");
    }
}

#[test]
fn the_defaults_are_those_of_the_help() {
    assert!(PROGRAM.defaults().count() >= 2);
    for (option, default) in PROGRAM.defaults() {
        let options = run(&[&format!("--{option}={default}")]).unwrap();
        assert_eq!(Options { host_origin: None, ..options }, Options::default(), "{option}");
    }
}

#[test]
fn commands_are_understood() {
    let named = ItemRef::new;
    let words = crate::search::Words::new;
    let text = |text| Task::Do(Command::Say(command::message(text).unwrap()));
    let upload = |paths: &[&str], name| {
        let paths = paths.iter().map(PathBuf::from).collect();
        Task::Do(Command::Upload(Upload::Files { paths, name }))
    };
    let name = |name| chatshelf_common::text::FileName::new(name).ok();
    for (line, task) in [
        ("send hi  all", text("hi all")),
        ("send -- --help", text("--help")),
        ("send -", Task::SendInput),
        ("send - -", text("- -")),
        ("upload a b", upload(&["a", "b"], None)),
        ("upload --as x a", upload(&["a"], name("x"))),
        ("upload - --as x", Task::UploadInput(name("x").unwrap())),
        ("download 7", Task::Download(vec![named("7")], Output::DownloadDir)),
        ("download --latest -o -", Task::Download(vec![ItemRef::Latest], Output::Stdout)),
        ("download a -o b", Task::Download(vec![named("a")], Output::Path("b".into()))),
        (
            "download a #2 --latest",
            Task::Download(vec![named("a"), named("#2"), ItemRef::Latest], Output::DownloadDir),
        ),
        ("drop 7 a", Task::Do(Command::Drop(vec![named("7"), named("a")]))),
        ("list --json", Task::List { json: true }),
        ("who", Task::Who { json: false }),
        ("stats --json", Task::Stats { json: true }),
        ("tail", Task::Tail { lines: 10, grep: None, follow: false, json: false }),
        ("tail -fn all", Task::Tail { lines: HISTORY_ALL, grep: None, follow: true, json: false }),
        (
            "tail --grep Done",
            Task::Tail { lines: 10, grep: words("done"), follow: false, json: false },
        ),
    ] {
        let args: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(run(&args).unwrap().task, Some(task), "{line}");
    }
    assert_eq!(run(&[]).unwrap().task, None);
}

#[test]
fn commands_with_wrong_arguments_are_mistakes() {
    let long = format!("send {}", "x".repeat(9000));
    for (line, named) in [
        ("send", "send needs a text"),
        (&long, "too long: a message holds 8192 bytes"),
        ("upload", "upload needs a file"),
        ("upload -", "--as NAME"),
        ("upload - f", "- cannot be uploaded together with files"),
        ("upload a b --as c", "--as takes a single file"),
        ("upload a --as b/c", "--as 'b/c'"),
        ("download", "download needs numbers or names"),
        ("download a b -o -", "-o - takes a single item"),
        ("download a --latest -o -", "-o - takes a single item"),
        ("download a b -o x", "several items need a directory; x is not one"),
        ("drop", "drop needs numbers or names"),
        ("list all", "unexpected argument 'all'"),
        ("who --follow", "follow"),
        ("tail --grep=", "no word to search for"),
        ("tail -n some", "--lines 'some'"),
        ("tail 5", "unexpected argument '5'"),
    ] {
        let args: Vec<&str> = line.split_whitespace().collect();
        let error = run(&args).unwrap_err();
        assert!(error.contains(named), "{line}: {error}");
    }
}

#[test]
fn every_setting_can_be_in_the_environment_and_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let settings = [
        ("host", "lab"),
        ("port", "7"),
        ("fingerprint", PIN),
        ("accept-new", "yes"),
        ("ca", "ca.pem"),
        ("name", "ada"),
        ("plain", "yes"),
        ("ascii", "on"),
        ("history", "none"),
        ("download-dir", path),
        ("preserve", "yes"),
        ("reconnect", "0"),
        ("joins", "off"),
        ("mouse", "off"),
        ("ignore", "bob, Eve"),
        ("keepalive", "7"),
    ];
    let expected = Options {
        server: "lab:7".parse().unwrap(),
        fingerprint: PIN.parse().ok(),
        accept_new: true,
        ca: Some("ca.pem".into()),
        name: Nick::new("ada").ok(),
        plain: true,
        ascii: true,
        history: Some(0),
        download_dir: path.into(),
        preserve: true,
        reconnect: Some(0),
        joins: false,
        mouse: false,
        ignore: ["bob", "Eve"].map(|name| Nick::new(name).unwrap()).into(),
        keepalive: Duration::from_secs(7),
        ..Options::default()
    };
    let variable = |name: &str| {
        let key = name.strip_prefix("CHATSHELF_")?.to_lowercase().replace('_', "-");
        let found = settings.iter().find(|(option, _)| *option == key)?;
        Some(OsString::from(found.1))
    };
    let lines: Vec<String> = settings.map(|(key, value)| format!("{key} = {value}\n")).into();
    let config = |_: Option<&str>| cli::config::File::parse("/c".into(), &lines.concat()).map(Some);
    for sources in [
        Sources { variable: &variable, ..Sources::NOTHING },
        Sources { config: &config, ..Sources::NOTHING },
    ] {
        let Ok(Parsed::Run(options)) = parse_with([], &sources) else { panic!() };
        let host_origin = options.host_origin;
        assert_eq!(options, Options { host_origin, ..expected.clone() });
    }
}

/// The server, with host and port as set on the command line, in the environment and in the file.
fn server(settings: [[Option<&str>; 2]; 3]) -> Result<String, String> {
    let [line, environment, file] = settings;
    let args = ["--host", "--port"].into_iter().zip(line);
    let args = args.filter_map(|(name, value)| Some([name, value?])).flatten();
    let variable = |name: &str| {
        let place = ["CHATSHELF_HOST", "CHATSHELF_PORT"].iter().position(|it| *it == name)?;
        environment[place].map(OsString::from)
    };
    let lines = ["host", "port"].into_iter().zip(file);
    let lines = lines.filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
    let text: String = lines.collect();
    let config = |_: Option<&str>| cli::config::File::parse("/c".into(), &text).map(Some);
    let sources = Sources { variable: &variable, config: &config, ..Sources::NOTHING };
    match parse_with(args.map(OsString::from), &sources) {
        Ok(Parsed::Run(options)) => Ok(options.server.to_string()),
        Ok(Parsed::Print(text)) => panic!("{text}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_host_may_include_its_port_wherever_it_is_set() {
    const NONE: [Option<&str>; 2] = [None; 2];
    for (host, shown) in [
        ("lab:9100", "lab:9100"),
        ("[::1]:9100", "[::1]:9100"),
        ("::1", "[::1]:9000"),
        ("[::1]", "[::1]:9000"),
        ("chatshelf://lab", "lab:9000"),
        ("chatshelf://lab:9100/", "lab:9100"),
    ] {
        let set = [Some(host), None];
        for settings in [[set, NONE, NONE], [NONE, set, NONE], [NONE, NONE, set]] {
            assert_eq!(server(settings).as_deref(), Ok(shown), "{settings:?}");
        }
    }
    assert_eq!(server([NONE, [None, Some("7")], [Some("lab"), None]]).as_deref(), Ok("lab:7"));
}

#[test]
fn of_two_ports_the_one_from_the_place_with_precedence_counts() {
    const NONE: [Option<&str>; 2] = [None; 2];
    let (host, port, both) = ([Some("lab:1"), None], [None, Some("2")], [Some("lab:1"), Some("2")]);
    for (settings, expected) in [
        ([host, port, NONE], "lab:1"),
        ([host, NONE, port], "lab:1"),
        ([NONE, host, port], "lab:1"),
        ([port, host, NONE], "lab:2"),
        ([port, NONE, host], "lab:2"),
        ([NONE, port, host], "lab:2"),
        ([[Some("lab:1"), Some("1")], NONE, NONE], "lab:1"),
    ] {
        assert_eq!(server(settings).as_deref(), Ok(expected), "{settings:?}");
    }
    for settings in [[both, NONE, NONE], [NONE, both, NONE], [NONE, NONE, both]] {
        let error = server(settings).unwrap_err();
        assert!(error.contains("'2': the host already names port 1"), "{error}");
    }
}
