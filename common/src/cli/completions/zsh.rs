//! For zsh: a file `_PROGRAM` for a directory of `$fpath`.

use super::super::{Command, Completes, Opt, Program};
use super::{identifier, single_quoted};

impl<T> Program<T> {
    pub(in super::super) fn zsh(&self) -> String {
        let function = format!("_{}", identifier(self.name));
        let mut out = format!("#compdef {}\n\n{function}() {{\n", self.name);
        out.push_str("    local curcontext=\"$curcontext\" context state state_descr line\n");
        out.push_str("    typeset -A opt_args\n");
        out.push_str("    _arguments -C -s -S \\\n");
        self.specs(&mut out, None, 8);
        if self.commands.is_empty() {
            out.push_str("        && return\n");
        } else {
            out.push_str("        '1: :->command' \\\n        '*:: :->argument' && return\n");
            self.zsh_states(&mut out);
        }
        // Whether it is loaded by `autoload` or sourced.
        out.push_str(&format!(
            "}}\n\nif [[ $funcstack[1] == {function} ]]; then\n    {function} \"$@\"\nelse\n    \
             compdef {function} {}\nfi\n",
            self.name
        ));
        out
    }

    fn specs(&self, out: &mut String, command: Option<&Command<T>>, indent: usize) {
        for (option, short) in self.options_behind(command) {
            out.push_str(&format!("{:indent$}{} \\\n", "", spec(option, short)));
        }
    }

    fn zsh_states(&self, out: &mut String) {
        out.push_str("    case $state in\n    command)\n        local -a commands=(\n");
        for command in self.commands {
            let described = format!("{}:{}", command.name, command.does.replace(':', "\\:"));
            out.push_str(&format!("            {}\n", single_quoted(&described)));
        }
        out.push_str("        )\n        _describe command commands\n        ;;\n");
        out.push_str("    argument)\n        case $words[1] in\n");
        for command in self.commands {
            out.push_str(&format!("        {})\n            _arguments -s -S \\\n", command.name));
            self.specs(out, Some(command), 16);
            let action = action(command.completes);
            out.push_str(&format!("                '*:argument:{action}'\n            ;;\n"));
        }
        out.push_str("        esac\n        ;;\n    esac\n");
    }
}

/// One option, as `_arguments` wants it.
fn spec<T>(option: &Opt<T>, short: Option<char>) -> String {
    let does = option.brief().replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
    let value = match option.is_flag() {
        true => String::new(),
        false => {
            let hint = option.hint.replace(':', "\\:");
            format!(":{hint}:{}", action(option.completes))
        }
    };
    let text = single_quoted(&format!("[{does}]{value}"));
    let (plus, equals) = if option.is_flag() { ("", "") } else { ("+", "=") };
    let long = format!("--{}", option.long);
    match short {
        Some(short) => format!("'(-{short} {long})'{{-{short}{plus},{long}{equals}}}{text}"),
        None => format!("'{long}{equals}{}", &text[1..]),
    }
}

fn action(completes: Completes) -> String {
    match completes {
        Completes::Nothing => " ".into(),
        Completes::Words(words) => format!("({})", words.join(" ")),
        Completes::Files => "_files".into(),
        Completes::Directories => "_files -/".into(),
        Completes::Hosts => "_hosts".into(),
    }
}
