# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# What the cases stand in, all of it inside the container: its own network is the client's, and three
# namespaces are the rest. Sourced.
#
#   client (the container)  --uplink--  wan  --  server  --  target, behind the server

HERE=/opt/vpnd-test
TARGET=10.9.0.53
SERVER=203.0.113.2
STRANGER=198.51.100.1 # the far end of the uplink; an address that only clear text reaches
WORK=/run/vpnd-test

fail() {
  echo "$*" >&2
  return 1
}

# within SECONDS COMMAND...: an event that must come, and a limit for when it does not.
within() {
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $limit ]] || fail "did not happen in time: $*"
    sleep 0.05
  done
}

# link NAMESPACE DEVICE ADDRESS NAMESPACE DEVICE ADDRESS
link() {
  ip -n "$1" link add "$2" type veth peer "$5" netns "$4"
  ip -n "$1" address add "$3/24" dev "$2"
  ip -n "$4" address add "$6/24" dev "$5"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
}

build_lab() {
  mkdir -p "$WORK" /run/netns
  touch /run/netns/client
  mount --bind /proc/1/ns/net /run/netns/client
  local name
  for name in wan server target; do
    ip netns add "$name"
    ip -n "$name" link set lo up
    ip netns exec "$name" sysctl -q -w net.ipv4.ip_forward=1
  done
  ip netns exec server sysctl -q -w net.ipv4.ip_forward=0 # vpnd's own affair
  link client uplink 198.51.100.2 wan client $STRANGER
  link wan server 203.0.113.1 server wan $SERVER
  link server lan 10.9.0.1 target lan $TARGET
  ip route add default via $STRANGER
  ip -n server route add default via 203.0.113.1
  ip -n target route add default via 10.9.0.1
  ip netns exec target dnsmasq --conf-file=/dev/null --no-hosts --no-resolv --bind-interfaces \
    --listen-address=$TARGET --address=/inside.example/10.9.0.99 --pid-file=$WORK/dnsmasq.pid \
    --user=root
  ip netns exec target python3 $HERE/stream.py serve 5000 >$WORK/serve.log 2>&1 &
  within 10 grep -q ready $WORK/serve.log
  # IPv6 addresses on probation would make two states differ that are the same.
  for name in client wan server target; do
    within 10 bash -c "! ip -n $name -6 address show tentative | grep -q inet6"
  done
}

# The tunnel of the server lives in its own namespace; on a real machine this is not needed.
place_server() {
  mkdir -p /etc/systemd/system/vpnd@server.service.d
  printf '[Service]\nNetworkNamespacePath=/run/netns/server\n' \
    >/etc/systemd/system/vpnd@server.service.d/test.conf
  systemctl daemon-reload
}

# network_state NAMESPACE: all that vpnd could change there.
network_state() {
  ip netns exec "$1" bash -c '
    ip -o link; ip -o address; ip rule; ip -6 rule; ip route show table all
    ip -6 route show table all; nft list ruleset
    cat /proc/sys/net/ipv4/conf/*/{forwarding,rp_filter,arp_ignore,src_valid_mark} \
      /proc/sys/net/ipv6/conf/*/{forwarding,accept_ra}' |
    sed -e 's/ *valid_lft.*//' -e 's/ expires [0-9]*sec//' | sort
}

# Every file but logs, caches, and the books of dpkg and systemd; of those in /etc also the content.
file_state() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o \
    -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o \
    -path /var/lib/apt -o -path /var/lib/systemd -o -path /root \) -prune -o \
    -printf '%p %y %m %u %g\n' | sort
  find /etc -type f -not -name '*-' -not -name passwd -not -name group -not -name shadow \
    -not -name gshadow -exec sha256sum {} + | sort -k 2
}

watch_uplink() {
  ip netns exec wan python3 $HERE/watch.py client 443 >$WORK/watch.log 2>&1 &
  watcher=$!
  within 10 grep -q ready $WORK/watch.log
}

# Leaves the number of frames in `clear`.
watched() {
  kill "$watcher"
  wait "$watcher" || fail "the watcher died: $(cat $WORK/watch.log)"
  # shellcheck disable=SC2034  # for the caller, here and below
  clear=$(sed -n 2p $WORK/watch.log)
}

# What programs of the client would send meanwhile, past the tunnel if they could.
begin_clear_attempts() {
  ping -i 0.02 $STRANGER >/dev/null 2>&1 &
  attempts=$!
}
end_clear_attempts() {
  kill "$attempts" 2>/dev/null || true
  wait "$attempts" 2>/dev/null || true
}

begin_load() {
  python3 $HERE/stream.py load $TARGET 5000 >$WORK/load.log 2>&1 &
  load=$!
  within 30 grep -q ready $WORK/load.log
}

# Leaves `blocks` and `gap` (ms); fails when the connection did not survive.
end_load() {
  kill "$load" 2>/dev/null || true
  wait "$load" || fail "the connection inside the tunnel died: $(cat $WORK/load.log)"
  # shellcheck disable=SC2034
  read -r blocks gap <<<"$(sed -n 2p $WORK/load.log)"
}

main_pid() { systemctl show -p MainPID --value "vpnd@$1"; }
through() { ping -c 1 -W 1 $TARGET; }
answers_by_name() { getent ahostsv4 www.inside.example | grep -q '^10\.9\.0\.99 '; }
