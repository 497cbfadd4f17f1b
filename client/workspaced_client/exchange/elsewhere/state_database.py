"""One value in the SQLite database of an editor, `state.vscdb`, which the editor may be writing.

VS Code makes its table (`src/vs/base/parts/storage/node/storage.ts` in https://github.com/microsoft/vscode):
`ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)`.

The editor must not notice: nothing is locked, and no file is made beside the database. So SQLite opens it as
`immutable`, which does neither, and the value counts only if the files were the same afterwards. A journal or a
write-ahead log beside it holds a part of the content, or what a crashed editor did not finish: then all of them are
copied, and SQLite puts the copy in order.
"""

import errno
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from contextlib import closing
from typing import Final
from urllib.parse import quote

from workspaced_client.exchange import regular_files
from workspaced_client.exchange.json_text import OtherFormat, Unusable
from workspaced_protocol.datadir import MAX_FILE_BYTES

MAGIC: Final = b"SQLite format 3\0"

_BESIDE: Final = ("-wal", "-journal")
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.05  # between two tries: a commit of the editor takes a few milliseconds
_STEPS_BETWEEN_CHECKS: Final = 1000
_MOST_CHECKS: Final = 10_000
"""A look-up takes a few steps of SQLite; a database made to keep it busy is given up after a second or so."""
_MAX_VALUE_BYTES: Final = 64 * 1024 * 1024  # 500 entries take 100 kB


def read_value(file: str, key: str) -> bytes | None:
    """Return the value for a key; None if there is none. Raise Unusable."""
    if not regular_files.read_head(file, len(MAGIC)).startswith(MAGIC):
        raise OtherFormat(f"{file} is not a database of SQLite.")
    file = os.path.realpath(file)  # a journal stands beside the file, not beside a link to it
    for number in range(_TRIES):
        if number:
            time.sleep(_PAUSE_SECONDS)
        before = _state(file)
        found = _look_up(file, key, has_journal=len(before) > 1)
        if _state(file) == before:
            break
    else:
        raise Unusable(f"{file} is being written all the time: close the editor, and import again.")
    if isinstance(found, Exception):
        raise _failure(file, found) from found
    return found


_COUNTER_OFFSET: Final = 24
_COUNTER_BYTES: Final = 4

_State = tuple[tuple[str, int, int, int, bytes], ...]
"""Of the database and of what stands beside it: the path, the inode, the size in bytes, the time in nanoseconds.

The clock of a file system is coarse. So SQLite's own counter of changes (“The Database File Format”, 1.3.7) belongs to
it too.
"""


def _state(file: str) -> _State:
    """Return the state of the files. Raise Unusable if the database is not a regular file."""
    states: list[tuple[str, int, int, int, bytes]] = []
    for path in (file, *(file + suffix for suffix in _BESIDE)):
        try:
            # O_NONBLOCK: if it is a pipe, do not wait for another program.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if path != file and error.errno == errno.ENOENT:
                continue
            raise Unusable(f"{path} can't be read: {error.strerror or error}.") from error
        except ValueError as error:  # a NUL in the path
            raise Unusable(f"{file} can't be read: {error}.") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unusable(f"{path} is not a regular file.")
            counter = os.pread(descriptor, _COUNTER_BYTES, _COUNTER_OFFSET)
        finally:
            os.close(descriptor)
        if path == file or status.st_size > 0:
            states.append((path, status.st_ino, status.st_size, status.st_mtime_ns, counter))
    return tuple(states)


def _look_up(file: str, key: str, *, has_journal: bool) -> bytes | sqlite3.Error | OSError | None:
    """Return the value, or the error that there was: the editor may be the reason for it."""
    try:
        return _look_up_in_copy(file, key) if has_journal else _query(file, "mode=ro&immutable=1", key)
    except (sqlite3.Error, OSError) as error:
        return error
    except UnicodeDecodeError:  # of SQLite's message, which names what is damaged as it stands in the file
        return sqlite3.DatabaseError("it is damaged")


def _look_up_in_copy(file: str, key: str) -> bytes | None:
    size = os.stat(file).st_size
    if size > MAX_FILE_BYTES:
        raise Unusable(
            f"{file} has {size:,} bytes, of which the editor has some in a journal beside it: close the editor, and "
            "import again."
        )
    with tempfile.TemporaryDirectory(prefix="workspacectl-") as directory:
        copy = os.path.join(directory, "state.vscdb")
        for suffix in ("", *_BESIDE):
            if os.path.exists(file + suffix):
                shutil.copyfile(file + suffix, copy + suffix)
        return _query(copy, "mode=rw", key)


def _query(file: str, how: str, key: str) -> bytes | None:
    with closing(sqlite3.connect(f"file:{quote(file)}?{how}", uri=True)) as connection:
        checks = iter(range(_MOST_CHECKS))
        connection.set_progress_handler(lambda: next(checks, None) is None, _STEPS_BETWEEN_CHECKS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        connection.execute("PRAGMA trusted_schema = OFF")  # the file may come from anybody
        query = "SELECT CAST(value AS BLOB) FROM ItemTable WHERE key = ?"
        row: tuple[bytes | None] | None = connection.execute(query, (key,)).fetchone()
        return None if row is None else row[0]


_WORDS: Final = {
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_NOTADB": "it is damaged",
    "SQLITE_INTERRUPT": "a look-up in it has no end",
    "SQLITE_TOOBIG": f"the value is longer than {_MAX_VALUE_BYTES:,} bytes",
}


def _failure(file: str, error: sqlite3.Error | OSError) -> Unusable:
    if isinstance(error, OSError):
        return Unusable(f"{file} can't be copied to read it: {error.strerror or error}.")
    if "no such table" in str(error) or "no such column" in str(error):
        return OtherFormat(f"{file} has no table `ItemTable` with the columns `key` and `value`.")
    words = _WORDS.get(getattr(error, "sqlite_errorname", ""), str(error))
    return Unusable(f"{file} can't be read as a database of VS Code: {words}.")
