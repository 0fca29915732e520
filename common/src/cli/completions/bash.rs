//! For bash, 3.2 and newer. Needs no package beside it.

use super::super::{Command, Completes, Opt, Program};
use super::{identifier, typed};

/// What the functions begin with: `PROGRAM` stands for the program's name as part of theirs.
/// `--option=value` comes as three words. What is offered may hold anything but a line's end.
const HELPERS: &str = r#"
_PROGRAM_offer() {
    local offered
    while IFS= read -r offered; do
        COMPREPLY+=("$offered")
    done < <(compgen "$@" -- "$current")
}

_PROGRAM_offer_names() {
    compopt -o filenames 2>/dev/null
    _PROGRAM_offer "$1"
}

_PROGRAM() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command= only_arguments= word i
    COMPREPLY=()
    if [[ $current == '=' ]]; then
        current=
    elif [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --) only_arguments=yes before= ;;
            =) ((i++)) ;;
            -*)
                if [[ ${COMP_WORDS[i+1]} != '=' ]] && _PROGRAM_takes_value "$word"; then
                    ((i++))
                fi
                ;;
            *) [[ $command ]] || command=$word ;;
        esac
    done
"#;

impl<T> Program<T> {
    pub(in super::super) fn bash(&self) -> String {
        let function = format!("_{}", identifier(self.name));
        let mut out = format!("# Completes {} in bash.\n\n", self.name);
        self.takes_value(&mut out);
        out.push_str(HELPERS);
        self.values(&mut out);
        self.names(&mut out);
        if !self.commands.is_empty() {
            self.arguments(&mut out);
        }
        out.push_str(&format!("}}\n\ncomplete -F _PROGRAM {}\n", self.name));
        out.replace("_PROGRAM", &function)
    }

    /// A function that knows the options with a value.
    fn takes_value(&self, out: &mut String) {
        out.push_str("_PROGRAM_takes_value() {\n    case $command:$1 in\n");
        for (pattern, option) in self.patterns() {
            let answer = u8::from(option.is_flag());
            out.push_str(&format!("        {pattern}) return {answer} ;;\n"));
        }
        out.push_str("    esac\n    return 1\n}\n");
    }

    /// Offers values of the option before.
    fn values(&self, out: &mut String) {
        out.push_str("    case $command:$before in\n");
        for (pattern, option) in self.patterns().iter().filter(|(_, option)| !option.is_flag()) {
            let offer = offer(option.completes);
            out.push_str(&format!("        {pattern}) {offer}; return ;;\n"));
        }
        out.push_str("    esac\n");
    }

    /// Offers the names of options.
    fn names(&self, out: &mut String) {
        let names = |command: Option<&Command<T>>| {
            let options = self.options_behind(command).into_iter();
            options.flat_map(|(option, short)| typed(option, short)).collect::<Vec<_>>().join(" ")
        };
        out.push_str("    if [[ $current == -* && ! $only_arguments ]]; then\n");
        out.push_str("        case $command in\n");
        for command in self.commands {
            let names = names(Some(command));
            out.push_str(&format!(
                "            {}) _PROGRAM_offer -W '{names}' ;;\n",
                command.name
            ));
        }
        out.push_str(&format!("            *) _PROGRAM_offer -W '{}' ;;\n", names(None)));
        out.push_str("        esac\n        return\n    fi\n");
    }

    /// Offers commands, or what the command takes.
    fn arguments(&self, out: &mut String) {
        let names: Vec<&str> = self.commands.iter().map(|command| command.name).collect();
        out.push_str("    case $command in\n");
        for command in self.commands {
            out.push_str(&format!("        {}) {} ;;\n", command.name, offer(command.completes)));
        }
        out.push_str(&format!("        '') _PROGRAM_offer -W '{}' ;;\n", names.join(" ")));
        out.push_str("    esac\n");
    }

    /// Each option with the pattern of what it is called behind which command. Those of commands
    /// come first, for there a short name is theirs.
    fn patterns(&self) -> Vec<(String, &Opt<T>)> {
        let own = self
            .commands
            .iter()
            .flat_map(|command| command.options.iter().map(|option| (command.name, option)));
        let global = self.all_options().map(|option| ("*", option));
        let pattern = |(command, option): (&str, &Opt<T>)| {
            let names = typed(option, option.short).into_iter();
            names.map(|name| format!("{command}:{name}")).collect::<Vec<_>>().join("|")
        };
        own.chain(global).map(|it| (pattern(it), it.1)).collect()
    }
}

fn offer(completes: Completes) -> String {
    match completes {
        Completes::Nothing => ":".into(),
        Completes::Words(words) => format!("_PROGRAM_offer -W '{}'", words.join(" ")),
        Completes::Files => "_PROGRAM_offer_names -f".into(),
        Completes::Directories => "_PROGRAM_offer_names -d".into(),
        Completes::Hosts => "_PROGRAM_offer -A hostname".into(),
    }
}
