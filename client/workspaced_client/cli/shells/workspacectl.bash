# For bash: `wcd WORKSPACE`, and completion for it and for workspacectl.
wcd() {
    if [ "$#" -ne 1 ]; then
        echo "usage: wcd WORKSPACE" >&2
        return 2
    fi
    local directory
    directory=$(workspacectl path -- "$1") && cd -- "$directory"
}

# Unlike typer's own script, this quotes names with spaces for the shell.
_workspaced_complete() {
    local IFS=$'\n' index
    COMPREPLY=( $(COMP_WORDS="$1" COMP_CWORD="$2" _WORKSPACECTL_COMPLETE=complete_bash workspacectl 2>/dev/null) )
    if [[ "${COMP_WORDS[COMP_CWORD]}" != [\"\']* ]]; then
        for index in "${!COMPREPLY[@]}"; do
            printf -v "COMPREPLY[$index]" %q "${COMPREPLY[$index]}"
        done
    fi
}
_workspacectl_completion() { local IFS=$'\n'; _workspaced_complete "${COMP_WORDS[*]}" "$COMP_CWORD"; }
_wcd_completion() { _workspaced_complete "workspacectl path ${COMP_WORDS[COMP_CWORD]}" 2; }
complete -o default -F _workspacectl_completion workspacectl
complete -F _wcd_completion wcd
