"""`workspacectl shell-init`: shell code for `wcd` and completion, evaluated by a shell's start-up file.

Typer does the completion: the shell runs `workspacectl` with variables that hold the text typed so far.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from workspaced_client.cli.base.options import options_of
from workspaced_client.cli.base.output import emit, emit_json

_SCRIPTS: Final = Path(__file__).with_name("shells")


class Shell(StrEnum):
    """The supported shells."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def shell_init(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="Your shell.", show_default=False)],
) -> None:
    """Print shell code for `wcd WORKSPACE` and for completion.

    `wcd` changes to a workspace's directory.

    Add the line for your shell to its start-up file:

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
