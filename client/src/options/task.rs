//! The commands of the command line: what a script can have done without joining the talk.

use std::path::PathBuf;

use chatshelf_common::cli::value::parsed;
use chatshelf_common::cli::{self, Command, Completes};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::{FileName, Message};

use super::Options;
use crate::command;

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Say this, or what comes from standard input.
    Send(Option<Message>),
    /// Put these files on the shelf; a single one under another name.
    Upload(Vec<String>, Option<FileName>),
    /// Put what comes from standard input on the shelf, under this name.
    UploadInput(FileName),
    /// Fetch an item.
    Download(Wanted, Output),
    /// Show what is on the shelf.
    List {
        /// As JSON.
        json: bool,
    },
    /// Show who is here.
    Who {
        /// As JSON.
        json: bool,
    },
    /// Show what was said.
    Tail {
        /// Most lines of it.
        lines: u32,
        /// And what is being said, until the end.
        follow: bool,
        /// As JSON.
        json: bool,
    },
}

/// Which item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest one.
    Latest,
    /// What this text means: a number, or a name.
    Named(String),
}

/// Where it is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the directory for downloads.
    DownloadDir,
    /// To this file or directory.
    Path(PathBuf),
    /// To standard output.
    Stdout,
}

/// What the options behind a command say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    json: bool,
    follow: bool,
    latest: bool,
    lines: Option<u32>,
    name: Option<FileName>,
    output: Option<String>,
}

type Opt = cli::Opt<Options>;

const JSON: Opt = Opt::flag("json", "show JSON", |options, on| options.own.json = on);

pub(super) const COMMANDS: &[Command<Options>] = &[
    Command {
        name: "send",
        arguments: "TEXT|-",
        does: "say something to everyone",
        about: "Says TEXT to everyone in the room; several words are one message. With - the \
                message is what comes from standard input, all of it, lines and all. It is done when \
                the server has it.",
        options: &[],
        completes: Completes::Nothing,
        take: |options, words| {
            let task = match &words[..] {
                [] => return Err("send needs a text, or - for standard input".into()),
                [word] if word == "-" => Task::Send(None),
                words => {
                    let text = command::message(&words.join(" "));
                    Task::Send(Some(text.map_err(|why| why.to_string())?))
                }
            };
            options.task = Some(task);
            Ok(())
        },
    },
    Command {
        name: "upload",
        arguments: "FILE...|-",
        does: "put files on the shelf",
        about: "Puts files on the shelf and shows number and name of each. With - the content is \
                what comes from standard input; it is kept in a temporary file until all of it is \
                there, for the server wants to know its size.",
        options: &[Opt::value(
            "as",
            "NAME",
            "name to put it there by; needed with -",
            |options, text| {
                options.own.name = Some(FileName::new(text).map_err(|why| why.to_string())?);
                Ok(())
            },
        )],
        completes: Completes::Files,
        take: |options, files| {
            let name = options.own.name.take();
            let task = match (&files[..], name) {
                ([], _) => return Err("upload needs a file, or - for standard input".into()),
                ([file], Some(name)) if file == "-" => Task::UploadInput(name),
                ([file], None) if file == "-" => return Err("upload - needs --as NAME".into()),
                ([_, _, ..], Some(_)) => return Err("--as is for a single file".into()),
                (several, _) if several.iter().any(|file| file == "-") => {
                    return Err("- can't be uploaded together with files".into());
                }
                (_, name) => Task::Upload(files, name),
            };
            options.task = Some(task);
            Ok(())
        },
    },
    Command {
        name: "download",
        arguments: "ID|NAME|--latest",
        does: "fetch a file from the shelf",
        about: "Fetches the item of that number or (the newest one) of that name, or the newest of \
                all; #7 is always a number, name:7 always a name. It compares the digest \
                and shows the path it was kept as. A file that is there is never overwritten: the \
                new one is called 'name (1).ext', and a name that begins with ., - or ~ gets a _ in \
                front unless -o asks for it. With -o - the content \
                goes to standard output, once all of it has come and was found to be right: never a \
                byte that was not verified. Until then it is in a temporary file. With --preserve \
                the file gets the permissions and the date of what was uploaded.",
        options: &[
            Opt::flag("latest", "the newest item", |options, on| options.own.latest = on),
            Opt::value(
                "output",
                "PATH|-",
                "file or directory, - for standard output",
                |options, text| {
                    options.own.output = Some(text.into());
                    Ok(())
                },
            )
            .short('o')
            .completes(Completes::Files),
        ],
        completes: Completes::Nothing,
        take: |options, names| {
            let wanted = match (&names[..], options.own.latest) {
                ([], true) => Wanted::Latest,
                ([name], false) => Wanted::Named(name.clone()),
                _ => return Err("download needs one number or name, or --latest".into()),
            };
            let output = match options.own.output.take() {
                None => Output::DownloadDir,
                Some(path) if path == "-" => Output::Stdout,
                Some(path) => Output::Path(path.into()),
            };
            options.task = Some(Task::Download(wanted, output));
            Ok(())
        },
    },
    Command {
        name: "list",
        arguments: "",
        does: "show what is on the shelf",
        about: "Shows what is on the shelf, oldest first: number, name, size, who, when, digest; as \
                JSON one array of objects with id, name, size (bytes), nick, at, digest (BLAKE3), mode \
                (octal) and modified.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: |options, words| {
            let json = options.own.json;
            alone(options, &words, Task::List { json })
        },
    },
    Command {
        name: "who",
        arguments: "",
        does: "show who is in the room",
        about: "Shows who is in the room, a name a line, without the one by which it asks; as JSON \
                one array of objects with nick.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: |options, words| {
            let json = options.own.json;
            alone(options, &words, Task::Who { json })
        },
    },
    Command {
        name: "tail",
        arguments: "",
        does: "show what was said, and what is being said",
        about: "Shows the last lines that were said and what became of the shelf between them, then \
                with --follow what happens, until it is interrupted. As JSON, one object a line, it \
                shows who came and left as well: each has type (said, joined, left, renamed, topic, \
                shelved, dropped, forgotten, told), at, seq and what belongs to it.",
        options: &[
            Opt::value("lines", "N|all", "lines to show", |options, text| {
                options.own.lines = Some(match text {
                    "all" => HISTORY_ALL,
                    lines => parsed(lines, "a number of lines or all")?,
                });
                Ok(())
            })
            .short('n')
            .default("10"),
            Opt::flag("follow", "go on", |options, on| options.own.follow = on).short('f'),
            JSON,
        ],
        completes: Completes::Nothing,
        take: |options, words| {
            let Own { lines, follow, json, .. } = options.own;
            alone(options, &words, Task::Tail { lines: lines.unwrap_or(10), follow, json })
        },
    },
];

/// A command that takes no arguments.
fn alone(options: &mut Options, words: &[String], task: Task) -> Result<(), String> {
    match words.first() {
        Some(word) => Err(format!("unexpected argument '{word}'")),
        None => {
            options.task = Some(task);
            Ok(())
        }
    }
}
