"""The database of zoxide, `db.zo`: the directories that somebody has changed to.

Its format is that of `src/db/dir.rs` in https://github.com/ajeetdsouza/zoxide, written by bincode with integers of
fixed size, little-endian: the version, 3, in 4 bytes; the number of directories in 8; and of each the length of its
path in 8, the path in UTF-8, its rank as a double, and the time of its last use in 8, in seconds since 1970. It is
in `$_ZO_DATA_DIR`, or in the user's directory for data (`src/config.rs`). Its ranks and times are not imported.
"""

import struct
from typing import Final

from workspaced_client.exchange import regular_files
from workspaced_client.exchange.folders import Elsewhere, path_of
from workspaced_client.exchange.json_text import LeftOut, OtherFormat, Unusable
from workspaced_client.exchange.listed import Listed, Listing

VERSION: Final = struct.pack("<I", 3)

_COUNT: Final = struct.Struct("<Q")
_LENGTH: Final = struct.Struct("<Q")
_RANK_AND_TIME: Final = struct.Struct("<dQ")


def read(file: str, home: str) -> Listing:
    """Return the directories in a database. Raise Unusable."""
    return decode(file, regular_files.read(file))


def decode(file: str, data: bytes) -> Listing:
    """Return the directories in `data`, the content of `file`. Raise Unusable."""
    version = data[: len(VERSION)]
    if version != VERSION:
        if len(version) == len(VERSION) and not version.startswith(b"\0") and version.endswith(b"\0\0\0"):
            raise Unusable(
                f"{file} is a database of zoxide of version {version[0]}, and only version 3 is known."
            )
        raise OtherFormat(f"{file} is not a database of zoxide.")
    projects: list[Listed] = []
    left_out: list[LeftOut] = []
    at = len(VERSION)
    try:
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        for _ in range(count):  # the data ends long before a count that is too high
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            written = data[at : at + length]
            at += len(written)
            _RANK_AND_TIME.unpack_from(data, at)
            at += _RANK_AND_TIME.size
            try:
                projects.append(Listed(path_of(written.decode()), is_visited_directory=True))
            except UnicodeDecodeError:
                left_out.append(LeftOut("", written.decode(errors="replace"), "its path is not UTF-8"))
            except Elsewhere as error:
                left_out.append(LeftOut("", written.decode(), str(error)))
    except struct.error as error:
        raise Unusable(f"{file} is damaged: it ends in the middle of an entry, after byte {at:,}.") from error
    if at != len(data):
        raise Unusable(f"{file} is damaged: more follows after its last entry, at byte {at:,}.")
    return Listing(tuple(projects), tuple(left_out), has_uses=True)
