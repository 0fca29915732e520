#!/bin/sh
# Installs, tries, upgrades and purges the packages of `make deb` in a fresh Debian, which systemd
# runs in a container without a network:
#     packaging/debian/test.sh TARGET_DIR VERSION
# The Debian is that of this machine, or 12 elsewhere; it is fetched once.
set -eu

target=$(cd "$1" && pwd)
version=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$target/test-deb
root=$work/root
stage=$work/stage

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if [ ! -e "$root/etc/os-release" ]; then
    echo 'fetching a Debian to install into'
    codename=bookworm
    if grep -qx ID=debian /etc/os-release; then
        codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    fi
    mkdir -p "$work"
    as_root rm -rf "$root" "$work/new-root"
    as_root mmdebstrap --quiet --variant=minbase --include=systemd-sysv,man-db,procps \
        "$codename" "$work/new-root"
    as_root mv "$work/new-root" "$root"
fi

rm -rf "$stage"
mkdir -p "$stage/old"
cp "$target"/deb/*.deb "$stage/old/"
"$here/build.sh" "$target" "$version-2" "$stage/new"
cp "$here/test-inside.sh" "$here/../talk.sh" "$stage/"

# What the container changes is in memory, and goes with it.
as_root systemd-nspawn --quiet --register=no --keep-unit --private-network \
    --machine=chatshelf-test --directory="$root" --volatile=overlay \
    --bind-ro="$stage:/stage" \
    --bind-ro="$here/test.service:/etc/systemd/system/test.service" \
    --boot systemd.unit=test.service systemd.show_status=false
