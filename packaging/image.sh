#!/bin/sh
# Builds the container image chatshelf:VERSION from the static programs, for each of PROCESSORS:
#     packaging/image.sh TARGET_DIR VERSION PROCESSORS...
set -eu

target=$1
version=$2
shift 2
context=$target/image
rm -rf "$context"
mkdir -p "$context/data"
platforms=
for processor in "$@"; do
    case $processor in
    x86_64) name=amd64 ;;
    aarch64) name=arm64 ;;
    *) name=$processor ;;
    esac
    mkdir "$context/$name"
    cp "$target/$processor-unknown-linux-musl/release/chatshelf" \
        "$target/$processor-unknown-linux-musl/release/chatshelf-server" "$context/$name/"
    platforms=$platforms,linux/$name
done

# A list that is there already would be added to.
buildah manifest rm "chatshelf:$version" 2>/dev/null || :
# Other formats than Docker's have no health check.
buildah bud --isolation chroot --format docker --platform "${platforms#,}" \
    --manifest "chatshelf:$version" --file packaging/Dockerfile "$context"
