//! A small program's table, and everything that is generated from it.

use std::ffi::OsString;

use super::value::number;
use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    port: u16,
    loud: bool,
    lines: u16,
    follow: bool,
    words: Vec<String>,
}

static DEMO: Program<Set> = Program {
    about: "Demonstrates. It does nothing else.",
    options: &[
        Opt::value("port", "N", "port to use; 0 for any", |set: &mut Set, text| {
            number(text, 1..=65535).map(|port| set.port = port)
        })
        .short('p')
        .default("9000"),
        Opt::value("name", "NAME", "who's asking", |_, _| Ok(()))
            .short('n')
            .otherwise("nobody")
            .completes(Completes::Words(&["ada", "bob"])),
        Opt::flag("very-loud", "no [quiet] tones", |set: &mut Set, on| set.loud = on),
        Opt::action("try", "only try", |set| set.words.push("try".into())),
        Opt::config_file("config", "FILE", "file to use", |set: &mut Set, text| {
            set.words.push(text.into());
            Ok(())
        })
        .otherwise("none"),
    ],
    commands: &[
        Command {
            name: "tail",
            arguments: "WORD...",
            does: "show the end: all of it",
            about: "Shows the end. Then it is over.",
            options: &[
                Opt::value("lines", "N", "how many", |set: &mut Set, text| {
                    number(text, 0..=9).map(|lines| set.lines = lines)
                })
                .short('n'),
                Opt::flag("follow", "go on", |set: &mut Set, on| set.follow = on).short('f'),
            ],
            completes: Completes::Files,
            take: Take::Words(|set, words| {
                set.words = words;
                if set.words.len() < 3 { Ok(()) } else { Err("too many words".into()) }
            }),
        },
        Command {
            name: "list",
            arguments: "FILE...",
            does: "show all",
            about: "Shows all.",
            options: &[],
            completes: Completes::Nothing,
            take: Take::Files(|set, files| {
                set.words = files.iter().map(|file| file.to_string_lossy().into()).collect();
                Ok(())
            }),
        },
    ],
    environment: Some("DEMO_"),
    config: Some("/etc/demo"),
    sections: &[Section {
        title: "Exit codes",
        blocks: &[
            Block::Text("It says how it went."),
            Block::Table(&[("0", "good"), ("1", "bad")]),
            Block::Text("See also:"),
            Block::Lines("$ demo -p1"),
        ],
    }],
    see_also: &["other(1)"],
    ..Program::new("demo", "1.2", "shows how")
};

fn parse_with(
    line: &str,
    variables: &[(&str, &str)],
    config: Option<&str>,
) -> Result<Parsed<Set>, String> {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| OsString::from(*value))
    };
    let file = |path: Option<&str>| {
        let path = path.unwrap_or("/c");
        config.map(|text| config::File::parse(path.into(), text)).transpose()
    };
    let sources = Sources { variable: &find, config: &file, ..Sources::NOTHING };
    let arguments = line.split_whitespace().map(OsString::from);
    DEMO.parse(arguments, &sources, Set::default()).map_err(|error| error.to_string())
}

fn set(line: &str) -> Set {
    match parse_with(line, &[], None) {
        Ok(Parsed::Run(set)) => set,
        other => panic!("{line}: {other:?}"),
    }
}

