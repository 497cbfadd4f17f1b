"""The files and directories of an import or an export, as the disk has them."""

import errno
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from typing import Final

from workspaced_client.exchange.json_text import Unusable

_MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""As large as a store's file may be."""

_PATIENCE_SECONDS: Final = 2.0
"""For all paths together: a look takes microseconds, unless its file system hangs."""


def read(path: str) -> bytes:
    """The content of a regular file, to which a symbolic link may lead. Raises Unusable."""
    try:
        # Not to wait for another program, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unusable(f"{path} is not a file that can be imported: it is not a regular one.")
            if status.st_size > _MAX_FILE_BYTES:
                raise Unusable(
                    f"{path} has {status.st_size:,} bytes, and no store has more than {_MAX_FILE_BYTES:,}."
                )
            return file.read()
    except OSError as error:
        raise Unusable(f"{path} can't be read: {_reason(error)}.") from error
    except ValueError as error:  # a NUL in the path
        raise Unusable(f"{path} can't be read: {error}.") from error


def write(path: str, data: bytes, *, over: bool) -> None:
    """Makes a file of this content; `over` lets it take the place of one. Raises FileExistsError, or another OSError.

    A file that was there before is replaced whole or left as it was.
    """
    if not over:
        _write_new(path, data)
        return
    path = os.path.realpath(path)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    new = f"{path}.{os.getpid()}.tmp"
    _write_new(new, data)
    try:
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def _write_new(path: str, data: bytes) -> None:
    is_whole = False
    with open(path, "xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            is_whole = True
        finally:
            if not is_whole:
                os.unlink(path)


def real_directories(paths: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """For each path the directory that it leads to, with symbolic links resolved; or why none can be bound."""
    found: dict[str, str] = {}
    faults: dict[str, str] = {}
    for path in paths:
        real = _real_directory(path)
        if isinstance(real, Unusable):
            faults[path] = str(real)
        else:
            found[path] = real
    return found, faults


def real_directories_in_time(paths: Sequence[str]) -> dict[str, str]:
    """As `real_directories`, of paths that nobody has just named: those of which nothing is known soon are left out.

    One of them may be on a dead network mount, which holds up a look for as long as it likes.
    """
    found: dict[str, str] = {}

    def look() -> None:
        for path in paths:
            real = _real_directory(path)
            if not isinstance(real, Unusable):
                found[path] = real

    # A daemon thread, so that one that hangs keeps no process from its end.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    return dict(found)


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
