#!/bin/sh
# Runs the container image as its configuration says, checks its health, and joins it:
#     packaging/test-image.sh VERSION CLIENT
# CLIENT is a client of this machine. The container shares its network, as buildah's do, so the
# server listens on a port that the system chooses.
set -eu

version=$1
client=$2
scratch=$(mktemp -d)
container=$(buildah from --pull-never "chatshelf:$version")
server=
stop() {
    # The server is a grandchild, to which buildah passes no signal.
    [ -z "$server" ] || { kill -- "-$server" && wait "$server"; } || :
    buildah rm "$container" >/dev/null
    rm -rf "$scratch"
}
trap stop EXIT

configured() {
    buildah inspect --format "{{$1}}" "$container"
}

run='buildah run --isolation chroot'

[ "$(configured .OCIv1.Config.User)" = 65532:65532 ]
[ "$(configured .OCIv1.Config.StopSignal)" = SIGTERM ]
entrypoint=$(configured 'range .OCIv1.Config.Entrypoint}}{{.}} {{end')
health=$(configured 'range .Docker.Config.Healthcheck.Test}}{{.}} {{end')
health=${health#CMD }

# Each word of these is a parameter of its own.
# shellcheck disable=SC2086
setsid $run "$container" $entrypoint --port 0 >"$scratch/announced" 2>"$scratch/log" &
server=$!
port=$("$(dirname "$0")/port.sh" "$server" "$scratch/announced") ||
    { cat "$scratch/log" >&2 && exit 1; }

# shellcheck disable=SC2086
$run --env "CHATSHELF_PORT=$port" "$container" $health
# shellcheck disable=SC2086
if $run --env CHATSHELF_PORT=1 "$container" $health 2>/dev/null; then
    echo "the health check passes where no server is" >&2
    exit 1
fi
CHATSHELF_HOST=127.0.0.1 CHATSHELF_PORT=$port "$(dirname "$0")/talk.sh" "$client"
echo "the image runs, is healthy, and can be joined"
