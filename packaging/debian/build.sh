#!/bin/sh
# Packs the programs of `make build` and the pages of `make share`, one package for the server and
# one for the client, and prints their paths. Checks the unit, and the packages too where lintian is:
#     packaging/debian/build.sh TARGET_DIR VERSION OUTPUT_DIR
set -eu

target=$1
version=$2
output=$3
parts=$target/deb/parts
mkdir -p "$parts" "$output"
rm -f "$output"/*.deb

# systemd-analyze ends with 0 whatever it finds, so all that it says is a failure.
if [ -x "$(command -v systemd-analyze)" ]; then
    unit=$parts/chatshelf-server.service
    server=$(cd "$target/release" && pwd)/chatshelf-server
    sed "s|=/usr/bin/chatshelf-server|=$server|" packaging/chatshelf-server.service >"$unit"
    found=$(systemd-analyze verify --man=no "$unit" 2>&1)
    [ -z "$found" ] || { echo "$found" >&2 && exit 1; }
    # Versions before 250 look at units that run, and at no other.
    ! systemd-analyze --help | grep -q -e --offline ||
        systemd-analyze security --offline=yes --threshold=12 "$unit" >"$parts/security" ||
        { cat "$parts/security" >&2 && exit 1; }
else
    echo 'systemd-analyze is not here, so it checks nothing' >&2
fi

for page in "$target"/share/man/man1/*.1; do
    gzip -9n <"$page" >"$parts/${page##*/}.gz"
done
for package in server client; do
    name=$(sed -n '/^\[package.metadata.deb\]/,$ s/^name = "\(.*\)"/\1/p' "$package/Cargo.toml")
    maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' "$package/Cargo.toml")
    printf '%s (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
        "$name" "$version" "$maintainer" "$(date -R)" | gzip -9n >"$parts/$name.changelog.gz"
    file=$("$target/cargo-deb/bin/cargo-deb" --no-build --strip --package "chatshelf-$package" \
        --deb-version "$version" --output "$output/")
    echo "$file"
    # The packages are not for Debian's own archive, whose bugs its changelogs close.
    if [ -x "$(command -v lintian)" ]; then
        lintian --allow-root --fail-on error,warning \
            --suppress-tags initial-upload-closes-no-bugs "$file"
    else
        echo 'lintian is not here, so it checks nothing' >&2
    fi
done
