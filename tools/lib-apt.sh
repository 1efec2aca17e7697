# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# apt with package lists of its own: for sources, and for what is newer than this machine's release.
# Nothing is installed, and the machine's own lists stay as they are. Sourced, not run.

# The mirrors of Debian's main archive among this machine's package sources, in whichever form these
# are written: apt reads them. What an archive says of itself counts; where nothing was fetched yet,
# it is known by the name of this machine's release.
debian_mirrors() {
  # shellcheck disable=SC2016  # apt's variables
  local format='$(REPO_URI)|$(COMPONENT)|$(RELEASE)|$(ORIGIN)|$(LABEL)' own known
  # shellcheck source=/dev/null
  own=$(source /etc/os-release && printf '%s' "${VERSION_CODENAME:-sid}")
  known=$(apt-get indextargets --format "$format" 'Created-By: Packages' |
    awk -F'|' '$2 == "main" && $4 == "Debian" && $5 == "Debian" { print $1 }')
  if [[ -z $known ]]; then
    known=$(apt-get indextargets --no-release-info --format "$format" 'Created-By: Packages' |
      awk -F'|' -v own="$own" '$2 == "main" && ($3 == own || $3 ~ /^(un)?stable$|^testing$|^sid$/) \
        { print $1 }')
  fi
  sort -u <<<"$known"
}

debian_keyring() {
  local candidate
  for candidate in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [[ ! -r $candidate ]] || { printf '%s' "$candidate" && return; }
  done
  return 1
}

# private_apt FOLDER KIND MIRROR KEYRING: FOLDER/conf, for `apt-get -c`, knows Debian's newest
# packages (KIND deb) or their sources (deb-src) at that mirror, and nothing else. Hooks of this
# machine would work on the machine's lists.
private_apt() {
  local folder=$1
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  printf '%s [signed-by=%s] %s sid main\n' "$2" "$4" "$3" >"$folder/sources.list"
  cat >"$folder/conf" <<END
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$folder/lists";
Dir::Cache "$folder/cache";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
}

# fetch_source PACKAGE FOLDER LOG: the newest source package of Debian, as FOLDER/got/*.dsc and what
# belongs to it; the signatures of the lists vouch for it. Where it cannot be had, one line says why,
# and the status is NOT_TO_BE_HAD.
fetch_source() {
  local package=$1 folder=$2 log=$3 keyring mirror all
  command -v apt-get >/dev/null || { say "no apt here" && return "$NOT_TO_BE_HAD"; }
  keyring=$(debian_keyring) || {
    say "no keyring of Debian's archive (package debian-archive-keyring)"
    return "$NOT_TO_BE_HAD"
  }
  mapfile -t all < <(debian_mirrors 2>>"$log")
  if [[ -z ${all[*]} ]]; then
    say "none of this machine's package sources is Debian's main archive"
    return "$NOT_TO_BE_HAD"
  fi
  for mirror in "${all[@]}"; do
    rm -rf "$folder/got"
    mkdir -p "$folder/got"
    private_apt "$folder/apt" deb-src "$mirror" "$keyring"
    if { apt-get -c "$folder/apt/conf" update &&
      (cd "$folder/got" &&
        apt-get -c "$folder/apt/conf" source --only-source --download-only "$package"); } \
      >>"$log" 2>&1 && compgen -G "$folder/got/*.dsc" >/dev/null; then
      return 0
    fi
  done
  say "Debian's newest $package could not be fetched; see $log"
  return "$NOT_TO_BE_HAD"
}

# upstream_version FOLDER: of what was fetched there, without what Debian adds to it.
upstream_version() {
  local version
  version=$(sed -n 's/^Version: //p' "$1"/got/*.dsc | head -n 1)
  version=${version#*:}
  printf '%s' "${version%-*}"
}
