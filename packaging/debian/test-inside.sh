#!/bin/sh
# The test of the packages, as root in a fresh Debian that systemd has booted; see test.sh. /stage
# has the packages in old/ and new/. The first step that fails ends it.
set -eu

export CHATSHELF_HOST=127.0.0.1 CHATSHELF_PORT=9000 CHATSHELF_RECONNECT=30
export DEBIAN_FRONTEND=noninteractive TERM=dumb HOME=/tmp
config=/etc/chatshelf/server.conf
data=/var/lib/private/chatshelf

step() {
    echo "== $*"
}

fail() {
    echo "FAILED: $*"
    journalctl --no-pager -u chatshelf-server | tail -n 20
    exit 1
}

apt() {
    apt-get -qq "$@" >/tmp/apt.log 2>&1 || fail "$(cat /tmp/apt.log)"
}

# Every file of the system, but for what packages and journals note of any change.
files() {
    find / -xdev \( -path /dev -o -path /proc -o -path /run -o -path /stage -o -path /sys \
        -o -path /tmp -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \
        -o -path /var/lib/dpkg -o -path /var/lib/systemd/timers \) -prune -o -print | sort
}

property() {
    systemctl show --value --property "$1" chatshelf-server
}

# Waits until a command succeeds.
eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "never $*"
        sleep 0.1
    done
}

files >/tmp/before

step 'install'
apt install /stage/old/*.deb
[ "$(property ActiveState) $(property UnitFileState)" = 'active enabled' ] || fail 'not started'

step 'join, talk, move files'
/stage/talk.sh chatshelf
head -c 5000000 /dev/urandom >/tmp/kept.bin
chatshelf --name ada upload /tmp/kept.bin
chatshelf --name ada send 'said before the upgrade'

step 'what the unit allows'
user=$(stat -c %u "/proc/$(property MainPID)")
[ "$user" -ge 61184 ] || fail "runs as user $user"
[ "$(stat -c '%a %u' $data)" = "700 $user" ] || fail 'its directory is not its own'
[ -z "$(systemd-analyze verify chatshelf-server.service 2>&1)" ] || fail 'the unit is wrong'
systemd-analyze --no-pager security --threshold=12 chatshelf-server >/tmp/security ||
    fail "$(cat /tmp/security)"
# The filter of system calls would show in warnings.
journalctl --no-pager -u chatshelf-server | grep -E 'WARN|ERROR' && fail 'it complains'
man -w chatshelf chatshelf-load chatshelf-server >/tmp/man
[ "$(wc -l </tmp/man)" = 3 ] || fail 'a man page is missing'

step 'killed, it starts again'
before=$(property MainPID)
kill -KILL "$before"
restarted() {
    [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$before" ]
}
eventually restarted
chatshelf tail --lines 1 | grep -qF 'said before the upgrade' || fail 'the line is lost'

step 'a mistake in the settings is not tried again and again'
echo 'keep = none' >>$config
systemctl reload chatshelf-server 2>/dev/null && fail 'reloaded'
[ "$(property ActiveState)" = active ] || fail 'the reload has ended it'
systemctl restart chatshelf-server || :
failed() {
    [ "$(property ActiveState)" = failed ]
}
eventually failed
[ "$(property ExecMainStatus) $(property NRestarts)" = '2 0' ] || fail 'tried again'
sed -i '$d' $config

step 'settings, by a reload and a restart'
systemctl restart chatshelf-server
echo 'keep = 1' >>$config
systemctl reload chatshelf-server
only_the_newest() {
    [ "$(chatshelf list | grep -cF .bin)" = 1 ]
}
eventually only_the_newest
echo 'port = 9100' >>$config
systemctl restart chatshelf-server
export CHATSHELF_PORT=9100
eventually chatshelf who

step 'a port below 1024, as OPERATIONS.md says'
override=/etc/systemd/system/chatshelf-server.service.d
mkdir $override
cat >$override/port.conf <<'END'
[Service]
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
AmbientCapabilities=CAP_NET_BIND_SERVICE
PrivateUsers=no
END
sed -i 's/^port = .*/port = 80/' $config
systemctl daemon-reload
systemctl restart chatshelf-server
eventually chatshelf --port 80 who
rm -r $override
sed -i 's/^port = .*/port = 9100/' $config
systemctl daemon-reload
systemctl restart chatshelf-server

step 'upgrade'
before=$(property MainPID)
apt install /stage/new/*.deb
dpkg-query --show chatshelf chatshelf-server
[ "$(property ActiveState)" = active ] || fail 'not started'
[ "$(property MainPID)" != "$before" ] || fail 'not restarted'
chatshelf tail --lines 1 | grep -qF 'said before the upgrade' || fail 'the line is lost'
chatshelf download -o /tmp/fetched kept.bin
cmp /tmp/kept.bin /tmp/fetched
/stage/talk.sh chatshelf

step 'remove'
apt remove chatshelf chatshelf-server
[ "$(property ActiveState)" = inactive ] || fail 'still runs'
[ -e $config ] || fail 'the settings went'
[ -e $data/chatshelf.format ] || fail 'the room went'

step 'purge'
apt purge chatshelf chatshelf-server
files >/tmp/after
diff /tmp/before /tmp/after || fail 'something is left'
dpkg-query --show 'chatshelf*' 2>/dev/null && fail 'dpkg still knows it'

step 'all is well'
