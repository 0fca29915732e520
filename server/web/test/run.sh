#!/usr/bin/env bash
# Tests the page: its modules under node, and all of it in Chromium, with a server of its own. The
# folder of the built programs is the argument. What is not here is named, and what needs it left
# out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=$1

major=$(node --version 2> /dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
if [[ -z $major || $major -lt 20 ]]; then
    echo 'node 20 or newer is not here: the page is not tested' >&2
    exit 0
fi
node --test test/*.test.js

chromium=${CHROMIUM:-$(type -P chromium || type -P chromium-browser || true)}
if [[ -z $chromium ]]; then
    echo 'Chromium is not here: the page is not tested in a browser (Debian: chromium)' >&2
    exit 0
fi
place=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2> /dev/null || true; wait; rm -rf "$place"' EXIT
cp package.json "$place"
(cd "$place" && npm install --silent --no-audit --no-fund)

"$programs/chatshelf-server" --bind 127.0.0.1 --port 0 --web http --history 10000 --keep 100 \
    --data-dir "$place/data" > "$place/printed" &
server=$!
url=
for _ in {1..100}; do
    url=$(sed -n 's/.*in a browser: //p' "$place/printed")
    [[ -z $url ]] || break
    sleep 0.1
done
CHROMIUM=$chromium CHATSHELF_URL=$url CHATSHELF=$programs/chatshelf WEB_TOOLS=$place \
    node --test --test-concurrency=1 test/browser/*.test.js
