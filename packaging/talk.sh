#!/bin/sh
# Joins a running server, says a line and moves a file both ways, and fails unless all arrives:
#     packaging/talk.sh CLIENT...
# CLIENT is the command that runs the client; CHATSHELF_HOST and CHATSHELF_PORT say where to.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
line="hello from $$"
file=$scratch/hello-$$.bin
head -c 3000000 /dev/urandom >"$file"

"$@" --name ada send "$line"
"$@" --name bob tail --lines 1 | grep -qF "$line"
"$@" --name ada upload "$file"
"$@" --name bob list | grep -qF "${file##*/}"
"$@" --name bob download -o "$scratch/fetched" "${file##*/}"
cmp "$file" "$scratch/fetched"
