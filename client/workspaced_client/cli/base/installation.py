"""What of this installation a service needs: the `workspaced` command, and the service files shipped with it.

Both are found by what the installer recorded (a virtual environment, pipx, an editable checkout alike), so
that a service never runs the daemon of another installation.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from workspaced_client.cli.base.failures import Failure

_DISTRIBUTION: Final = "workspaced"


def executable() -> Path:
    """The absolute path of this installation's `workspaced`, else of the one on PATH. Raises Failure."""
    recorded = _recorded(_DISTRIBUTION)  # the command has the distribution's name
    for path in (*recorded, shutil.which("workspaced")):
        if path is not None and os.path.isfile(path) and os.access(path, os.X_OK):
            return Path(os.path.abspath(path))  # resolve() would follow links that an upgrade turns elsewhere
    raise Failure(
        "The command `workspaced` is not in this installation, nor on PATH: install workspaced again."
    )


def shipped_text(name: str) -> str:
    """The text of a service file that this installation brought along. Raises Failure."""
    for path in _recorded(name):
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            continue
    raise Failure(f"The service file {name} is not in this installation: install workspaced again.")


def _recorded(name: str) -> list[Path]:
    """Where the installer put the files of this name."""
    from importlib import metadata  # only here, because it takes long to load

    try:
        files = metadata.files(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return []
    return [Path(os.path.abspath(str(file.locate()))) for file in files or () if file.name == name]
