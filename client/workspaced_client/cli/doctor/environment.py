"""Doctor's checks of the environment: Python, the configuration, and git."""

import json
import os
import platform
import shutil
import sys
from typing import Final

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.installation import executable
from workspaced_client.cli.base.programs import run_program
from workspaced_client.cli.doctor.finding import Finding, ok, problem, warning
from workspaced_protocol import __version__

_PROGRAM_SECONDS: Final = 10.0


def check_python() -> Finding:
    """Report the release of Python and of workspaced."""
    return ok("python", f"Python {platform.python_version()} at {sys.executable}, workspaced {__version__}.")


def check_configuration() -> tuple[Finding, str]:
    """Ask `workspaced`, which knows the rules, whether a daemon started from here would accept its settings.

    Return also the kind of store that they choose, such as `auto`; it is empty where they are wrong.
    """
    name = "configuration"
    try:
        result = run_program(str(executable()), "config", "show", "--json", seconds=_PROGRAM_SECONDS)
        if result.code:
            told = result.err.strip().removeprefix("workspaced: ")
            advice = "Fix that: no daemon starts until then. workspaced config sample shows every setting."
            return problem(name, told or f"workspaced did not show it: exit code {result.code}.", advice), ""
        found = json.loads(result.out)
        file, unknown = found["file"], found["unknownVariables"]
        store = str(found["settings"]["store"]["value"])
    except (Failure, ValueError, KeyError, TypeError) as error:
        return problem(name, f"workspaced could not show it: {error}", "Install workspaced again."), ""
    if unknown:
        message = f"These variables are no settings, and are ignored: {', '.join(unknown)}."
        return warning(name, message, "Correct their names, or unset them: workspaced config show"), store
    if file is None:
        return ok(name, "Without a home directory there is no file. All settings are valid."), store
    where = file if os.path.exists(file) else f"There is no {file}, and none is needed"
    return ok(name, f"{where}. All settings are valid."), store


def check_git() -> Finding:
    """Check that git runs, which clones need."""
    advice = "Install git, if you want to clone projects into workspaces."
    path = shutil.which("git")
    if path is None:
        return warning("git", "There is no git on PATH.", advice)
    try:
        result = run_program(path, "--version", seconds=_PROGRAM_SECONDS)
    except Failure as error:
        return warning("git", error.message, advice)
    if result.code:
        return warning("git", f"{path} --version failed with exit code {result.code}.", advice)
    return ok("git", f"{result.out.strip()} at {path}.")
