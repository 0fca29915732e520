#!/usr/bin/env bash
# Tests the page: its modules under node, then all of it in a browser, with a server of its own.
#   run.sh PROGRAMS TOOLS [chromium | firefox | webkit | pictures]
#   run.sh lacks TOOLS BROWSER...
# PROGRAMS is the folder of the built programs; in TOOLS, npm keeps the packages of package.json, and
# `make node` puts Node.js. Chromium runs all tests, the others the main path; `pictures` writes
# those of docs/ instead. What is not here is named, and fails; `lacks` names it only: `node`, and
# packages of Debian's.
set -euo pipefail
programs=$1 tools=$2 what=${3:-chromium}

has_node() { [[ $(node --version 2> /dev/null) == v[2-9][0-9].* && -n $(type -P npm) ]]; }
has_node || PATH=$tools/bin:$PATH

# The path of the first of these programs that is here.
first() {
    local name
    for name in "$@"; do
        ! type -P "$name" || return 0
    done
}
has_display() { [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; }
# Finds a browser; `packages` are those of Debian's that have what it needs.
find_browser() {
    case $1 in
        chromium | pictures)
            packages=chromium
            browser=${CHROMIUM:-$(first chromium chromium-browser google-chrome)}
            ;;
        firefox)
            packages=firefox-esr
            browser=$(first firefox-esr firefox)
            ;;
        webkit)
            packages='webkit2gtk-driver xvfb xauth'
            browser=$(first /usr/lib/*/webkit2gtk-4.*/MiniBrowser)
            [[ -n $(type -P WebKitWebDriver) ]] || browser=
            has_display || [[ -n $(type -P xvfb-run) ]] || browser=
            ;;
        *) fail "no browser is called $1 here: chromium, firefox or webkit" ;;
    esac
}
fail() {
    echo "The page was not tested: $1" >&2
    exit 1
}

if [[ $programs == lacks ]]; then
    has_node || echo node
    for what in "${@:3}"; do
        find_browser "$what"
        [[ -n $browser ]] || echo "$packages"
    done
    exit
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
has_node || fail 'node 20 or newer, with npm, is not here; make node installs it'
find_browser "$what"
[[ -n $browser ]] || fail "what $what needs is not here (Debian: apt-get install $packages)"
web=http run=()
[[ $what != webkit ]] || has_display || run=(xvfb-run -a)
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
export BROWSER=$what BROWSER_PATH=$browser CHROMIUM=$browser
CHATSHELF_URL=$url CHATSHELF=$programs/chatshelf WEB_TOOLS=$tools \
    "${run[@]}" node --import ./test/files.js "${tests[@]}"
