"""One finding of `workspacectl doctor`, and the parts of most of its checks."""

import os
import stat
from pathlib import Path
from typing import Literal

import msgspec

from workspaced_protocol.datadir import MIGRATION
from workspaced_protocol.models import Model

Verdict = Literal["ok", "warning", "problem"]


class Finding(Model, frozen=True):
    """The result of one check, with advice unless all is well."""

    name: str
    status: Verdict
    message: str
    advice: str | None = None


def ok(name: str, message: str) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding(name, "ok", message)


def warning(name: str, message: str, advice: str) -> Finding:
    """Return a finding that the user should know, though nothing is broken."""
    return Finding(name, "warning", message, advice)


def problem(name: str, message: str, advice: str) -> Finding:
    """Return the finding that something is broken, or will be."""
    return Finding(name, "problem", message, advice)


def mode_of(status: os.stat_result) -> str:
    """Return the permissions in chmod's form, such as `0700`."""
    return f"{stat.S_IMODE(status.st_mode):04o}"


def belongs_to_another(status: os.stat_result) -> bool:
    """Return whether another user owns it; root may use everything."""
    return os.geteuid() not in (0, status.st_uid)


class _Marker(msgspec.Struct, frozen=True):
    """The member of a migration's marker that the checks read."""

    kind: str


def marked_kind(data_dir: Path) -> str | None:
    """Return the kind of the store that serves after a stopped migration, None without one."""
    try:
        return msgspec.json.decode((data_dir / MIGRATION).read_bytes(), type=_Marker).kind
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # most often it is missing; a wrong one has a finding of its own


def missing_directory(name: str, directory: Path, option: str) -> Finding:
    """Return the finding of the check `name` for a directory that is not there: whether the daemon can make it.

    `option` names another one.
    """
    above = directory
    while not os.path.lexists(above):
        above = above.parent
    told = f"{directory} does not exist, and can't be made"
    if not above.is_dir():
        advice = f"Move that away, or choose another {option}."
        return problem(name, f"{told}: {above} is no directory.", advice)
    if not os.access(above, os.W_OK | os.X_OK):
        advice = f"Make it yourself, or choose another {option}."
        return problem(name, f"{told}: {above} can't be written to.", advice)
    return ok(name, f"{directory} does not exist yet; the daemon creates it when it starts.")
