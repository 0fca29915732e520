#!/usr/bin/env bash
# Prints the licences of the crates that are linked into the programs: first which crate is under
# which licence, then every licence text that the crates bring, each once, with the crates it is of.
# Usage: licences.sh TARGET..., the systems that the programs are built for.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Not what runs while building only: build scripts and procedural macros.
for target in "$@"; do
    for package in chatshelf-server chatshelf-client; do
        cargo tree --locked -q -p "$package" --target "$target" -e normal,no-proc-macro \
            --prefix none --format '{p}|{l}'
    done
done | grep -v '^chatshelf' | sed 's/ (\*)$//; s/ v/ /' | sort -u > "$work/crates"

# The folder of a crate's sources, where cargo has put them.
sources_of() {
    local dirs=("${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$1-$2")
    [[ -d ${dirs[0]} ]] || { echo "there are no sources of $1 $2: run cargo fetch" >&2; exit 1; }
    echo "${dirs[0]}"
}

mkdir "$work/texts"
while IFS='| ' read -r name version _; do
    # This one holds the import libraries of winapi, of the same repository, and brings no text.
    [[ $name == winapi-x86_64-pc-windows-gnu ]] && continue
    count=0
    while IFS= read -r file; do
        id=$(tr -d '\r' < "$file" | cksum | tr ' ' -)
        tr -d '\r' < "$file" > "$work/texts/$id"
        echo "$name $version" >> "$work/$id.crates"
        count=$((count + 1))
    done < <(find "$(sources_of "$name" "$version")" -maxdepth 1 -type f \
        -iregex '.*/\(licen[sc]e\|copying\|copyright\|notice\|unlicense\)[^/]*' | sort)
    ((count > 0)) || { echo "$name $version brings no licence text" >&2; exit 1; }
done < "$work/crates"

cat << END
The programs of chatshelf contain code of these crates, under the licences named behind them. Where
there is a choice ("OR", "/"), it is yours. The texts follow.

END
awk -F '|' '{ printf "%-40s %s\n", $1, $2 }' "$work/crates"
for text in "$work"/texts/*; do
    printf '\n%s\n' '================================================================================'
    sort -u "$work/${text##*/}.crates" | paste -s -d , - | sed 's/,/, /g' | fold -s -w 80
    printf '%s\n\n' '--------------------------------------------------------------------------------'
    cat "$text"
done
