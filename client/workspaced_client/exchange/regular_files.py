"""The files of an import or an export, read and written as a whole."""

import errno
import os
import stat

from workspaced_client.exchange.json_text import Unusable
from workspaced_protocol.datadir import MAX_FILE_BYTES


def read(path: str) -> bytes:
    """Return the content of a regular file; symbolic links are followed. Raise Unusable."""
    return _read(path, None)


def read_head(path: str, most_bytes: int) -> bytes:
    """Return the first bytes of a regular file, however large it is. Raise Unusable."""
    return _read(path, most_bytes)


def _read(path: str, most_bytes: int | None) -> bytes:
    try:
        # O_NONBLOCK: if it is a pipe, do not wait for another program.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unusable(f"{path} is not a regular file.")
            if most_bytes is None and status.st_size > MAX_FILE_BYTES:
                raise Unusable(f"{path} has {status.st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}.")
            return file.read(most_bytes)
    except OSError as error:
        raise Unusable(f"{path} can't be read: {_reason(error)}.") from error
    except ValueError as error:  # a NUL in the path
        raise Unusable(f"{path} can't be read: {error}.") from error


def write(path: str, data: bytes, *, over: bool) -> None:
    """Write a file with this content; `over` allows to replace one. Raise FileExistsError, or another OSError.

    An existing file is replaced as a whole, or stays as it was.
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
