#!/bin/sh
# Packs programs for people who have no Rust, with their pages and completions, into archives:
#     packaging/archives.sh TARGET_DIR VERSION PROCESSORS...
# With PROCESSORS, those of `make static` for each, and those of `make windows`; without, those of
# `make build`. Below the directory in each archive, everything lies as it does below /usr/local.
set -eu

target=$1
version=$2
shift 2
output=$target/archives
stage=$output/stage
rm -rf "$output"
mkdir -p "$output"

# Calls tar so that the files belong to root wherever they are unpacked.
archive() {
    if tar --version | grep -q GNU; then
        tar --owner=0 --group=0 --numeric-owner "$@"
    else
        tar --uid 0 --gid 0 "$@"
    fi
}

# Packs the programs in $2, which are for the system $1.
pack() {
    name=chatshelf-$version-$1
    PREFIX=/usr/local SYSCONFDIR=/usr/local/etc DESTDIR=$stage \
        packaging/install.sh install "$2"
    mv "$stage/usr/local" "$output/$name"
    archive -C "$output" -czf "$output/$name.tar.gz" "$name"
    rm -r "$stage" "${output:?}/$name"
}

if [ $# = 0 ]; then
    pack "$(rustc -vV | sed -n 's/^host: //p')" "$target/release"
    exit
fi

native=$target/$(uname -m)-unknown-linux-musl/release
for processor in "$@"; do
    STRIP=: NATIVE=$native pack "$processor-unknown-linux-musl" \
        "$target/$processor-unknown-linux-musl/release"
done

name=chatshelf-$version-x86_64-pc-windows-gnu
mkdir -p "$output/$name/docs"
cp "$target/windows"/*.exe README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT \
    "$output/$name/"
cp docs/*.md docs/*.svg "$output/$name/docs/"
(cd "$output" && zip -qr "$name.zip" "$name")
rm -r "${output:?}/$name"
