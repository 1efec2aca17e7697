# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Shared by tools/run-demo, tools/run-tests and .ci/run; sourced, not run.

# How something ends that could not be had: neither a fault of ours nor of the machine's.
# shellcheck disable=SC2034  # used by the scripts that source this file
NOT_TO_BE_HAD=75

# What the program needs to be built, what the tests need on top, and what only CI needs.
# shellcheck disable=SC2034  # used by the scripts that source this file
BUILD_PACKAGES=(g++ cmake ninja-build pkgconf ccache libmnl-dev libnftnl-dev libsodium-dev
  liburing-dev libseccomp-dev libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(libcriterion-dev libbenchmark-dev iproute2 nftables iptables iputils-ping
  zsh fish python3 python3-jsonschema iperf3 strace valgrind procps util-linux dnsmasq-base isc-dhcp-client dbus-daemon
  dpkg-dev
  clang-19 libclang-rt-19-dev) # the sanitized build is theirs: a second opinion, in half the time
# shellcheck disable=SC2034
CI_PACKAGES=(clang-format-14 shellcheck scdoc systemd nix-bin)
# shellcheck disable=SC2034
PACKAGE_PACKAGES=(libcriterion-dev scdoc dpkg-dev debhelper lintian xz-utils rpm rpmlint
  makepkg pacman-package-manager libarchive-tools zstd)
# shellcheck disable=SC2034
SYSTEM_PACKAGES=(mmdebstrap systemd-container dpkg-dev)

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  [[ $# -lt 2 ]] || printf '  %s\n' "$2" >&2
  exit 1
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
      printf '%s\n' "$package"
  done
}

# ensure_packages YES PACKAGE...: installs what is missing, after saying so. YES=1 asks nothing.
ensure_packages() {
  local yes=$1 answer
  shift
  if ! command -v dpkg-query >/dev/null; then
    say "This is not Debian: install these, or their like, by hand if the build stops: $*"
    return 0
  fi
  local missing=()
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  local sudo=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null ||
      die "missing packages: ${missing[*]}" \
        "As root: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  say "These Debian packages are missing and will be installed:"
  say "  ${sudo[*]:+sudo }apt-get install --no-install-recommends ${missing[*]}"
  if [[ $yes != 1 ]]; then
    [[ -t 0 ]] || die "nobody to ask" "Say --yes, or install them yourself."
    read -r -p "Go on? [y/N] " answer
    [[ $answer == [yY]* ]] || die "stopped; nothing was installed"
  fi
  local log
  log=$(mktemp)
  if ! install_packages "${missing[@]}" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: ${missing[*]}"
  fi
  rm -f "$log"
}

# Uses `sudo` of the caller. Several users of apt wait for each other.
install_packages() {
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@"
}

# unpack_program PACKAGE PATH FOLDER [APT-OPTION...]: the package and what of its dependencies is not
# installed, below FOLDER/root, where PATH must be a program then. APT-OPTIONs say which package
# lists to use.
unpack_program() {
  local name=$1 path=$2 folder=$3 apt packages package
  shift 3
  apt=(apt-get -o APT::Sandbox::User=root "$@")
  packages=$("${apt[@]}" -s install --no-install-recommends "$name" |
    awk '$1 == "Inst" { print $2 }') || return
  rm -rf "$folder/root" "$folder/packages"
  mkdir -p "$folder/root" "$folder/packages"
  # shellcheck disable=SC2086  # one word each
  (cd "$folder/packages" && "${apt[@]}" download $packages) || return
  for package in "$folder"/packages/*.deb; do
    dpkg -x "$package" "$folder/root" || return
  done
  [[ -x $folder/root$path ]]
}

# provide_program VARIABLE PACKAGE PATH FOLDER: names a program to the tests, in VARIABLE. Where none
# is installed, one is unpacked into FOLDER: as an installed package it would be started, and take
# over the names of this machine.
provide_program() {
  local variable=$1 name=$2 path=$3 folder=$4 lists
  [[ -z ${!variable:-} && ! -x $path ]] || return 0
  if [[ ! -x $folder/run ]] && command -v dpkg >/dev/null; then
    say "Unpacking $name for the tests ..."
    mkdir -p "$folder/lists"
    # First by the machine's package lists, which may be old or not there, then by fresh ones.
    lists=(-o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder")
    if unpack_program "$name" "$path" "$folder" >"$folder/log" 2>&1 ||
      { apt-get -o APT::Sandbox::User=root "${lists[@]}" update &&
        unpack_program "$name" "$path" "$folder" "${lists[@]}"; } >>"$folder/log" 2>&1; then
      write_starter "$path" "$folder"
    fi
    rm -rf "$folder"/{packages,lists,archives} "$folder"/*.bin
  fi
  if [[ ! -x $folder/run ]]; then
    say "No $name could be had: the tests that ask a real one are skipped."
    return 0
  fi
  export "$variable=$folder/run"
}

# Its libraries may have been unpacked with it.
write_starter() {
  local path=$1 folder=$2 libraries
  libraries=$(find "$folder/root" -type f \( -name '*.so' -o -name '*.so.[0-9]*' \) -printf '%h\n' |
    sort -u | paste -sd:)
  {
    printf '#!/bin/sh\n'
    printf 'LD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$folder/root$path"
  } >"$folder/run"
  chmod 755 "$folder/run"
}

# Both take a folder to unpack into.
provide_resolved() {
  provide_program VPND_TEST_RESOLVED systemd-resolved /lib/systemd/systemd-resolved "$1"
}
provide_unbound() {
  provide_program VPND_TEST_UNBOUND unbound /usr/sbin/unbound "$1"
}

# configure FOLDER TYPE [CMAKE-ARGUMENT...]: line numbers only as debug information, since all of
# it is a fifth of the time of a build.
configure() {
  local folder=$1 type=$2
  shift 2
  mkdir -p "$folder"
  cmake -S "$ROOT" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE="$type" \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -g1 -DNDEBUG" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" "$@" \
    >"$folder/configure.log" 2>&1 || {
    cat "$folder/configure.log" >&2
    die "cmake failed in ${folder#"$ROOT"/}"
  }
}

# build FOLDER [TARGET...]
build() {
  local folder=$1
  shift
  ninja -C "$folder" "$@" >"$folder/build.log" 2>&1 || {
    tail -n 80 "$folder/build.log" >&2
    die "the build failed" "All of it: ${folder#"$ROOT"/}/build.log"
  }
}
