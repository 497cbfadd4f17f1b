"""Paths as they were typed, made absolute, and where the user is."""

from __future__ import annotations

import os

from workspaced_client.cli.base.failures import WrongUsage


def absolute_path(given: str | None) -> str:
    """Return `given`, or the current directory for None, as an absolute path; a tilde is the home directory.

    Raises WrongUsage for an empty path, and without a current directory.
    """
    try:
        return os.path.abspath(os.path.expanduser(not_empty(given)))
    except FileNotFoundError as error:
        raise WrongUsage("The current directory no longer exists: give an absolute path.") from error


def not_empty(given: str | None) -> str:
    """Return a path as it was typed, or a dot for None. Raises WrongUsage for an empty one, as of an unset variable."""
    if given == "":
        raise WrongUsage("A path is empty: give one, or “.” for the current directory.")
    return given or "."


def current_directory() -> str:
    """Return the current directory by the path by which the user went there, as `pwd` does."""
    logical = os.environ.get("PWD", "")
    try:
        if os.path.isabs(logical) and os.path.samefile(logical, "."):
            return logical
    except OSError:
        pass  # the shell's path leads nowhere by now
    return absolute_path(None)
