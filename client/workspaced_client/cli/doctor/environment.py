"""Doctor's checks of what the daemon and this program run on: Python, the configuration, and git."""

import json
import os
import platform
import shutil
import subprocess
import sys
from typing import Final

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.installation import executable
from workspaced_client.cli.doctor.finding import Check, ok, problem, warning
from workspaced_protocol import __version__

_PROGRAM_SECONDS: Final = 10.0


def check_python() -> Check:
    """Which Python and which release this is."""
    return ok("python", f"Python {platform.python_version()} at {sys.executable}, workspaced {__version__}.")


def check_configuration() -> Check:
    """Whether a daemon that is started from here would take its settings; it is asked, since it knows the rules."""
    name = "configuration"
    try:
        result = subprocess.run(
            [executable(), "config", "show", "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROGRAM_SECONDS,
            check=False,
        )
        if result.returncode:
            told = result.stderr.strip().removeprefix("workspaced: ")
            advice = "Mend that: no daemon starts until then. workspaced config sample shows every setting."
            return problem(name, told or f"It can't be told: exit code {result.returncode}.", advice)
        found = json.loads(result.stdout)
        file, unknown = found["file"], found["unknownVariables"]
    except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        return problem(name, f"It can't be told: {error}", "Install workspaced again.")
    if unknown:
        message = f"Not settings, and passed over: {', '.join(unknown)}."
        return warning(name, message, "Mend the names, or unset them: workspaced config show")
    where = file if os.path.exists(file) else f"There is no {file}, and none is needed"
    return ok(name, f"{where}. Every setting can be used.")


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
            timeout=_PROGRAM_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return warning("git", f"{path} can't be run: {error}.", advice)
    return ok("git", f"{result.stdout.strip()} at {path}.")
