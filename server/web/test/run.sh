#!/usr/bin/env bash
# Tests the page: its modules under node, then all of it in a browser, with a server of its own.
#   run.sh PROGRAMS TOOLS [BROWSER]
# PROGRAMS is the folder of the built programs; in TOOLS, npm keeps the packages of package.json, and
# `make node` puts Node.js. What is not here is named, and fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=$1 tools=$2 browser=${3:-chromium}

fail() {
    echo "The page was not tested: $1" >&2
    exit 1
}

has_node() { [[ $(node --version 2> /dev/null) == v[2-9][0-9].* && -n $(type -P npm) ]]; }
has_node || PATH=$tools/bin:$PATH
has_node || fail 'node 20 or newer, with npm, is not here; make node installs it'
[[ $browser == chromium ]] || fail "no browser is called $browser here"
path=${CHROMIUM:-$(type -P chromium chromium-browser google-chrome | head -n 1 || true)}
[[ -n $path ]] || fail 'Chromium is not here (Debian: apt-get install chromium)'

node --import ./test/files.js --test test/*.test.js

if ! cmp -s package.json "$tools/package.json"; then
    mkdir -p "$tools"
    cp package.json "$tools"
    (cd "$tools" && npm install --silent --no-audit --no-fund) || {
        rm "$tools/package.json"
        fail 'npm could not install the packages of server/web/package.json'
    }
fi

place=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2> /dev/null || true; wait; rm -rf "$place"' EXIT
export CHATSHELF_OPERATOR_PASSWORD=mellon
"$programs/chatshelf-server" --bind 127.0.0.1 --port 0 --web http --history 10000 --keep 100 \
    --data-dir "$place/data" > "$place/printed" &
server=$!
url=
for _ in {1..100}; do
    url=$(sed -n 's/.*in a browser: //p' "$place/printed")
    [[ -z $url ]] || break
    sleep 0.1
done
[[ -n $url ]] || fail 'the server did not say where it is'
CHROMIUM=$path CHATSHELF_URL=$url CHATSHELF=$programs/chatshelf WEB_TOOLS=$tools \
    node --import ./test/files.js --test --test-concurrency=1 test/browser/*.test.js
