"""Which of client and daemon to upgrade, where one of them is too old for the other."""

from typing import Final

from workspaced_protocol import PROTOCOL_VERSION, __version__
from workspaced_protocol.errors import ErrorCode, RpcError

_UPGRADE_CLIENT: Final = f"This client (workspaced {__version__}) is older than the daemon: upgrade the package workspaced in this program."
_FIT_TOGETHER: Final = "Check that the daemon and this program fit together."


def advice_on(answer: RpcError, method: str) -> str | None:
    """Return a sentence to add to the daemon's error, if a difference of releases explains it."""
    if answer.code == ErrorCode.PROTOCOL_UNSUPPORTED:
        minimum, maximum = answer.data.get("minimum"), answer.data.get("maximum")
        if isinstance(maximum, int) and maximum < PROTOCOL_VERSION:
            return _upgrade_daemon("its protocol")
        return _UPGRADE_CLIENT if isinstance(minimum, int) and minimum > PROTOCOL_VERSION else None
    if answer.code not in (ErrorCode.METHOD_NOT_FOUND, ErrorCode.INVALID_PARAMS):
        return None
    from workspaced_protocol.methods import (
        METHODS,
    )  # only these errors need it, so not every start pays for it

    known = METHODS.get(method)
    if known is None:
        return None
    if answer.code == ErrorCode.METHOD_NOT_FOUND:
        return _upgrade_daemon("this method")
    is_unknown_there = " is unknown." in answer.message and answer.data.get("path") in known.param_names()
    return _upgrade_daemon("this param") if is_unknown_there else None


def advice_on_misfit(daemon_version: str | None) -> str:
    """Return the way out after an answer that has not the expected shape; the version is that of the daemon's hello."""
    daemon, client = _release(daemon_version or ""), _release(__version__)
    if not daemon or daemon == client:
        return _FIT_TOGETHER
    return _UPGRADE_CLIENT if daemon > client else _upgrade_daemon("more of this answer")


def _upgrade_daemon(known: str) -> str:
    return (
        f"The daemon is older than this client (workspaced {__version__}), which knows {known}: upgrade workspaced, then "
        "restart the daemon when its other clients can spare it."
    )


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, empty for one of another form."""
    numbers = version.split(".")
    return tuple(map(int, numbers)) if all(each.isdecimal() and each.isascii() for each in numbers) else ()
