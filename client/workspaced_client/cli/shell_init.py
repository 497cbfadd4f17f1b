"""`workspacectl shell-init`: what a shell's start-up file evaluates, for `wcd` and completion.

The completion itself is typer's: the shell runs `workspacectl` with variables that say what was typed.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from workspaced_client.cli.base.options import options_of
from workspaced_client.cli.base.output import emit, emit_json

_SCRIPTS: Final = Path(__file__).with_name("shells")


class Shell(StrEnum):
    """Those that there is an integration for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def shell_init(
    context: typer.Context,
    shell: Annotated[
        Shell, typer.Argument(metavar="SHELL", help="The one that you use.", show_default=False)
    ],
) -> None:
    """Print what gives your shell `wcd WORKSPACE` and completion.

    `wcd` changes to a workspace's directory.

    Put the line of your shell into its start-up file:

    \b
    ~/.bashrc                   eval "$(workspacectl shell-init bash)"
    ~/.zshrc                    eval "$(workspacectl shell-init zsh)"
    ~/.config/fish/config.fish  workspacectl shell-init fish | source
    """
    text = (_SCRIPTS / f"workspacectl.{shell}").read_text().strip()
    if options_of(context).as_json:
        emit_json(text)
    else:
        emit(text)
