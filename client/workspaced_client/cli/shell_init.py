"""`workspacectl shell-init`: shell code for `wcd` and completion, evaluated by a shell's start-up file."""

from __future__ import annotations

import os

from workspaced_client.cli.base.output import emit, emit_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workspaced_client.cli.base.options import Options


def shell_init(options: Options, shell: str) -> None:
    """Print the code for a shell."""
    with open(
        os.path.join(os.path.dirname(__file__), "shells", f"workspacectl.{shell}"), encoding="utf-8"
    ) as file:
        text = file.read().strip()
    if options.as_json:
        emit_json(text)
    else:
        emit(text)
