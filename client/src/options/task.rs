//! The one-shot commands: what a script can do without joining the room to talk. Those of operators
//! are in `operators`.

mod operators;

use std::path::PathBuf;
use std::time::Duration;

use chatshelf_common::address::{AddressError, ServerAddress};
use chatshelf_common::cli::value::{number, parsed};
use chatshelf_common::cli::{self, Command, Completes, Take};
use chatshelf_common::join_link::JoinLink;
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::FileName;

use super::{Find, Options};
use crate::command::{self, Upload};
use crate::discovery::SEARCH;
use crate::item::ItemRef;
use crate::search::Words;

/// The longest search of the local network, in seconds.
const FIND_SECONDS_MAX: u64 = 60;

/// What a one-shot command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Carry this out: say something, upload files, take items off the shelf.
    Do(command::Command),
    /// The same as an operator.
    AsOperator(command::Command),
    /// Show who is banned.
    Bans {
        /// As JSON.
        json: bool,
    },
    /// Say what standard input holds.
    SendInput,
    /// Put the content of standard input on the shelf, under this name.
    UploadInput(FileName),
    /// Fetch these items.
    Download(Vec<ItemRef>, Output),
    /// Show where browsers find this item.
    Link {
        /// Which.
        item: ItemRef,
        /// As JSON.
        json: bool,
    },
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
    /// Show what the server has done.
    Stats {
        /// As JSON.
        json: bool,
    },
    /// Show what was said in the room.
    Tail {
        /// The most lines to show.
        lines: u32,
        /// Only those that contain these words.
        grep: Option<Words>,
        /// Also what is said from now on, until interrupted.
        follow: bool,
        /// As JSON.
        json: bool,
    },
}

/// Where a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Into the directory for downloads.
    DownloadDir,
    /// To this file, or into this directory.
    Path(PathBuf),
    /// To standard output.
    Stdout,
}

/// The options that follow a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) json: bool,
    follow: bool,
    latest: bool,
    lines: Option<u32>,
    grep: Option<Words>,
    name: Option<FileName>,
    output: Option<String>,
    time: Option<Duration>,
}

type Opt = cli::Opt<Options>;

pub(super) const JSON: Opt = Opt::flag("json", "show JSON", |options, on| options.own.json = on);

