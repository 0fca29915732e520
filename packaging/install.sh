#!/bin/sh
# Installs what the project has built, or removes exactly that again. `make install` and
# `make uninstall` call it from the top of the tree:
#     packaging/install.sh install|uninstall PROGRAMS
# PROGRAMS is the directory that the programs were built in. The environment says where they go:
# PREFIX, SYSCONFDIR, and DESTDIR in front of both; STRIP is the command that strips a program.
# When the programs are for another machine, NATIVE is a directory of the same for this one.
set -eu
umask 022

action=$1
programs=$2
native=${NATIVE:-$programs}
share=$PREFIX/share
doc=$share/doc/chatshelf
etc=$SYSCONFDIR/chatshelf
unit=$PREFIX/lib/systemd/system/chatshelf-server.service
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Calls $1 with what kind of thing a file is, where it comes from, and where it goes.
each() {
    for program in chatshelf chatshelf-load chatshelf-server; do
        "$1" program "$program" "$PREFIX/bin/$program"
        "$1" man "$program" "$share/man/man1/$program.1"
        "$1" bash "$program" "$share/bash-completion/completions/$program"
        "$1" zsh "$program" "$share/zsh/site-functions/_$program"
        "$1" fish "$program" "$share/fish/vendor_completions.d/$program.fish"
    done
    for page in README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT; do
        "$1" file "$page" "$doc/$page"
    done
    for page in docs/MANUAL.md docs/OPERATIONS.md docs/PROTOCOL.md docs/screen.svg \
        docs/session.svg; do
        "$1" file "$page" "$doc/$page"
    done
    if [ "$(uname -s)" = Linux ]; then
        "$1" configuration packaging/server.conf "$etc/server.conf"
        "$1" unit packaging/chatshelf-server.service "$unit"
    fi
}

# What is installed as $3, in $made.
make_from() {
    made=$scratch/made
    case $1 in
    program) cp "$programs/$2" "$made" && ${STRIP:-strip} "$made" ;;
    unit) sed "s|=/usr/bin/chat|=$PREFIX/bin/chat|; s|/etc/chatshelf|$etc|" "$2" >"$made" ;;
    file | configuration) cp "$2" "$made" ;;
    *) "$native/$2" --generate "$1" >"$made" ;;
    esac
}

install_one() {
    to=${DESTDIR:-}$3
    if [ "$1" = configuration ] && [ -e "$to" ]; then
        echo "kept $to, which was there"
        return
    fi
    make_from "$@"
    mode=644
    [ "$1" != program ] || mode=755
    mkdir -p "$(dirname "$to")"
    install -m "$mode" "$made" "$to"
}

uninstall_one() {
    to=${DESTDIR:-}$3
    if [ "$1" = configuration ] && [ -e "$to" ] && ! cmp -s "$2" "$to"; then
        echo "kept $to, which you have changed"
        return
    fi
    rm -f "$to"
}

case $action in
install) each install_one ;;
uninstall)
    each uninstall_one
    # The directories that are ours alone, if nobody has put anything else there.
    for directory in "$doc/docs" "$doc" "$etc"; do
        rmdir "${DESTDIR:-}$directory" 2>/dev/null || :
    done
    ;;
*) echo "usage: $0 install|uninstall PROGRAMS" >&2 && exit 2 ;;
esac
