"""The row `state` of the database, and the hash over all request keys that it tells.

SQLite has no checksums of its own. So each row carries the SHA-256 of its text, and the row `state` the XOR of the
hashes of all workspaces (`stored_texts`), and of all request keys.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from workspaced.domain.records import RecoveryNotice, encode
from workspaced.store.stored_texts import hash_of, xor
from workspaced_protocol.models import Revision, StoreId

STATE_KEY: Final = "state"
"""The key of the only row of `meta`."""


class Meta(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What the row `state` tells of the database: the text is JSON."""

    version: int
    release: str
    """The release that wrote it, and has read all that was there before."""
    store_id: StoreId
    revision: Revision
    workspaces: int
    """The number of workspaces."""
    digest: str
    """The XOR of the hashes of all workspaces, in hexadecimal."""
    keys_digest: str
    """The same of all request keys."""
    history_since: int
    """The revision after which the history is whole."""
    recovery: RecoveryNotice | None = None


def key_hash(key: str, workspace_id: str | None) -> int:
    """Return the hash of a request key and of the workspace that answers a repeat."""
    return hash_of(encode((key, workspace_id)))


def keys_digest(keys: Mapping[str, str | None]) -> int:
    """Return the XOR of the hashes of these request keys."""
    return xor(key_hash(key, workspace_id) for key, workspace_id in keys.items())


_meta_decoder: Final = msgspec.json.Decoder(Meta)


def meta_of(text: bytes) -> Meta:
    """Return what the text of the row `state` tells. Raises msgspec.DecodeError or UnicodeDecodeError."""
    return _meta_decoder.decode(text)
