"""The values in etcd: the head of the store, request keys, sessions and daemons as JSON, changes as compressed JSON.

Workspaces are kept as in databases (`stored_texts`), and so are changes, but compressed: one holds its workspace twice, and
etcd keeps ten thousand of them, sends each to every machine, and syncs each before it answers.
"""

import secrets
import zlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from workspaced.domain.entries import Entry
from workspaced.domain.records import ELSEWHERE, OwnedSession, RecoveryNotice
from workspaced.store import stored_texts
from workspaced.store.etcd.keys import GENERATION
from workspaced_protocol.models import Revision, Session, StoreId

_FASTEST: Final = 1
"""The level of compression: 5 kB become 0.5 kB within 0.04 ms, and higher levels save little more."""

_MAX_ENTRY_BYTES: Final = 16 * 1024 * 1024
"""The largest change that is read: five times what fits in etcd uncompressed. A short value may hold gigabytes of zeros."""

FORMAT: Final = 1
"""The version of keys and values. A release that knows only lower ones must not touch them."""


class Head(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The head of the store: what holds for all of it. Each commit puts it, and compares that nobody else has."""

    format: int
    release: str
    """The release that wrote it."""
    store_id: StoreId
    revision: Revision
    generation: Annotated[str, Meta(pattern=rf"^{GENERATION}$(?!\n)")]
    """The generation that holds the workspaces."""
    nonce: str
    """A random word of the transaction that put it, by which its sender knows it again."""
    machine: str
    """The machine that put it."""
    workspaces: int
    """The number of workspaces."""
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    """The XOR of the hashes of all workspaces, in hexadecimal."""
    history_since: int
    """The revision after which the history is whole."""
    recovery: RecoveryNotice | None = None


class StoredSession(Struct, frozen=True, kw_only=True, rename="camel"):
    """A session, and the daemon that holds it."""

    session: Session
    machine: str
    directory_id: str
    """The id of the daemon's data directory."""

    def as_elsewhere(self) -> OwnedSession:
        """Return the session as it is told on other machines."""
        return OwnedSession(msgspec.structs.replace(self.session, machine=self.machine), ELSEWHERE)


class Registered(Struct, frozen=True, kw_only=True, rename="camel"):
    """A daemon that shares the store, as long as its lease lives."""

    directory_id: str
    place: str
    """Where its data directory is: a boot of a machine, a device and an inode."""
    host: str
    data_dir: str


class RequestValue(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The workspace that answers a repeat of a request, and the place of its key among those of its transaction."""

    workspace_id: str | None = None
    place: int = 0


class NewerFormat(Exception):
    """A newer release has written the store. It must not be touched."""

    def __init__(self, version: int) -> None:
        super().__init__(f"format {version}, but this release knows only formats up to {FORMAT}")


class _Formatted(Struct, frozen=True):
    format: int


def new_nonce() -> str:
    """Return a word that no other transaction has."""
    return secrets.token_hex(12)


def head_of(text: bytes) -> Head:
    """Return the head with this text. Raises NewerFormat, msgspec.DecodeError or UnicodeDecodeError."""
    version = _format_decoder.decode(text).format
    if version > FORMAT:
        raise NewerFormat(version)
    return _head_decoder.decode(text)


def history_value(entry: Entry) -> bytes:
    """Return the value of a change."""
    return zlib.compress(stored_texts.entry_text(entry), _FASTEST)


def entry_of(value: bytes) -> Entry | None:
    """Return the change of this value; None if this release can't read it."""
    decompressor = zlib.decompressobj()
    try:
        text = decompressor.decompress(value, _MAX_ENTRY_BYTES)
    except zlib.error:
        return None
    return stored_texts.entry_of(text) if decompressor.eof else None


_format_decoder: Final = msgspec.json.Decoder(_Formatted)
_head_decoder: Final = msgspec.json.Decoder(Head)
registered_of: Final = msgspec.json.Decoder(Registered).decode
session_of: Final = msgspec.json.Decoder(StoredSession).decode
request_of: Final = msgspec.json.Decoder(RequestValue).decode
