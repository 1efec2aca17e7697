# SPDX-License-Identifier: ISC
# Completes vpnd's commands and options in fish. Which there are the program itself says ("vpnd
# help"), so that this is right for whichever vpnd is installed.

function __vpnd_help
    set -lx PATH $PATH /usr/sbin /sbin
    command vpnd help $argv 2>/dev/null
end

# The value of an option among the words, or what it is without.
function __vpnd_place -a option otherwise
    set -l at (contains -i -- $option $__vpnd_words[1..-2])
    and set otherwise $__vpnd_words[(math $at + 1)]
    string replace -r '^~' $HOME -- $otherwise
end

# Names of files with that ending in the folders, without it.
function __vpnd_stems -a ending
    for folder in $argv[2..-1]
        for file in $folder/*$ending
            string replace -r '.*/' '' -- (string sub -e -(string length -- $ending) -- $file)
        end
    end
end

function __vpnd_running
    set -l run (__vpnd_place --run-dir /run/vpnd)
    set -l below $run/*/
    __vpnd_stems .sock $run $below
end

function __vpnd_configured
    __vpnd_stems .toml (__vpnd_place --config-dir /etc/vpnd)
end

function __vpnd_commands
    __vpnd_help | string match -rg '^  vpnd ([a-z]+)' | sort -u
end

# What may stand where the help says so.
function __vpnd_argument -a command kind
    switch $kind
        case KEY
            __fish_complete_suffix .key
        case FILE
            __fish_complete_path (commandline -ct)
        case HOST
            __fish_print_hostnames
        case COMMAND
            __vpnd_commands
        case NAME
            test $command = peer
            or __vpnd_running
        case 'NAME|FILE'
            if contains $command run up plan
                __vpnd_configured
            else
                __vpnd_running
            end
            __fish_complete_suffix .toml
        case '*'
            string match -r '^[a-z]+$' -- $kind
    end
end

# The value of an option, by what stands for it and by what is said of it.
function __vpnd_value -a kind said
    switch $kind
        case DIR
            __fish_complete_directories (commandline -ct) ''
        case FILE
            __fish_complete_path (commandline -ct)
        case '*'
            set -l words (string replace -r ':.*' '' -- $said | string replace -a ' or ' ', ' | string split ', ')
            string match -q '* *' -- $words
            or string join \n -- $words
    end
end

function __vpnd_complete
    set -g __vpnd_words (commandline -opc)
    set -l words $__vpnd_words
    set -l command $words[2]
    if test (count $words) -eq 1
        __vpnd_commands
        return
    end
    set -l help (__vpnd_help $words[2..3])
    string match -q 'usage:*' -- $help[1]
    or set help (__vpnd_help $command)
    set -l names
    set -l kinds
    set -l texts
    for line in $help
        set -l parts (string match -rg '^  (-\S+) +((?:[A-Z]+(?= |$))?) *(.*)$' -- $line)
        or continue
        for name in (string split , -- $parts[1])
            set -a names $name
            set -a kinds $parts[2]
            set -a texts $parts[3]
        end
    end
    # The words that are neither options nor their values.
    set -l given
    set -l skip no
    for word in $words[3..-1]
        set -l at (contains -i -- $word $names)
        if test $skip = yes
            set skip no
        else if test -n "$at"
            test -n "$kinds[$at]"
            and set skip yes
        else if not string match -q -- '-*' $word
            set -a given $word
        end
    end
    if test $skip = yes
        set -l at (contains -i -- $words[-1] $names)
        __vpnd_value $kinds[$at] $texts[$at]
        return
    end
    if string match -q -- '-*' (commandline -ct)
        for i in (seq (count $names))
            printf '%s\t%s\n' $names[$i] $texts[$i]
        end
        return
    end
    for form in (__vpnd_help $command | string match -rg "^usage: vpnd $command *(.*)" | string split ' | ')
        set -l expected (string replace -ra '[\[\]]' '' -- $form | string split ' ')
        set -l fits yes
        for i in (seq (count $given))
            # A word in small letters stands for itself.
            if string match -qr '^[a-z]+$' -- "$expected[$i]"; and test "$expected[$i]" != "$given[$i]"
                set fits no
            end
        end
        test $fits = yes
        and __vpnd_argument $command "$expected[$(math (count $given) + 1)]"
    end
end

complete -c vpnd -f -a '(__vpnd_complete)'
