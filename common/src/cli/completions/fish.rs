//! For fish: a file `PROGRAM.fish` for its directory of completions.

use super::super::{Completes, Opt, Program};
use super::single_quoted;

impl<T> Program<T> {
    pub(in super::super) fn fish(&self) -> String {
        let name = self.name;
        let mut out = format!("# Completes {name} in fish.\n\ncomplete -c {name} -f\n");
        self.all_options().for_each(|option| line(&mut out, name, None, option));
        let names: Vec<&str> = self.commands.iter().map(|command| command.name).collect();
        for command in self.commands {
            let none = format!("not __fish_seen_subcommand_from {}", names.join(" "));
            let (does, word) = (quoted(command.does), command.name);
            out.push_str(&format!("complete -c {name} -n '{none}' -a {word} -d {does}\n"));
            let this = format!("__fish_seen_subcommand_from {word}");
            if command.completes != Completes::Nothing {
                let offer = offer(command.completes);
                out.push_str(&format!("complete -c {name} -n '{this}' {offer}\n"));
            }
            command.options.iter().for_each(|option| line(&mut out, name, Some(&this), option));
        }
        out
    }
}

fn line<T>(out: &mut String, name: &str, condition: Option<&str>, option: &Opt<T>) {
    let condition = condition.map_or(String::new(), |condition| format!(" -n '{condition}'"));
    let short = option.short.map_or(String::new(), |short| format!(" -s {short}"));
    let value = match (option.is_flag(), option.completes) {
        (true, _) => String::new(),
        (false, completes) => format!(" {}", offer(completes)),
    };
    let (long, does) = (option.long, quoted(option.brief()));
    out.push_str(&format!("complete -c {name}{condition}{short} -l {long}{value} -d {does}\n"));
}

/// A value is needed (`-r`), and files are offered only if they are meant (`-f`, `-F`).
fn offer(completes: Completes) -> String {
    match completes {
        Completes::Nothing => "-x".into(),
        Completes::Words(words) => format!("-x -a '{}'", words.join(" ")),
        Completes::Files => "-r -F".into(),
        Completes::Directories => "-x -a '(__fish_complete_directories)'".into(),
        Completes::Hosts => "-x -a '(__fish_print_hostnames)'".into(),
    }
}

/// Between single quotes, where fish knows `\'` and `\\`.
fn quoted(text: &str) -> String {
    if text.contains('\'') || text.contains('\\') {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
    } else {
        single_quoted(text)
    }
}
