# Completes demo in bash.

_demo_takes_value() {
    case $command:$1 in
        tail:-n|tail:--lines) return 0 ;;
        tail:-f|tail:--follow) return 1 ;;
        *:-p|*:--port) return 0 ;;
        *:-n|*:--name) return 0 ;;
        *:--very-loud) return 1 ;;
        *:--try) return 1 ;;
        *:--config) return 0 ;;
        *:--generate) return 0 ;;
        *:-h|*:--help) return 1 ;;
        *:-V|*:--version) return 1 ;;
    esac
    return 1
}

_demo_offer() {
    local offered
    while IFS= read -r offered; do
        COMPREPLY+=("$offered")
    done < <(compgen "$@" -- "$current")
}

_demo_offer_names() {
    compopt -o filenames 2>/dev/null
    _demo_offer "$1"
}

_demo() {
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
                if [[ ${COMP_WORDS[i+1]} != '=' ]] && _demo_takes_value "$word"; then
                    ((i++))
                fi
                ;;
            *) [[ $command ]] || command=$word ;;
        esac
    done
    case $command:$before in
        tail:-n|tail:--lines) :; return ;;
        *:-p|*:--port) :; return ;;
        *:-n|*:--name) _demo_offer -W 'ada bob'; return ;;
        *:--config) _demo_offer_names -f; return ;;
        *:--generate) _demo_offer -W 'man bash zsh fish'; return ;;
    esac
    if [[ $current == -* && ! $only_arguments ]]; then
        case $command in
            tail) _demo_offer -W '-n --lines -f --follow -p --port --name --very-loud --try --config --generate -h --help -V --version' ;;
            list) _demo_offer -W '-p --port -n --name --very-loud --try --config --generate -h --help -V --version' ;;
            *) _demo_offer -W '-p --port -n --name --very-loud --try --config --generate -h --help -V --version' ;;
        esac
        return
    fi
    case $command in
        tail) _demo_offer_names -f ;;
        list) : ;;
        '') _demo_offer -W 'tail list' ;;
    esac
}

complete -F _demo demo
