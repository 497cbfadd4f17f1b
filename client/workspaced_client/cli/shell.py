"""`workspacectl shell-init`: what a shell's start-up file evaluates, for `wcd` and completion.

The completion itself is typer's: the shell runs `workspacectl` with variables that say what was typed.
"""

from enum import StrEnum
from typing import Annotated, Final

import typer

from workspaced_client.cli.options import options_of
from workspaced_client.cli.output import emit, emit_json

_BASH: Final = r"""
wcd() {
    if [ "$#" -ne 1 ]; then
        echo "usage: wcd WORKSPACE" >&2
        return 2
    fi
    local directory
    directory=$(workspacectl path -- "$1") && cd -- "$directory"
}

# What typer's own script lacks: names with spaces are quoted as the shell needs them.
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
"""

_ZSH: Final = r"""
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
"""

_FISH: Final = r"""
function wcd --description "Change to a workspace's directory"
    if test (count $argv) -ne 1
        echo "usage: wcd WORKSPACE" >&2
        return 2
    end
    set --local directory (workspacectl path -- $argv[1]); and cd $directory
end
function __workspaced_complete
    env _WORKSPACECTL_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] _TYPER_COMPLETE_ARGS="$argv[2]" workspacectl 2>/dev/null
end
complete --command wcd --no-files --arguments '(__workspaced_complete get-args "workspacectl path "(commandline -ct))'
complete --command workspacectl --no-files --arguments '(__workspaced_complete get-args (commandline -cp))' \
    --condition '__workspaced_complete is-args (commandline -cp)'
"""


class Shell(StrEnum):
    """Those that there is an integration for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS: Final = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def shell_init(
    context: typer.Context,
    shell: Annotated[
        Shell, typer.Argument(metavar="SHELL", help="The one that you use.", show_default=False)
    ],
) -> None:
    """Print what gives your shell `wcd WORKSPACE`, which changes to a workspace's directory, and completion.

    Put the line of your shell into its start-up file:

    \b
    ~/.bashrc                   eval "$(workspacectl shell-init bash)"
    ~/.zshrc                    eval "$(workspacectl shell-init zsh)"
    ~/.config/fish/config.fish  workspacectl shell-init fish | source
    """
    text = _SCRIPTS[shell].strip()
    if options_of(context).as_json:
        emit_json(text)
    else:
        emit(text)
