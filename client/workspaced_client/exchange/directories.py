"""The directories of projects, as the disk has them."""

import errno
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Final

from workspaced_client.exchange.json_text import Unusable

_PATIENCE_SECONDS: Final = 2.0
"""For all paths together: a look takes microseconds, unless its file system hangs."""

_LOOKS_AT_ONCE: Final = 16
"""So many paths may hang before no other is looked at any more."""


def real_directories(paths: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """For each path the directory that it leads to, with symbolic links resolved; or why none can be bound."""
    return _apart({path: _real_directory(path) for path in paths})


def real_directories_in_time(paths: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """As `real_directories`, with a bound on the time: those of which nothing is known soon are in neither.

    One of them may be on a dead network mount, which holds up a look for as long as it likes.
    """
    looks: dict[str, str | Unusable] = {}
    waiting = iter(paths)  # each goes to the next thread that is free

    def look() -> None:
        for path in waiting:
            looks[path] = _real_directory(path)

    # Daemon threads, so that one that hangs keeps no process from its end.
    threads = [threading.Thread(target=look, daemon=True) for _ in range(min(_LOOKS_AT_ONCE, len(paths)))]
    deadline = monotonic() + _PATIENCE_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - monotonic(), 0))
    return _apart(dict(looks))


def _apart(looks: Mapping[str, str | Unusable]) -> tuple[dict[str, str], dict[str, str]]:
    found = {path: real for path, real in looks.items() if isinstance(real, str)}
    faults = {path: str(fault) for path, fault in looks.items() if isinstance(fault, Unusable)}
    return found, faults


def _real_directory(path: str) -> str | Unusable:
    try:
        os.scandir(path).close()
        real = os.path.realpath(path, strict=True)
        real.encode()  # JSON can't hold a name that is not UTF-8
    except OSError as error:
        return Unusable(_FAULTS.get(error.errno or 0, f"it can't be read ({_reason(error)})"))
    except ValueError:
        return Unusable("its path is not UTF-8")
    return real


_FAULTS: Final = {
    errno.ENOENT: "it does not exist",
    errno.ENOTDIR: "it is not a directory",
    errno.EACCES: "it may not be read",
}


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
