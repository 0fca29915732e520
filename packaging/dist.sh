#!/usr/bin/env bash
# Packs one zip with all that is handed in: the sources as committed, the programs for Linux and
# Windows, the report as PDF, and the licences of what the programs contain.
# Usage: dist.sh VERSION TARGET_DIR LINUX_PROGRAMS WINDOWS_PROGRAMS
set -euo pipefail
version=$1 target_dir=$(cd "$2" && pwd) linux=$3 windows=$4

name=chatshelf-$version
dist=$target_dir/dist
folder=$dist/$name
rm -rf "$dist"
mkdir -p "$folder"/bin/{linux,windows}-x86_64 "$folder/licences"

[[ -z $(git status --porcelain) ]] || echo 'Some changes are not committed: the zip is without them.' >&2
git archive HEAD | tar -x -C "$folder"
cp "$target_dir/REPORT.pdf" "$folder"
for program in chatshelf-server chatshelf chatshelf-load; do
    cp "$linux/$program" "$folder/bin/linux-x86_64"
    cp "$windows/$program.exe" "$folder/bin/windows-x86_64"
done

packaging/licences.sh x86_64-unknown-linux-musl x86_64-pc-windows-gnu > "$folder/licences/crates.txt"
# Beside the crates: Rust's standard library, and the C libraries below it.
cp "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" "$folder/licences"
cp /usr/share/doc/musl-dev/copyright "$folder/licences/musl.txt"
cp /usr/share/doc/mingw-w64-x86-64-dev/copyright "$folder/licences/mingw-w64.txt"

(cd "$folder" && sha256sum REPORT.pdf bin/*/* > SHA256SUMS)
(cd "$dist" && zip -qrX "$name.zip" "$name")
# The commit, where `unzip -z` shows it.
git rev-parse HEAD | zip -qz "$dist/$name.zip"
rm -r "$folder"
echo "$dist/$name.zip"
