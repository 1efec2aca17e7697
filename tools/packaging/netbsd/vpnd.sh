#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC1091,SC2034,SC2154

# PROVIDE: vpnd
# REQUIRE: NETWORKING
# KEYWORD: shutdown

# In rc.conf(5), for the tunnel of %%CONFIGDIR%%/home.toml:
#   vpnd=YES
#   vpnd_tunnels="home"

. /etc/rc.subr

name=vpnd
rcvar=$name
command=%%PREFIX%%/sbin/vpnd
start_cmd=vpnd_start
stop_cmd=vpnd_stop
status_cmd=vpnd_status
reload_cmd=vpnd_reload
extra_commands="status reload"

vpnd_start() {
  for tunnel in $vpnd_tunnels; do
    echo "Starting vpnd: $tunnel."
    ("$command" run "$tunnel" 2>&1 | logger -t "vpnd-$tunnel") &
  done
}

vpnd_stop() {
  for tunnel in $vpnd_tunnels; do
    echo "Stopping vpnd: $tunnel."
    "$command" down "$tunnel"
  done
}

vpnd_status() {
  for tunnel in $vpnd_tunnels; do
    "$command" status "$tunnel" || return
  done
}

vpnd_reload() {
  for tunnel in $vpnd_tunnels; do
    "$command" reload "$tunnel" || return
  done
}

load_rc_config "$name"
run_rc_command "$1"
