# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# ask.bash FOLDER LINE: what bash offers at the end of the line, one a line.
# shellcheck disable=SC1091  # in the folder that is given
source "$1/vpnd.bash"
read -ra COMP_WORDS <<<"$2"
[[ $2 != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p vpnd | sed 's/.*-F \([^ ]*\) .*/\1/')"
printf '%s\n' "${COMPREPLY[@]}"
