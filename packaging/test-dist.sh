#!/usr/bin/env bash
# Unpacks a zip of `make dist` into an empty folder and does there what INSTRUCTIONS.md says: looks
# for everything that is handed in, lets the programs for Linux talk and move a file, those for
# Windows too where there is Wine, and builds and runs the sources by the README's two commands.
# Usage: test-dist.sh ZIP
set -euo pipefail
zip=$(realpath "$1")
self=$(realpath "$0")

fail() {
    echo "$1" >&2
    exit 1
}

work=$(mktemp -d)
server=
end() {
    [[ -z $server ]] || kill "$server" 2> /dev/null || true
    wait
    rm -rf "$work"
}
trap end EXIT
export CARGO_TARGET_DIR=$work/target XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
unset MAKEFLAGS MAKELEVEL
for name in $(compgen -e CHATSHELF_); do unset "$name"; done

# Starts the server of this command and sets `port`, where it listens.
start_server() {
    rm -f "$work/server.out"
    "$@" > "$work/server.out" 2>&1 &
    server=$!
    until grep -qs -e '--port [0-9]' "$work/server.out"; do
        kill -0 "$server" 2> /dev/null || fail "$(cat "$work/server.out")"
        sleep 0.1
    done
    port=$(tr -d '\r' < "$work/server.out" | sed -n 's/.*--port \([0-9]*\).*/\1/p' | head -n 1)
}

stop_server() {
    kill "$server"
    wait "$server" || true
    server=
}

# What the room has on its shelf and has said, through this client.
talk_and_move_a_file() {
    local client=("$@" --host 127.0.0.1 --port "$port")
    echo 'a plan' > plan.txt
    "${client[@]}" upload plan.txt > "$work/said" || fail "cannot upload: ${client[*]}"
    "${client[@]}" download plan.txt -o copy.txt > "$work/said" || fail "cannot download: ${client[*]}"
    cmp plan.txt copy.txt
    rm plan.txt copy.txt
    "${client[@]}" send 'it works'
    "${client[@]}" tail | grep -q 'it works' || fail "what was said is not in the room: ${client[*]}"
}

# Called by itself, below, in the unpacked folder and with a Wine whose end ends all that runs there.
if [[ -d $zip ]]; then
    start_server wine bin/windows-x86_64/chatshelf-server.exe --port 0 --data-dir windows-data
    talk_and_move_a_file wine bin/windows-x86_64/chatshelf.exe
    wineserver -k
    exit
fi

unzip -q "$zip" -d "$work"
cd "$work"/chatshelf-*/
sha256sum --quiet -c SHA256SUMS
for file in README.md INSTRUCTIONS.md REVIEW.md REPORT.pdf docs/REPORT.md CONTRIBUTIONS.md Makefile \
    LICENSE-MIT LICENSE-APACHE licences/crates.txt; do
    [[ -s $file ]] || fail "$file is missing"
done

# Each chapter of the report is in its PDF.
pdftotext REPORT.pdf "$work/report.txt"
tr -s '[:space:]' ' ' < "$work/report.txt" > "$work/report.line"
chapters=0
while IFS= read -r heading; do
    grep -qF "$heading" "$work/report.line" || fail "REPORT.pdf lacks the chapter: $heading"
    chapters=$((chapters + 1))
done < <(sed -n 's/^## \([0-9]*\. \)\{0,1\}//p' docs/REPORT.md)
((chapters > 9)) || fail 'docs/REPORT.md has too few chapters'

# Panics name the crates that they are in, so the programs themselves say what they contain.
named=0
while read -r crate; do
    grep -qE "^${crate%-*} +${crate##*-} " <(sed 's/  */ /' licences/crates.txt) ||
        fail "licences/crates.txt lacks $crate, which a program contains"
    named=$((named + 1))
done < <(cat bin/*/* | grep -aoE 'registry[/\\]src[/\\][^/\\]+[/\\][a-z0-9_-]+-[0-9][0-9a-z.]*' |
    sed 's/.*[/\\]//' | sort -u)
((named > 9)) || fail 'too few crates are named in the programs'

# A port that is free.
start_server bin/linux-x86_64/chatshelf-server --port 0 --data-dir "$work/port"
stop_server

# The README's first command that begins so, with that port.
command_of_readme() {
    sed -n "s/9000/$port/g; s/  *#.*//; /^$1 /p" README.md | head -n 1
}

# The README's two commands: opens a room by the first, and says something by the second.
open_and_join() {
    local command
    read -ra command <<< "$(command_of_readme "$1")"
    start_server "${command[@]}"
    read -ra command <<< "$(command_of_readme "$2")"
    echo "said to $2" | "${command[@]}" > "$work/said"
    grep -q "ada  said to $2" "$work/said" || fail "the client says: $(cat "$work/said")"
}

echo 'The programs for Linux'
PATH=$PWD/bin/linux-x86_64:$PATH open_and_join 'chatshelf-server --port' 'chatshelf --host'
talk_and_move_a_file bin/linux-x86_64/chatshelf
stop_server

if type -P wine > /dev/null; then
    echo 'The programs for Windows, under Wine'
    common/testkit/wine/session "$self" .
else
    echo 'The programs for Windows are not tried: there is no wine'
fi

echo 'The sources'
make -s build
open_and_join 'make run-server' 'make run-client'
stop_server
echo "$zip is whole."
