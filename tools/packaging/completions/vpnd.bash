# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completes vpnd's commands and options in bash. Which there are the program itself says ("vpnd
# help"), so that this is right for whichever vpnd is installed.

_vpnd_help() {
  PATH=$PATH:/usr/sbin:/sbin command vpnd help "$@" 2>/dev/null
}

# The value of an option on this line, or what it is without.
_vpnd_place() {
  local option=$1 otherwise=$2 i
  for ((i = 1; i < COMP_CWORD - 1; i++)); do
    [[ ${COMP_WORDS[i]} != "$option" ]] || otherwise=${COMP_WORDS[i + 1]}
  done
  printf '%s' "${otherwise/#\~/$HOME}"
}

# Names of files with that ending in the folders, without it.
_vpnd_stems() {
  local ending=$1 folder file
  shift
  for folder; do
    # A folder may be a pattern.
    while IFS= read -r file; do
      file=${file##*/}
      printf '%s\n' "${file%"$ending"}"
    done < <(compgen -G "$folder/*$ending")
  done
}

_vpnd_running() {
  local run
  run=$(_vpnd_place --run-dir /run/vpnd)
  _vpnd_stems .sock "$run" "$run/*"
}

_vpnd_configured() {
  _vpnd_stems .toml "$(_vpnd_place --config-dir /etc/vpnd)"
}

_vpnd_commands() {
  _vpnd_help | awk '$1 == "vpnd" && $2 != "" && !seen[$2]++ { print $2 }'
}

_vpnd_files() {
  local pattern=$1 name
  while read -r name; do
    COMPREPLY+=("$name")
  done < <(compgen -d -- "$cur"; compgen -f -X "!$pattern" -- "$cur")
  compopt -o filenames 2>/dev/null
}

_vpnd_words() {
  local word
  while read -r word; do
    COMPREPLY+=("$word")
  done < <(compgen -W "$1" -- "$cur")
}

# What may stand where the help says so.
_vpnd_argument() {
  case $1 in
    KEY) _vpnd_files '*.key' ;;
    FILE) _vpnd_files '*' ;;
    HOST) _vpnd_words "$(compgen -A hostname)" ;;
    COMMAND) _vpnd_words "$(_vpnd_commands)" ;;
    NAME) [[ $command == peer ]] || _vpnd_words "$(_vpnd_running)" ;;
    'NAME|FILE')
      case $command in
        run | up | plan) _vpnd_words "$(_vpnd_configured)" ;;
        *) _vpnd_words "$(_vpnd_running)" ;;
      esac
      _vpnd_files '*.toml'
      ;;
    *[a-z]*) _vpnd_words "$1" ;;
  esac
}

# The value of an option, by what stands for it and by what is said of it.
_vpnd_value() {
  local kind=$1 said=${2%%:*}
  case $kind in
    DIR) while read -r said; do COMPREPLY+=("$said"); done < <(compgen -d -- "$cur") ;;
    FILE) _vpnd_files '*' ;;
    *)
      said=${said//, /|}
      said=${said// or /|}
      [[ $said == *' '* ]] || _vpnd_words "${said//|/ }"
      ;;
  esac
}

_vpnd() {
  local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} help line names kind said form i
  local -A values=() texts=()
  local -a given=()
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _vpnd_words "$(_vpnd_commands)"
    return
  fi
  help=
  ((COMP_CWORD == 2)) || help=$(_vpnd_help "$command" "${COMP_WORDS[2]}")
  [[ $help == usage:* ]] || help=$(_vpnd_help "$command")
  while IFS= read -r line; do
    [[ $line == '  -'* ]] || continue
    read -r names kind said <<<"$line"
    [[ $kind =~ ^[A-Z]+$ ]] || kind=
    for i in ${names//,/ }; do
      values[$i]=$kind
      texts[$i]=$said
    done
  done <<<"$help"
  if [[ -n ${values[$previous]:-} ]]; then
    _vpnd_value "${values[$previous]}" "${texts[$previous]}"
    return
  fi
  if [[ $cur == -* ]]; then
    _vpnd_words "${!values[*]}"
    return
  fi
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      given+=("${COMP_WORDS[i]}")
    elif [[ -n ${values[${COMP_WORDS[i]}]:-} ]]; then
      ((i++))
    fi
  done
  while IFS= read -r form; do
    local -a form_words=()
    read -ra form_words <<<"${form//[\[\]]/}"
    for ((i = 0; i < ${#given[@]}; i++)); do
      # A word in small letters stands for itself.
      [[ ${form_words[i]:-} != *[a-z]* || ${form_words[i]} == "${given[i]}" ]] || continue 2
    done
    _vpnd_argument "${form_words[${#given[@]}]:-}"
  done < <(_vpnd_help "$command" | sed -n "s/^usage: vpnd $command *//p" | sed 's/ | /\n/g')
}

complete -F _vpnd vpnd
