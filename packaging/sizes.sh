#!/bin/sh
# Prints how large the programs in a directory are, and fails if the server is too large:
#     packaging/sizes.sh SERVER_BYTES_MAX DIRECTORY [SUFFIX]
set -eu
suffix=${3-}

for program in chatshelf-server chatshelf chatshelf-load; do
    printf '%9d bytes  %s\n' "$(wc -c <"$2/$program$suffix")" "$2/$program$suffix"
done
if [ "$(wc -c <"$2/chatshelf-server$suffix")" -gt "$1" ]; then
    echo "the server has more than $1 bytes" >&2
    exit 1
fi
