"""The files of this installation: the command `workspaced`, and the service files that came with it.

The installer's own record names them (in a virtual environment, with pipx, in an editable checkout), so
that a service never runs the daemon of another installation.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from workspaced_client.cli.base.failures import Failure

_DISTRIBUTION: Final = "workspaced"


def executable() -> Path:
    """Return the absolute path of this installation's `workspaced`, else of the one on PATH. Raise Failure."""
    recorded = _recorded(_DISTRIBUTION)  # the command has the distribution's name
    for path in (*recorded, shutil.which("workspaced")):
        if path is not None and os.path.isfile(path) and os.access(path, os.X_OK):
            return Path(os.path.abspath(path))  # not resolve(): an upgrade may change where links lead
    raise Failure(
        "The command `workspaced` is neither in this installation nor on PATH: install workspaced again."
    )


def shipped_text(name: str) -> str:
    """Return the text of a service file that came with this installation. Raise Failure."""
    for path in _recorded(name):
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            continue
    raise Failure(f"The service file {name} is not in this installation: install workspaced again.")


def _recorded(name: str) -> list[Path]:
    """Return the paths of the installed files with this name."""
    from importlib import metadata  # only here: it takes long to load

    try:
        files = metadata.files(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return []
    return [Path(os.path.abspath(str(file.locate()))) for file in files or () if file.name == name]
