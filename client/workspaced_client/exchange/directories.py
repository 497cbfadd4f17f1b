"""The directories of projects: whether they are usable, and where symbolic links lead."""

import errno
import os
import threading
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from workspaced_client.exchange.json_text import Unusable

_PATIENCE_SECONDS: Final = 2.0
"""For all paths together: one takes microseconds, unless its file system hangs."""

_LOOKS_AT_ONCE: Final = 16
"""The number of threads: when so many paths hang, the others get no answer."""


def real_directories_in_time(paths: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the real directories by path, and by path the reasons of those that can't be bound.

    A path may be on a dead network mount, where a system call takes forever. Those without an answer in time are
    in neither.
    """
    looks: dict[str, str | Unusable] = {}
    waiting = iter(paths)  # a free thread takes the next one

    def look() -> None:
        for path in waiting:
            looks[path] = _real_directory(path)

    # Daemon threads: a hanging one does not keep the process alive.
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
