#compdef workspacectl
# For zsh: `wcd WORKSPACE`, and completion for it and for workspacectl. To be evaluated, or found on the function path.
wcd() {
    if [ "$#" -ne 1 ]; then
        echo "usage: wcd WORKSPACE" >&2
        return 2
    fi
    local directory
    # The slash keeps newlines at the end of a path. The builtin: `cd` itself may be a function or an alias.
    directory=$(workspacectl path -- "$1" && echo /) && builtin cd -- "${directory%?/}"
}

# Completes the word at the cursor; the arguments are the words before it. Unlike typer's own script, it leaves all
# quoting to zsh.
_workspaced_complete() {
    emulate -L zsh
    local line typed=${(Q)PREFIX}
    local words_so_far="${(j: :)${(@qq)@}} ${(qq)typed}"
    local -a values texts described
    for line in "${(@f)$(_TYPER_COMPLETE_ARGS=$words_so_far _TYPER_COMPLETE_FISH_ACTION=get-args \
        _WORKSPACECTL_COMPLETE=complete_fish workspacectl 2>/dev/null)}"; do
        [[ -n $line ]] || continue
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
_workspacectl() { _workspaced_complete "${(@Q)words[1,CURRENT-1]}" || _files }
_wcd() { (( CURRENT == 2 )) && _workspaced_complete workspacectl path -- }
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _workspacectl workspacectl
compdef _wcd wcd
# On the function path, zsh runs the file to complete the first time.
[[ $funcstack[1] != _workspacectl ]] || _workspacectl "$@"
