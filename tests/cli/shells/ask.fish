# SPDX-License-Identifier: ISC
# ask.fish FOLDER LINE: what fish offers at the end of the line, one a line.
source $argv[1]/vpnd.fish
complete -C $argv[2] | string replace -r '\t.*' ''
