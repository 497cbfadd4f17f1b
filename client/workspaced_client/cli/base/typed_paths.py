"""Paths as they were typed, made absolute, and where the user is."""

from __future__ import annotations

import os

from workspaced_client.cli.base.failures import WrongUsage


def absolute_path(given: str | None) -> str:
    """Return `given`, or the current directory, as an absolute path; a tilde is the home directory."""
    try:
        return os.path.abspath(os.path.expanduser(given or "."))
    except FileNotFoundError as error:
        raise WrongUsage("The current directory no longer exists: give an absolute path.") from error


def current_directory() -> str:
    """Return the current directory by the path by which the user went there, as `pwd` does."""
    logical = os.environ.get("PWD", "")
    try:
        if os.path.isabs(logical) and os.path.samefile(logical, "."):
            return logical
    except OSError:
        pass  # the shell's path leads nowhere by now
    return absolute_path(None)
