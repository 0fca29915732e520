#!/bin/sh
# Starts a server in a directory of its own, lets the client talk to it and move a file both ways,
# and stops it:
#     packaging/session.sh RUNNER DIRECTORY
# DIRECTORY holds the programs; RUNNER is the command that runs them, or '' if this system does.
set -eu

runner=$1
programs=$2
scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :; rm -rf "$scratch"' EXIT

${runner:+"$runner"} "$programs/chatshelf-server" --bind 127.0.0.1 --port 0 --data-dir "$scratch/data" \
    >"$scratch/announced" &
server=$!
port=$("$(dirname "$0")/port.sh" "$server" "$scratch/announced")

CHATSHELF_HOST=127.0.0.1 CHATSHELF_PORT=$port "$(dirname "$0")/talk.sh" \
    ${runner:+"$runner"} "$programs/chatshelf"
kill "$server"
wait "$server"
server=
echo "the programs in $programs talk, and move files"
