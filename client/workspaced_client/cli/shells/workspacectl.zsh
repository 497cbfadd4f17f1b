#compdef workspacectl
# For zsh: `wcd [WORKSPACE]`, and completion for it and for workspacectl. To be evaluated, or found on the function path.
wcd() {
    if [ "$#" -gt 1 ]; then
        echo "usage: wcd [WORKSPACE]" >&2
        return 2
    fi
    if [ "$#" -eq 0 ]; then
        set -- --pick
    elif [ "$1" = - ]; then
        builtin cd -
        return
    else
        set -- -- "$1"
    fi
    local directory
    # The slash keeps newlines at the end of a path. The builtin: `cd` itself may be a function or an alias.
    directory=$(workspacectl path "$@" && echo /) && builtin cd -- "${directory%?/}"
}

# Completes the word at the cursor; the arguments are the words before it. All quoting is left to zsh. workspacectl
# prints a completion on each line, with its meaning behind a tab; or a tab and the kind of paths that fit: then this
# returns 2 for files, 3 for directories.
_workspaced_complete() {
    emulate -L zsh
    local line typed=${(Q)PREFIX}
    local -a values texts described
    for line in "${(@f)$(workspacectl __complete "${@[2,-1]}" "$typed" 2>/dev/null)}"; do
        case $line in
            '') continue ;;
            $'\t'files) return 2 ;;
            $'\t'directories) return 3 ;;
        esac
        values+=("${line%%$'\t'*}")
        texts+=("${line/$'\t'/  -- }")
        [[ $line != *$'\t'* ]] || described=(-l)
    done
    (( $#values )) || return 1
    # Of several, zsh inserts the beginning that they share: letters as they were typed, in either case.
    local -i index
    for (( index = 1; $#values > 1 && index <= $#values; index++ )); do
        values[index]=$typed${values[index]:$#typed}
    done
    compadd -U $described -d texts -a -- values
}
_workspacectl() {
    _workspaced_complete "${(@Q)words[1,CURRENT-1]}"
    # Not in there: zsh's own functions need the options that they were called with.
    case $? in
        2) compset -P '--*='; _files ;;
        3) compset -P '--*='; _files -/ ;;
    esac
}
_wcd() { (( CURRENT == 2 )) && _workspaced_complete workspacectl path -- }
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _workspacectl workspacectl
compdef _wcd wcd
# On the function path, zsh runs the file to complete the first time.
[[ $funcstack[1] != _workspacectl ]] || _workspacectl "$@"
