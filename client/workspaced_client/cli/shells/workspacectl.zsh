# For zsh: `wcd WORKSPACE`, and completion for it and for workspacectl.
wcd() {
    if [ "$#" -ne 1 ]; then
        echo "usage: wcd WORKSPACE" >&2
        return 2
    fi
    local directory
    directory=$(workspacectl path -- "$1") && cd -- "$directory"
}
_workspaced_complete() {
    eval "$(_TYPER_COMPLETE_ARGS="$1" _WORKSPACECTL_COMPLETE=complete_zsh workspacectl 2>/dev/null)"
}
_workspacectl_completion() { _workspaced_complete "${words[1,$CURRENT]}" }
_wcd_completion() { _workspaced_complete "workspacectl path ${words[$CURRENT]}" }
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _workspacectl_completion workspacectl
compdef _wcd_completion wcd
