//! What can be typed to start something: options of the programs, targets and variables of the
//! Makefile. The documents name them all, and no others.

use std::collections::BTreeSet;

use chatshelf_common::cli::{Error, Parsed, Sources};

use crate::assert_none;
use crate::tables::difference;
use crate::tree;

/// Understands one argument, and gives the text that the program prints for it.
type Print = fn(&[&str]) -> String;

fn printed<T>(parsed: Result<Parsed<T>, Error>) -> String {
    match parsed {
        Ok(Parsed::Print(text)) => text,
        Ok(Parsed::Run(_)) => panic!("nothing was printed"),
        Err(why) => panic!("{why}"),
    }
}

fn server(arguments: &[&str]) -> String {
    let arguments = arguments.iter().map(Into::into);
    printed(chatshelf_server::config::parse(arguments, &Sources::NOTHING))
}

fn client(arguments: &[&str]) -> String {
    printed(chatshelf_client::options::parse(arguments.iter().map(Into::into)))
}

fn load(arguments: &[&str]) -> String {
    printed(chatshelf_client::load::options::parse(arguments.iter().map(Into::into)))
}

/// The long options that a text names.
fn options(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("--") {
        let is_start = !text[..at].ends_with(|c: char| c == '-' || c.is_alphanumeric());
        let name: String =
            text[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if is_start && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            found.insert(format!("--{}", name.trim_end_matches('-')));
        }
    }
    found
}

/// The commands of a program, by its help.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = lines.take_while(|line| !line.is_empty());
    let rows = rows.filter(|row| row.starts_with("    ") && !row.starts_with("     "));
    let rows = rows.filter(|row| !row.contains("COMMAND --help"));
    rows.filter_map(|row| row.split_whitespace().next()).collect()
}

/// Every option that a program has, or one of its commands, by their help.
fn options_of(print: Print) -> BTreeSet<String> {
    let help = print(&["--help"]);
    let mut found = options(&help);
    for command in commands(&help) {
        found.extend(options(&print(&[command, "--help"])));
    }
    found
}

fn document(path: &str) -> String {
    std::fs::read_to_string(tree::root().join(path)).unwrap()
}

#[test]
fn the_man_page_has_every_option() {
    for print in [server as Print, client, load] {
        let man = ["\\fB", "\\fI", "\\fR"]
            .into_iter()
            .fold(print(&["--generate", "man"]), |man, font| man.replace(font, ""))
            .replace("\\-", "-");
        assert_none(
            "the man page differs from --help",
            &difference(&options_of(print), &options(&man)),
        );
    }
}

/// What every program has; the Makefile passes none of it on.
const BUILT_IN: &[&str] = &["--generate", "--help", "--version"];

#[test]
fn the_documents_have_every_option() {
    let mut complaints = Vec::new();
    for (print, place) in
        [(client as Print, "docs/MANUAL.md"), (server, "docs/OPERATIONS.md"), (load, "Makefile")]
    {
        let (has, mut needs) = (options(&document(place)), options_of(print));
        needs.retain(|option| place != "Makefile" || !BUILT_IN.contains(&option.as_str()));
        complaints.extend(needs.difference(&has).map(|option| format!("{place}: no {option}")));
    }
    assert_none("describe the option", &complaints);
}

/// Options of other programs that the documents name: of cargo, valgrind, apt, systemctl, docker,
/// wget, and the benchmark.
const FOREIGN: &[&str] = &[
    "--add-port",
    "--bench",
    "--bin",
    "--delete",
    "--example",
    "--inclusive",
    "--install",
    "--lib",
    "--no-check-certificate",
    "--no-run",
    "--now",
    "--only",
    "--part",
    "--permanent",
    "--release",
    "--reload",
    "--rounds",
    "--shard",
    "--test",
    "--ulimit",
];

#[test]
fn the_documents_have_no_other_option() {
    let mut known: BTreeSet<String> = FOREIGN.iter().map(ToString::to_string).collect();
    [server as Print, client, load].iter().for_each(|print| known.extend(options_of(*print)));
    let mut complaints = Vec::new();
    for source in tree::sources().iter().filter(|source| source.has_extension("md")) {
        let named = options(&source.text);
        complaints.extend(named.difference(&known).map(|it| format!("{}: {it}", source.path)));
    }
    assert_none("no program has this option", &complaints);
}

#[test]
fn options_and_commands_are_found_in_a_text() {
    let found = options("-p, --port N; `--keep-partial`. --x=y a--b ---c -- -- d");
    assert_eq!(found, ["--keep-partial", "--port", "--x"].map(String::from).into());
    let help = "Usage: x\n\nCommands:\n    send TEXT  says it\n               more\n    x COMMAND --help\n\nOptions:\n";
    assert_eq!(commands(help), ["send"]);
}

/// The targets that a Makefile lists, or the variables that it knows.
fn made(makefile: &str) -> BTreeSet<String> {
    let targets = makefile.lines().filter(|line| line.contains(": ") && line.contains("## "));
    let targets = targets.filter_map(|line| line.split_once(':')).map(|(target, _)| target);
    let variables = makefile.lines().filter_map(|line| line.strip_suffix(" ="));
    targets.chain(variables).map(str::to_owned).collect()
}

/// What a text tells make to do: targets, and variables that it sets.
fn asked(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, make) in text.match_indices("make ") {
        let is_command = text[..at].ends_with(['`', '\n', ' ', '\'']) || at == 0;
        let line = text[at + make.len()..].split(['\n', '`', '\'', '|', ';', '&']).next().unwrap();
        let mut words = line.split_whitespace();
        let target = words.next().unwrap_or_default();
        let is_target = target.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        // In prose, "make" is a verb.
        let is_code = text[..at].ends_with('`') || text[..at].ends_with('\n');
        if is_command && is_code && is_target && !target.is_empty() {
            found.insert(target.to_owned());
            let settings = words.filter_map(|word| word.split_once('='));
            found.extend(settings.map(|(name, _)| name.to_owned()));
        }
    }
    found
}

#[test]
fn the_documents_know_the_makefile() {
    let sources = tree::sources();
    let documents = sources.iter().filter(|it| it.has_extension("md") || it.has_extension("yml"));
    let text: String = documents.map(|source| source.text.replace("run: make", "\nmake")).collect();
    let makefiles = ["Makefile", "packaging/packaging.mk"].map(document).join("\n");
    let (known, named) = (made(&makefiles), asked(&text));
    let unknown = named.difference(&known).map(|name| format!("no target or variable {name}"));
    let targets = known.iter().filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    let unnamed = targets.filter(|name| !named.contains(*name));
    let unnamed = unnamed.map(|name| format!("no document has make {name}"));
    assert_none(
        "the Makefile and the documents differ",
        &unknown.chain(unnamed).collect::<Vec<_>>(),
    );
}

#[test]
fn targets_and_variables_are_found_in_a_text() {
    let text = "`make build`, to make sure. `make load-test CLIENTS=5 X=\"a b\"`\nmake soak\n";
    let expected = ["build", "load-test", "soak", "CLIENTS", "X"].map(String::from);
    assert_eq!(asked(text), expected.into());
    let makefile = "PORT =\nbuild: toolchain ## Build\ntoolchain:\n\techo: x\n";
    assert_eq!(made(makefile), ["build", "PORT"].map(String::from).into());
}
