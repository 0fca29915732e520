#!/bin/sh
# Waits, for up to a minute, until a server has said where it listens, and prints the port:
#     packaging/port.sh PROCESS OUTPUT
# PROCESS is the server's id; its standard output goes to the file OUTPUT.
set -eu

tries=0
until grep -q listening "$2"; do
    kill -0 "$1"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo 'the server does not start' >&2 && exit 1; }
    sleep 0.1
done
sed -n 's/.* --port \([0-9]*\)$/\1/p' "$2"
