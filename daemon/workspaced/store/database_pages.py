"""What the pages of a damaged SQLite database still hold: every row whose text has the hash that stands beside it.

The strategy:
- Nothing of the file's own order is trusted: not its header, its schema or its tree. Each page is looked at by itself,
  and so is each page in the log, whatever SQLite thinks of the log.
- The store's rows end with a text and its SHA-256. So a row that is whole proves itself, wherever it is found. An
  older version of a row may be found too: a workspace and an entry of the history carry their revisions.

The format is that of https://sqlite.org/fileformat2.html: “B-tree Pages”, “Record Format” and “The Write-Ahead Log”.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from workspaced_protocol.datadir import DATABASE_PAGE_BYTES

_TABLE_LEAF: Final = 0x0D
_LEAF_HEADER_BYTES: Final = 8
_DATABASE_HEADER_BYTES: Final = 100  # stands before the first page's own header
_LOG_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_FRAME_BYTES: Final = _FRAME_HEADER_BYTES + DATABASE_PAGE_BYTES
_OVERFLOW_BYTES: Final = DATABASE_PAGE_BYTES - 4
_LARGEST_LOCAL: Final = DATABASE_PAGE_BYTES - 35
_SMALLEST_LOCAL: Final = (DATABASE_PAGE_BYTES - 12) * 32 // 255 - 23
_HASH_BYTES: Final = 32
_HASH_TYPE: Final = 2 * _HASH_BYTES + 12  # the serial type of a BLOB of that length
_FIRST_TEXT_TYPE: Final = 13
_MAX_PAYLOAD_BYTES: Final = 64 * 1024 * 1024
"""Far above any row of the store: a damaged length must not ask for all memory."""

Read = Callable[[int, int], bytes]
"""Reads a number of bytes at an offset of a file; fewer at its end."""


class _Frame(NamedTuple):
    """A page in the log: its number, its place in the file, and that of the last page of its commit."""

    page: int
    offset: int
    end: int


class Pages:
    """The pages of a database and of its log, read by their numbers; either may be missing."""

    def __init__(self, database: Read | None, log: Read | None) -> None:
        self._database = database or _nothing
        self._log = log or _nothing
        self._frames = _frames_of(self._log)
        self._proofs: set[bytes] = (
            set()
        )  # of the texts that were found: most pages of a log hold the same rows
        self._versions: dict[int, list[_Frame]] = {}  # of each page, oldest first
        for frame in self._frames:
            self._versions.setdefault(frame.page, []).append(frame)

    def texts(self) -> Iterator[bytes]:
        """Yield each text of a whole row once: those of the database, then those of the log, oldest first."""
        number = 1
        while data := self._database((number - 1) * DATABASE_PAGE_BYTES, DATABASE_PAGE_BYTES):
            yield from self._texts_in(data, number, None)
            number += 1
        for frame in self._frames:
            data = self._log(frame.offset, DATABASE_PAGE_BYTES)
            yield from self._texts_in(data, frame.page, frame)

    def _texts_in(self, data: bytes, number: int, frame: _Frame | None) -> Iterator[bytes]:
        start = _DATABASE_HEADER_BYTES if number == 1 else 0
        if len(data) != DATABASE_PAGE_BYTES or data[start] != _TABLE_LEAF:
            return
        count = int.from_bytes(data[start + 3 : start + 5], "big")
        pointers = start + _LEAF_HEADER_BYTES
        for at in range(pointers, min(pointers + 2 * count, DATABASE_PAGE_BYTES - 1), 2):
            offset = int.from_bytes(data[at : at + 2], "big")
            payload = self._payload(data, offset, frame)
            text = _proven_text(payload, self._proofs) if payload is not None else None
            if text is not None:
                yield text

    def _payload(self, data: bytes, offset: int, frame: _Frame | None) -> bytes | None:
        """Return the payload of a cell, with what has overflown to other pages; None if it is not whole."""
        size, offset = _varint(data, offset)
        _, offset = _varint(data, offset)  # the row's id
        if not 0 < size <= _MAX_PAYLOAD_BYTES:
            return None
        if size <= _LARGEST_LOCAL:
            payload = data[offset : offset + size]
            return payload if len(payload) == size else None
        local = _SMALLEST_LOCAL + (size - _SMALLEST_LOCAL) % _OVERFLOW_BYTES
        if local > _LARGEST_LOCAL:
            local = _SMALLEST_LOCAL
        pieces = [data[offset : offset + local]]
        following = int.from_bytes(data[offset + local : offset + local + 4], "big")
        left = size - local
        while left > 0:
            page = self._page(following, frame) if following else b""
            if len(page) != DATABASE_PAGE_BYTES:
                return None
            pieces.append(page[4 : 4 + min(left, _OVERFLOW_BYTES)])
            left -= len(pieces[-1])
            following = int.from_bytes(page[:4], "big")
        return b"".join(pieces)

    def _page(self, number: int, frame: _Frame | None) -> bytes:
        """Return a page as the commit of this frame left it; without a frame, as the database has it."""
        if frame is not None:
            versions = [each for each in self._versions.get(number, ()) if each.offset <= frame.end]
            if versions:
                return self._log(versions[-1].offset, DATABASE_PAGE_BYTES)
        return self._database((number - 1) * DATABASE_PAGE_BYTES, DATABASE_PAGE_BYTES)


def reader_of(fd: int) -> Read:
    """Return how to read an open file."""
    return lambda offset, count: os.pread(fd, count, offset)


def reader_in(data: bytes) -> Read:
    """Return how to read a file's content in memory."""
    return lambda offset, count: data[offset : offset + count]