pub(super) const COMMANDS: &[Command<Options>] = &[
    Command {
        name: "send",
        arguments: "TEXT|-",
        does: "say something to everyone",
        about: "Says TEXT to everyone in the room; several words are one message. With - the \
                message is everything from standard input, line breaks included. The command \
                succeeds once the server has the message.",
        options: &[],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let task = match &words[..] {
                [] => return Err("send needs a text, or - for standard input".into()),
                [word] if word == "-" => Task::SendInput,
                words => {
                    let text = command::message(&words.join(" "));
                    Task::Do(command::Command::Say(text.map_err(|why| why.to_string())?))
                }
            };
            options.task = Some(task);
            Ok(())
        }),
    },
    Command {
        name: "upload",
        arguments: "FILE...|-",
        does: "put files on the shelf",
        about: "Puts files on the shelf and shows number and name of each. Characters that a name \
                may not contain, and bytes that are not UTF-8, are replaced by _. More files than \
                the shelf keeps are refused before any is sent. With - the content comes from \
                standard input. It goes to a temporary file first, because the server must know \
                its size; more than the server accepts is refused.",
        options: &[Opt::value(
            "as",
            "NAME",
            "name it gets on the shelf; required with -",
            |options, text| {
                options.own.name = Some(FileName::new(text).map_err(|why| why.to_string())?);
                Ok(())
            },
        )],
        completes: Completes::Files,
        take: Take::Files(|options, files| {
            let name = options.own.name.take();
            let task = match (&files[..], name) {
                ([], _) => return Err("upload needs a file, or - for standard input".into()),
                ([file], Some(name)) if file == "-" => Task::UploadInput(name),
                ([file], None) if file == "-" => return Err("upload - needs --as NAME".into()),
                ([_, _, ..], Some(_)) => return Err("--as takes a single file".into()),
                (several, _) if several.iter().any(|file| file == "-") => {
                    return Err("- cannot be uploaded together with files".into());
                }
                (_, name) => {
                    let paths = files.into_iter().map(PathBuf::from).collect();
                    Task::Do(command::Command::Upload(Upload::Files { paths, name }))
                }
            };
            options.task = Some(task);
            Ok(())
        }),
    },
    Command {
        name: "download",
        arguments: "ID|NAME...|--latest",
        does: "fetch files from the shelf",
        about: "Fetches items by number or name (the newest one of that name), or the newest of \
                all; #7 is always a number, name:7 always a name. Verifies the digest of each and \
                shows its path as soon as it is complete. An existing file is never overwritten: \
                the new one is called 'name (1).ext'. A name that begins with ., - or ~ gets a _ \
                in front, unless -o asks for it. With -o - the content of a single item goes to \
                standard output; with -o and the path of a device or a named pipe it goes there. \
                In both cases it waits in a temporary file until all of it is verified. A terminal \
                is shown text only, with everything made visible that could act on it. With \
                --preserve a file gets the permissions and the date of the uploaded one.",
        options: &[
            Opt::flag("latest", "the newest item", |options, on| options.own.latest = on),
            Opt::value(
                "output",
                "PATH|-",
                "file, directory, device or pipe; - for standard output",
                |options, text| {
                    options.own.output = Some(text.into());
                    Ok(())
                },
            )
            .short('o')
            .completes(Completes::Files),
        ],
        completes: Completes::Nothing,
        take: Take::Words(|options, names| {
            let mut wanted: Vec<ItemRef> = names.iter().map(|name| ItemRef::new(name)).collect();
            wanted.extend(options.own.latest.then_some(ItemRef::Latest));
            let output = match options.own.output.take() {
                None => Output::DownloadDir,
                Some(path) if path == "-" => Output::Stdout,
                Some(path) => Output::Path(path.into()),
            };
            match (wanted.len(), &output) {
                (0, _) => return Err("download needs numbers or names, or --latest".into()),
                (2.., Output::Stdout) => return Err("-o - takes a single item".into()),
                (2.., Output::Path(path)) if !path.is_dir() => {
                    let path = path.display();
                    return Err(format!("several items need a directory; {path} is not one"));
                }
                _ => {}
            }
            options.task = Some(Task::Download(wanted, output));
            Ok(())
        }),
    },
    Command {
        name: "drop",
        arguments: "ID|NAME...",
        does: "take your own files off the shelf",
        about: "Takes items off the shelf and shows number and name of each. Only the uploader of \
                an item can do that: this machine remembers, for this user, the key it was \
                uploaded with. With --operator-password-file, anyone's items. Whoever is fetching \
                the item at that moment still gets it.",
        options: &[],
        completes: Completes::Nothing,
        take: Take::Words(|options, names| {
            if names.is_empty() {
                return Err("drop needs numbers or names".into());
            }
            let items = names.iter().map(|name| ItemRef::new(name)).collect();
            let drop = command::Command::Drop(items);
            options.task = Some(match options.operator_password {
                Some(_) => Task::AsOperator(drop),
                None => Task::Do(drop),
            });
            Ok(())
        }),
    },
    Command {
        name: "link",
        arguments: "ID|NAME",
        does: "show a file's link for browsers",
        about: "Shows the link by which a browser, or a program such as curl, fetches an item, by \
                number or name (the newest one of that name); on a terminal also its QR code, if \
                it fits; as JSON one object with id, name and link. In a room with a password the \
                link opens this one item without it, as long as it is on the shelf. The host is \
                that of the server's --public-url; else the one you connect to or, if that is this \
                machine, its address on the network.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let [word] = &words[..] else {
                return Err("link needs one number or name".into());
            };
            let (item, json) = (ItemRef::new(word), options.own.json);
            options.task = Some(Task::Link { item, json });
            Ok(())
        }),
    },
    Command {
        name: "list",
        arguments: "",
        does: "show what is on the shelf",
        about: "Shows what is on the shelf, oldest first: number, name, size, who, when, digest; \
                as JSON one array of objects with id, name, size (bytes), nick, at, digest \
                (BLAKE3), mode (octal) and modified.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let json = options.own.json;
            alone(options, &words, Task::List { json })
        }),
    },
    Command {
        name: "who",
        arguments: "",
        does: "show who is in the room",
        about: "Shows who is in the room, one name per line, except the one it joined with; as \
                JSON one array of objects with nick.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let json = options.own.json;
            alone(options, &words, Task::Who { json })
        }),
    },
    Command {
        name: "stats",
        arguments: "",
        does: "show what the server has done",
        about: "Shows what the server has done since it started, and the round-trip time; as JSON \
                one object with software, server (the server's figures by name: counts, bytes, \
                milliseconds) and rtt_ms. A server that is older than the command is refused.",
        options: &[JSON],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let json = options.own.json;
            alone(options, &words, Task::Stats { json })
        }),
    },
    Command {
        name: "tail",
        arguments: "",
        does: "show what was said, and what is said from now on",
        about: "Shows the last lines of talk and what happened to the shelf meanwhile; with \
                --follow also what happens from now on, until it is interrupted. As JSON, one \
                object per line, it also shows who joined and left: each object has type (said, \
                joined, left, renamed, topic, shelved, dropped, moderated, forgotten, told), at, \
                seq and its details. With --grep it shows only what contains all of WORDS, in any \
                order and case: in talk, in the speaker's name, in topics and in names of files. \
                It searches all the history that the server has, and -n counts what it finds.",
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
            Opt::value("grep", "WORDS", "only what contains all these words", |options, text| {
                let words = Words::new(text).ok_or("no word to search for")?;
                options.own.grep = Some(words);
                Ok(())
            }),
            Opt::flag("follow", "keep showing what happens", |options, on| options.own.follow = on)
                .short('f'),
            JSON,
        ],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            let Own { lines, follow, json, .. } = options.own;
            let (lines, grep) = (lines.unwrap_or(10), options.own.grep.take());
            alone(options, &words, Task::Tail { lines, grep, follow, json })
        }),
    },
    operators::KICK,
    operators::BAN,
    operators::UNBAN,
    operators::BANS,
    operators::REDACT,
    operators::LOCK,
    operators::UNLOCK,
    Command {
        name: "find",
        arguments: "",
        does: "find rooms on the local network",
        about: "Shows the rooms whose servers announce themselves on the local network (multicast \
                DNS): name, address, and the beginning of the key's fingerprint; as JSON one array \
                of objects with name, host, port and key. Anyone can announce anything: what is \
                announced changes nothing about which key is trusted. On many company and guest \
                networks, and over VPNs, nothing is found.",
        options: &[
            Opt::value("time", "SECONDS", "how long to search", |options, text| {
                let seconds = number(text, 1..=FIND_SECONDS_MAX)?;
                options.own.time = Some(Duration::from_secs(seconds));
                Ok(())
            })
            .default("2"),
            JSON,
        ],
        completes: Completes::Nothing,
        take: Take::Words(|options, words| {
            if let Some(word) = words.first() {
                return Err(format!("unexpected argument '{word}'"));
            }
            let (time, json) = (options.own.time.unwrap_or(SEARCH), options.own.json);
            options.find = Some(Find { time, json });
            Ok(())
        }),
    },
    Command {
        name: "forget",
        arguments: "HOST[:PORT]...",
        does: "forget the key of a server",
        about: "Forgets the key of each server, so that the next connection is a first contact \
                again. A server is named as in --host; without a port, it is the one at port 9000. \
                Contacts no server.",
        options: &[],
        completes: Completes::Hosts,
        take: Take::Words(|options, words| {
            if words.is_empty() {
                return Err("forget needs a server, as HOST or HOST:PORT".into());
            }
            let server = |word: &String| {
                let link: JoinLink =
                    word.parse().map_err(|why: AddressError| format!("forget '{word}': {why}"))?;
                Ok(link.address)
            };
            let servers: Result<Vec<ServerAddress>, String> = words.iter().map(server).collect();
            options.forget = servers?;
            Ok(())
        }),
    },
];

/// Accepts a command that takes no arguments.
pub(super) fn alone(options: &mut Options, words: &[String], task: Task) -> Result<(), String> {
    match words.first() {
        Some(word) => Err(format!("unexpected argument '{word}'")),
        None => {
            options.task = Some(task);
            Ok(())
        }
    }
}
