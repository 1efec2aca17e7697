# SPDX-License-Identifier: ISC
# ask.zsh FOLDER LINE: what zsh offers at the end of the line, one a line. Completion is there in an
# interactive shell only, so one is run on a terminal of its own; it tells its matches by a file.
zmodload zsh/zpty
out=$(mktemp)
zpty -b shell zsh -f -i
say() { zpty -w shell "$1" }
say "fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D; PS1=; out=$out"
say 'compadd() { local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >>$out; builtin compadd "$@" }'
say 'comppostfuncs=(finished); finished() { print -r -- END >>$out }'
zpty -w -n shell "$2"$'\t'
integer left=400
while (( left-- > 0 )) && ! grep -qx END $out; do
  zpty -r -t shell said
  sleep 0.05
done
zpty -d shell
grep -vx END $out
rm -f $out