fn printed(line: &str) -> String {
    match parse_with(line, &[], None) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_command_line_overrides_the_environment_which_overrides_the_file() {
    let environment = &[("DEMO_PORT", "2"), ("DEMO_VERY_LOUD", "yes")][..];
    let config = Some("port = 3\nvery-loud = no\n");
    for (line, environment, config, port, loud) in [
        ("", &[][..], None, 0, false),
        ("", &[], config, 3, false),
        ("", environment, config, 2, true),
        ("--port 1", environment, config, 1, true),
        ("--very-loud=no -p1", environment, config, 1, false),
        ("--very-loud", &[], config, 3, true),
        // An empty variable sets nothing.
        ("", &[("DEMO_PORT", "")], config, 3, false),
    ] {
        let Ok(Parsed::Run(set)) = parse_with(line, environment, config) else { panic!("{line}") };
        assert_eq!((set.port, set.loud), (port, loud), "{line} {environment:?} {config:?}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let hint = "(demo --help lists the options)";
    for (line, variables, config, told) in [
        ("--port 0", &[][..], None, format!("--port '0': must be a number from 1 to 65535 {hint}")),
        ("-p 1 tail --port 2", &[], None, format!("Option 'port' given more than once {hint}")),
        ("tail -n 10", &[], None, format!("--lines '10': must be a number from 0 to 9 {hint}")),
        ("tail a b c", &[], None, format!("too many words {hint}")),
        ("tial", &[], None, format!("there is no command 'tial' {hint}")),
        (
            "--generate pdf",
            &[],
            None,
            format!("--generate 'pdf': must be one of man, bash, zsh, fish {hint}"),
        ),
        ("", &[("DEMO_PORT", "x")], None, "DEMO_PORT 'x': must be a number from 1 to 65535".into()),
        ("", &[("DEMO_VERY_LOUD", "x")], None, "DEMO_VERY_LOUD 'x': must be yes or no".into()),
        ("", &[], Some("#\nport = x"), "/c:2: port 'x': must be a number from 1 to 65535".into()),
        ("", &[], Some("prot = 1"), "/c:1: there is no option 'prot'".into()),
        ("", &[], Some("try = yes"), "/c:1: 'try' cannot be set in a file".into()),
        ("", &[], Some("config = /d"), "/c:1: 'config' cannot be set in a file".into()),
        ("--config /d", &[], Some("prot = 1"), "/d:1: there is no option 'prot'".into()),
        // An option of a command is not a setting.
        ("tail", &[], Some("lines = 1"), "/c:1: there is no option 'lines'".into()),
        ("", &[], Some("port"), "/c:1: 'port' is not a line like 'option = value'".into()),
    ] {
        assert_eq!(parse_with(line, variables, config).unwrap_err(), told, "{line}");
    }
}

#[test]
fn the_file_is_the_one_that_the_command_line_or_the_environment_names() {
    let environment = &[("DEMO_CONFIG", "/e"), ("DEMO_TRY", "yes")][..];
    for (line, path) in [("--config /d", "/d"), ("", "/e")] {
        let Ok(Parsed::Run(set)) = parse_with(line, environment, Some("port = 3")) else {
            panic!("{line}")
        };
        assert_eq!((set.port, set.words), (3, vec![path.to_owned()]), "{line}");
        let why = parse_with(line, environment, Some("port = x")).unwrap_err();
        assert!(why.starts_with(&format!("{path}:1: port 'x'")), "{why}");
    }
    assert_eq!(set("--try").words, ["try"], "only the command line can ask for an action");
}

#[test]
fn each_setting_is_told_with_its_value_and_its_place() {
    let variable = |name: &str| (name == "DEMO_NAME").then(|| "bob".into());
    let text = "# two lines\nvery-loud = yes\nport = 3\n";
    let file = |_: Option<&str>| config::File::parse("/c".into(), text).map(Some);
    let sources = Sources { variable: &variable, config: &file, ..Sources::NOTHING };
    let arguments = ["-p1", "--try", "list"].map(Into::into);
    let (_, settings) = DEMO.parse_explained(arguments, &sources, Set::default()).unwrap();
    let told = settings.iter().map(|it| (it.option, &it.value[..], it.place.as_deref()));
    let expected = [
        ("port", "1", Some("--port")),
        ("name", "bob", Some("DEMO_NAME")),
        ("very-loud", "yes", Some("/c:2")),
        ("config", "none", None),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_complaint_is_one_line_whatever_the_input() {
    let parse = |argument: &str| {
        DEMO.parse([argument.into()], &Sources::NOTHING, Set::default()).unwrap_err().to_string()
    };
    for argument in ["--port=1\n2", "a\x1b[2Jb\n", "--x\ny"] {
        assert!(!parse(argument).contains(char::is_control), "{argument:?}");
    }
}

#[test]
fn an_overridden_value_is_not_checked() {
    let overridden = parse_with("-p1", &[("DEMO_PORT", "x")], Some("port = x"));
    assert!(matches!(overridden, Ok(Parsed::Run(Set { port: 1, .. }))));
}

#[test]
fn help_is_shown_whatever_is_wrong_elsewhere() {
    assert!(matches!(parse_with("--help", &[], Some("nonsense")), Ok(Parsed::Print(_))));
}

#[test]
fn options_stand_before_or_after_a_command_whose_short_names_win_there() {
    let expected = Set { port: 1, lines: 5, words: vec!["a".into()], ..Set::default() };
    for line in ["-n ada -p1 tail -n5 a", "-p1 tail a --lines=5", "tail -n 5 --name bob a -p 1"] {
        assert_eq!(set(line), expected, "{line}");
    }
    let followed = set("tail -f a");
    assert_eq!((followed.follow, followed.words), (true, vec!["a".to_owned()]));
    assert_eq!(set("tail -- -f --help").words, ["-f", "--help"]);
    assert_eq!(set("--very-loud tail x").words, ["x"], "a flag takes no word");
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let raw = || OsString::from_vec(b"\xff".into());
    let parse = |sources: &Sources<'_>, arguments: Vec<OsString>| {
        DEMO.parse(arguments, sources, Set::default()).unwrap_err().to_string()
    };
    for before in [None, Some("tail")] {
        let arguments = before.map(OsString::from).into_iter().chain([raw()]).collect();
        assert!(parse(&Sources::NOTHING, arguments).starts_with("\"\\xFF\" is not UTF-8"));
    }
    let file = DEMO.parse(["list".into(), raw()], &Sources::NOTHING, Set::default());
    assert!(matches!(file, Ok(Parsed::Run(set)) if set.words == ["\u{fffd}"]));
    let variable = |name: &str| (name == "DEMO_PORT").then(raw);
    let sources = Sources { variable: &variable, ..Sources::NOTHING };
    assert_eq!(parse(&sources, vec![]), "DEMO_PORT \"\\xFF\": is not UTF-8");
}

#[test]
fn help_shows_defaults_and_every_place_where_options_are_set() {
    let help = printed("--help");
    assert!(
        help.contains("-p, --port N         port to use; 0 for any [9000] $DEMO_PORT\n"),
        "{help}"
    );
    assert!(help.contains("who's asking [nobody] $DEMO_NAME"), "{help}");
    assert!(help.contains("/etc/demo") && help.contains("--very-loud=no"), "{help}");
    assert!(help.contains("    tail WORD...  show the end: all of it\n"), "{help}");
    assert!(help.contains("\n\n    0  good\n    1  bad\n\n    See also:\n\n"), "{help}");
    let tail = printed("tail --help");
    assert!(tail.starts_with("Usage: demo [OPTIONS] tail WORD...\n\nShows the end."), "{tail}");
    assert!(tail.contains("-n, --lines N") && !tail.contains("DEMO_"), "{tail}");
    assert!(help.lines().chain(tail.lines()).all(|line| line.chars().count() <= 88));
}

#[test]
fn each_option_and_command_is_in_everything_that_is_made_of_the_table() {
    let unescaped = |text: String| text.replace("\\-", "-").replace("\\'", "'");
    for kind in ["--help", "--generate=man", "--generate=bash", "--generate=zsh", "--generate=fish"]
    {
        let text = unescaped(printed(kind));
        let is_named = |long: &str| {
            text.contains(&format!("--{long}")) || text.contains(&format!("-l {long}"))
        };
        for option in DEMO.all_options() {
            assert!(is_named(option.long), "{} in {kind}:\n{text}", option.long);
        }
        for command in DEMO.commands {
            assert!(text.contains(command.name), "{} in {kind}:\n{text}", command.name);
            // The help of a command has a page of its own.
            let own = if kind == "--help" { &[][..] } else { command.options };
            assert!(own.iter().all(|option| is_named(option.long)), "{kind}:\n{text}");
        }
    }
}

/// Everything that is made of the table, and the file that says what it must be. A change of a page
/// or a script is then seen as whoever uses it will see it.
const MADE: [(&str, &str); 6] = [
    ("--help", "help.txt"),
    ("tail --help", "tail.txt"),
    ("--generate=man", "demo.1"),
    ("--generate=bash", "demo.bash"),
    ("--generate=zsh", "_demo"),
    ("--generate=fish", "demo.fish"),
];

fn agreed(file: &str) -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src/cli/tests", file].iter().collect()
}

#[test]
fn what_is_made_of_the_table_is_what_was_agreed_on() {
    for (line, file) in MADE {
        let agreed = std::fs::read_to_string(agreed(file)).unwrap();
        assert_eq!(printed(line), agreed.replace("\r\n", "\n"), "{line}");
    }
}

#[test]
#[ignore = "it writes what the test before this one expects"]
fn record() {
    for (line, file) in MADE {
        std::fs::write(agreed(file), printed(line)).unwrap();
    }
}

#[test]
fn its_table_tells_which_defaults_are_values_and_which_variables_set_options() {
    assert_eq!(DEMO.defaults().collect::<Vec<_>>(), [("port", "9000")]);
    let variables: Vec<_> = DEMO.variables().collect();
    assert_eq!(variables, ["DEMO_PORT", "DEMO_NAME", "DEMO_VERY_LOUD", "DEMO_CONFIG"]);
}

#[test]
fn version_is_one_line() {
    assert_eq!(printed("-V"), "demo 1.2\n");
    assert_eq!(printed("tail --version"), "demo 1.2\n");
}

#[test]
fn a_variable_that_an_orchestrator_has_set_is_ignored_with_a_warning() {
    let told = std::cell::RefCell::new(Vec::new());
    let run = |line: &str, value: &'static str| {
        let variable = |name: &str| (name == "DEMO_PORT").then(|| value.into());
        let warn = |text: &str| told.borrow_mut().push(text.to_owned());
        let sources = Sources { variable: &variable, warn: &warn, ..Sources::NOTHING };
        let arguments = line.split_whitespace().map(OsString::from);
        let parsed = DEMO.parse(arguments, &sources, Set::default());
        let port = parsed.map(|parsed| match parsed {
            Parsed::Run(set) => set.port,
            Parsed::Print(text) => panic!("{text}"),
        });
        (port.map_err(|why| why.to_string()), told.take())
    };
    let default = Set::default().port;
    for value in ["tcp://10.0.0.7:9000", "udp://[fd00::7]:9000", "sctp://10.0.0.7:9000"] {
        let (port, told) = run("", value);
        assert_eq!(port, Ok(default), "{value}");
        assert!(told.len() == 1 && told[0].contains("DEMO_PORT"), "{told:?}");
        assert!(told[0].contains(value) && told[0].contains("--port"), "{told:?}");
        // What is not looked at is not complained about.
        assert_eq!(run("--port 2", value), (Ok(2), vec![]));
    }
    let (_, told) = run("", "tcp://x\u{1b}[2J");
    assert!(told.iter().all(|line| !line.contains('\u{1b}')), "{told:?}");
    for nonsense in ["http://10.0.0.7:9000", "tcp", "10.0.0.7:9000"] {
        let (port, told) = run("", nonsense);
        assert!(port.is_err() && told.is_empty(), "{nonsense}");
    }
}
