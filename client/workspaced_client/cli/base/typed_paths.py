"""A path as it was typed, made absolute."""

from __future__ import annotations

import os

from workspaced_client.cli.base.failures import WrongUsage


def absolute_path(given: str | None) -> str:
    """Return `given`, or the current directory, as an absolute path; a tilde is the home directory."""
    try:
        return os.path.abspath(os.path.expanduser(given or "."))
    except FileNotFoundError as error:
        raise WrongUsage("The current directory no longer exists: give an absolute path.") from error
