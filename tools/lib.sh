# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Shared by tools/run-demo, tools/run-tests and .ci/run; sourced, not run.

# What the program needs to be built, what the tests need on top, and what only CI needs.
# shellcheck disable=SC2034  # used by the scripts that source this file
BUILD_PACKAGES=(g++ cmake ninja-build pkgconf ccache libmnl-dev libnftnl-dev libsodium-dev
  liburing-dev libseccomp-dev libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(libcriterion-dev libbenchmark-dev iproute2 nftables iptables iputils-ping
  python3 strace procps util-linux dnsmasq-base isc-dhcp-client)
# shellcheck disable=SC2034
CI_PACKAGES=(clang-19 libclang-rt-19-dev clang-format-14 shellcheck scdoc)

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