def _nothing(_offset: int, _count: int) -> bytes:
    return b""


def _frames_of(log: Read) -> Sequence[_Frame]:
    """Return the frames of a log whose commits have come to an end: others tell of what was never answered.

    The last frame of a commit says so. Frames that were written since the log was last begun have the same salts.
    """
    found: list[_Frame] = []
    marks: list[tuple[bytes, bool]] = []  # the salts of each frame, and whether it is the last of its commit
    offset = _LOG_HEADER_BYTES
    while len(header := log(offset, _FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
        page = int.from_bytes(header[:4], "big")
        found.append(_Frame(page, offset + _FRAME_HEADER_BYTES, 0))
        marks.append((header[8:16], any(header[4:8])))  # the database's size stands in the last frame alone
        offset += _FRAME_BYTES
    ends: dict[bytes, int] = {}
    kept: list[_Frame] = []
    for frame, (salts, is_last) in zip(reversed(found), reversed(marks), strict=True):
        if is_last:
            ends[salts] = frame.offset
        if salts in ends:
            kept.append(frame._replace(end=ends[salts]))
    return kept[::-1]


def _proven_text(payload: bytes, found: set[bytes]) -> bytes | None:
    """Return the text of a record of three columns, the last of which is its hash; None for any other.

    A hash that is in `found` is None too, and others are added to it.
    """
    header_size, at = _varint(payload, 0)
    types: list[int] = []
    while at < min(header_size, len(payload)) and len(types) <= 3:
        kind, at = _varint(payload, at)
        types.append(kind)
    if len(types) != 3 or types[2] != _HASH_TYPE or at != header_size:
        return None
    first, second = (_text_bytes(kind) for kind in types[:2])
    if first is None or not second:
        return None
    start = header_size + first
    text = payload[start : start + second]
    proof = payload[start + second : start + second + _HASH_BYTES]
    if proof in found or sha256(text).digest() != proof:
        return None
    found.add(proof)
    return text


def _text_bytes(kind: int) -> int | None:
    """Return the length of a text of this serial type, 0 for NULL; None for what is neither."""
    if kind == 0:
        return 0
    if kind < _FIRST_TEXT_TYPE or kind % 2 == 0:
        return None
    return (kind - _FIRST_TEXT_TYPE) // 2


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length integer there, and the offset behind it; bytes behind the end count as 0."""
    value = 0
    for index in range(at, at + 8):
        byte = data[index] if index < len(data) else 0
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    return value << 8 | (data[at + 8] if at + 8 < len(data) else 0), at + 9
