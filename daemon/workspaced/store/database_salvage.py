"""The workspaces that a damaged SQLite database, or its log, still holds: the newest whole version of each.

A removal that the history tells of counts, too: what was removed is not lost.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from workspaced.store.database_pages import Pages, reader_in
from workspaced_protocol import unknown
from workspaced_protocol.models import Workspace

_DATABASE: Final = b"SQLite format 3\0"
_LOGS: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # little-endian and big-endian checksums


class _Entry(Struct, frozen=True, rename="camel"):
    """The part of a row of the history that tells of a removal."""

    revision: int
    workspace_id: str
    after: Raw


_decode_entry: Final = msgspec.json.Decoder(_Entry).decode


def is_database(data: bytes) -> bool:
    """Return whether this is the content of a database, or of a database's log."""
    return data.startswith(_DATABASE) or data[:4] in _LOGS


def salvage_database(data: bytes) -> tuple[list[Workspace], dict[str, int]]:
    """Return the whole workspaces of a database or of a log, the newest version of each, and the revisions of removals."""
    pages = Pages(reader_in(data), None) if data.startswith(_DATABASE) else Pages(None, reader_in(data))
    found: dict[str, Workspace] = {}
    removed: dict[str, int] = {}
    for text in pages.texts():
        try:
            if text.startswith(b'{"id":'):
                workspace, _ = unknown.decode(text, Workspace)
            else:
                entry = _decode_entry(text)
                if bytes(entry.after) == b"null":
                    removed[entry.workspace_id] = max(entry.revision, removed.get(entry.workspace_id, 0))
                    continue
                workspace, _ = unknown.decode(entry.after, Workspace)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # no workspace, or one of another release
        known = found.get(workspace.id)
        if known is None or known.revision < workspace.revision:
            found[workspace.id] = workspace
    return [*found.values()], removed
