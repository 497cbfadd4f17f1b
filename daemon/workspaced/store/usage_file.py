"""The file of uses, `usage.json`: when workspaces were used. It is no part of the data (storage.md, Files).

So it is written without a sync. Whatever stands in its place is told in one line of the log, and the uses start
over: nothing about it ends a start or a stop.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from workspaced.domain.frecency import Use
from workspaced.process.log import Logger
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.files import Directory
from workspaced_protocol.datadir import MAX_USAGE_BYTES, USAGE, temp_name
from workspaced_protocol.models import TimeMs

_VERSION: Final = 1
_CREATE_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_log = Logger()


class _StoredUse(msgspec.Struct, frozen=True, rename="camel"):
    last_used_at: TimeMs
    score: Annotated[float, msgspec.Meta(gt=0, le=1e12)]  # a use in each millisecond of its half-life has 1e9


class _Document(msgspec.Struct, frozen=True):
    version: Annotated[int, msgspec.Meta(ge=_VERSION, le=_VERSION)]
    workspaces: dict[str, _StoredUse]


class UsageFile:
    """The file of uses in a data directory. All methods block."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def read(self) -> dict[str, Use]:
        """Return the uses by workspace id; none, with a warning in the log, if the file can't be used."""
        try:
            stored = self._stored()
        except (OSError, StoreUnusable, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = error.reason if isinstance(error, StoreUnusable) else str(error)
            _log.warning("The times of use start over.", file=str(self._data_dir / USAGE), reason=reason)
            return {}
        return {id_: Use(use.last_used_at, use.score) for id_, use in stored.items()}

    def _stored(self) -> Mapping[str, _StoredUse]:
        with closing(Directory.open(Disk(), self._data_dir, create=False)) as folder:
            found = folder.identify(USAGE)
            if found is not None and found.size > MAX_USAGE_BYTES:
                raise StoreUnusable(f"it has {found.size:,} bytes, above the limit of {MAX_USAGE_BYTES:,}")
            content = folder.read(USAGE)
        return {} if content is None else msgspec.json.decode(content.data, type=_Document).workspaces

    def write(self, uses: Mapping[str, Use]) -> None:
        """Replace the file, whole or not at all. Raises OSError."""
        stored = {id_: _StoredUse(use.last_used_at, use.score) for id_, use in uses.items()}
        data = msgspec.json.encode(_Document(_VERSION, stored))
        temp = temp_name(secrets.token_hex(8))
        with closing(Directory.open(Disk(), self._data_dir, create=False)) as folder:
            try:
                with os.fdopen(os.open(temp, _CREATE_FILE, 0o600, dir_fd=folder.fd), "wb") as file:
                    file.write(data)
                os.rename(temp, USAGE, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            except BaseException:
                with suppress(OSError):  # report the first failure, not this one
                    os.unlink(temp, dir_fd=folder.fd)
                raise
