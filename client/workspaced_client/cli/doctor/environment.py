"""Doctor's checks of what the daemon and this program run on: Python, and git."""

import platform
import shutil
import subprocess
import sys
from typing import Final

from workspaced_client.cli.doctor.check import Check, ok, warning
from workspaced_protocol import __version__

_GIT_SECONDS: Final = 10.0


def check_python() -> Check:
    """Which Python and which release this is."""
    return ok("python", f"Python {platform.python_version()} at {sys.executable}, workspaced {__version__}.")


def check_git() -> Check:
    """Whether git can be run, as clones need."""
    advice = "Install git, if you want to clone projects into workspaces."
    path = shutil.which("git")
    if path is None:
        return warning("git", "There is no git on PATH.", advice)
    try:
        result = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return warning("git", f"{path} can't be run: {error}.", advice)
    return ok("git", f"{result.stdout.strip()} at {path}.")
