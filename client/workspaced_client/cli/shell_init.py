"""`workspacectl shell-init`: shell code for `wcd`, completion and the manual, evaluated by a shell's start-up file."""

from __future__ import annotations

import os
import sys

from workspaced_client.cli.base.output import emit, emit_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from workspaced_client.cli.base.options import Options

# An empty part of MANPATH stands for the places where man looks anyway (man-db, mandoc, macOS).
_POSIX_MANUAL: Final = """
# The manual of this installation: `man workspacectl`.
case ":${MANPATH-}:" in
    *:{}:*) ;;
    *) export MANPATH="${MANPATH-}":{} ;;
esac"""
_FISH_MANUAL: Final = """
# The manual of this installation: `man workspacectl`.
set -q MANPATH; or set -gx MANPATH ''
contains -- {} $MANPATH; or set -gx MANPATH $MANPATH {}"""


def shell_init(options: Options, shell: str) -> None:
    """Print the code for a shell."""
    with open(
        os.path.join(os.path.dirname(__file__), "shells", f"workspacectl.{shell}"), encoding="utf-8"
    ) as file:
        text = file.read().strip()
    manual = _hidden_manual()
    if manual is not None:
        quoted = "'" + manual.replace("'", "'\\''") + "'"
        text += "\n" + (_FISH_MANUAL if shell == "fish" else _POSIX_MANUAL).replace("{}", quoted)
    if options.as_json:
        emit_json(text)
    else:
        emit(text)


def _hidden_manual() -> str | None:
    """Return this installation's directory of manual pages if man does not find it by itself, as after `uv tool install`.

    It looks beside the directories on PATH.
    """
    manual = os.path.join(sys.prefix, "share", "man")
    if not os.path.isfile(os.path.join(manual, "man1", "workspacectl.1")):
        return None
    on_path = os.environ.get("PATH", "").split(os.pathsep)
    return None if os.path.join(sys.prefix, "bin") in on_path else manual
