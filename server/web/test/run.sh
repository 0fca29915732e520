#!/usr/bin/env bash
# Tests the page: its modules under node, then all of it in a browser, with a server of its own.
#   run.sh PROGRAMS TOOLS [chromium | firefox | webkit | pictures]
# PROGRAMS is the folder of the built programs; in TOOLS, npm keeps the packages of package.json, and
# `make node` puts Node.js. Chromium runs all tests, the others the main path; `pictures` writes
# those of docs/ instead. What is not here is named, and fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=$1 tools=$2 what=${3:-chromium}

fail() {
    echo "The page was not tested: $1" >&2
    exit 1
}

has_node() { [[ $(node --version 2> /dev/null) == v[2-9][0-9].* && -n $(type -P npm) ]]; }
has_node || PATH=$tools/bin:$PATH
has_node || fail 'node 20 or newer, with npm, is not here; make node installs it'

# $1: what the browser is called, and its package of Debian's; then where it may be.
browser() {
    local found
    # It fails if any of them is missing.
    found=$(type -P "${@:2}") || [[ -n $found ]] || fail "$1"
    head -n 1 <<< "$found"
}
web=http run=()
case $what in
    chromium | pictures)
        CHROMIUM=${CHROMIUM:-$(browser 'Chromium is not here (Debian: apt-get install chromium)' \
            chromium chromium-browser google-chrome)}
        ;;
    firefox)
        BROWSER_PATH=$(browser 'Firefox is not here (Debian: apt-get install firefox-esr)' \
            firefox-esr firefox)
        ;;
    webkit)
        lacks='WebKitGTK is not here (Debian: apt-get install webkit2gtk-driver xvfb xauth)'
        browser "$lacks" WebKitWebDriver > /dev/null
        BROWSER_PATH=$(browser "$lacks" /usr/lib/*/webkit2gtk-4.*/MiniBrowser)
        [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] || run=("$(browser "$lacks" xvfb-run)" -a)
        ;;
    *) fail "no browser is called $what here: chromium, firefox or webkit" ;;
esac
case $what in
    chromium) tests=(--test --test-concurrency=1 test/browser/*.test.js) ;;
    pictures) tests=(test/browser/screenshots.js ../../docs) web=https ;;
    *) tests=(--experimental-websocket --test test/others/*.test.js) ;;
esac

[[ $what == pictures ]] || node --import ./test/files.js --test test/*.test.js

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
# The server may take a moment to begin.
touch "$place/printed"
"$programs/chatshelf-server" --bind 127.0.0.1 --port 0 --web $web --history 10000 --keep 100 \
    --data-dir "$place/data" > "$place/printed" &
server=$!
url=
for _ in {1..100}; do
    url=$(sed -n 's/.*in a browser: //p' "$place/printed")
    [[ -z $url ]] || break
    sleep 0.1
done
[[ -n $url ]] || fail 'the server did not say where it is'
export BROWSER=$what BROWSER_PATH=${BROWSER_PATH:-} CHROMIUM=${CHROMIUM:-}
CHATSHELF_URL=$url CHATSHELF=$programs/chatshelf WEB_TOOLS=$tools \
    "${run[@]}" node --import ./test/files.js "${tests[@]}"
