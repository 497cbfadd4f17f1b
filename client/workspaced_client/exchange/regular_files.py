"""Reads and writes the files of an import or an export, whole."""

import errno
import os
import stat

from workspaced_client.exchange.json_text import Unusable
from workspaced_protocol.datadir import MAX_FILE_BYTES


def read(path: str) -> bytes:
    """The content of a regular file, to which a symbolic link may lead. Raises Unusable."""
    try:
        # Not to wait for another program, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unusable(f"{path} is not a file that can be imported: it is not a regular one.")
            if status.st_size > MAX_FILE_BYTES:
                raise Unusable(
                    f"{path} has {status.st_size:,} bytes, and no store has more than {MAX_FILE_BYTES:,}."
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


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
