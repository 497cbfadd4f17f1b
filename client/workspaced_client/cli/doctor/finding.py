"""One finding of `workspacectl doctor`, and what most of its checks look at first."""

import os
import stat
from typing import Literal

from workspaced_protocol.models import Model

Verdict = Literal["ok", "warning", "problem"]


class Check(Model, frozen=True):
    """What was looked at, what was found, and what to do about it where it is not fine."""

    name: str
    status: Verdict
    message: str
    advice: str | None = None


def ok(name: str, message: str) -> Check:
    """All is as it should be."""
    return Check(name, "ok", message)


def warning(name: str, message: str, advice: str) -> Check:
    """Nothing is broken, but somebody should know."""
    return Check(name, "warning", message, advice)


def problem(name: str, message: str, advice: str) -> Check:
    """Something is broken, or will be."""
    return Check(name, "problem", message, advice)


def reason(error: OSError) -> str:
    """The system's words for an error."""
    return error.strerror or str(error)


def mode_of(status: os.stat_result) -> str:
    """The permissions in the way that chmod takes them, such as `0700`."""
    return f"{stat.S_IMODE(status.st_mode):04o}"


def belongs_to_another(status: os.stat_result) -> bool:
    """Whether another user owns it; root may use what is anybody's."""
    return os.geteuid() not in (0, status.st_uid)
