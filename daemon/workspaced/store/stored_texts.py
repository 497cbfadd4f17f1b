"""The texts of workspaces and changes as databases keep them, each beside its hash, and the hash over many of them.

The strategy:
- The texts are JSON: a workspace as on the wire, a change as a `HistoryEntry` with the reasons that its events tell.
- Each commit notes the XOR of the hashes of all workspaces: one that is missing, or that an older one has replaced,
  shows as a wrong XOR. The XOR costs one step for each workspace that changes, however many there are.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from workspaced.domain.entries import Entry, entry_json, has_events
from workspaced.domain.records import Outline, Record, encode
from workspaced_protocol import unknown
from workspaced_protocol.models import Peer, Unreachable, Workspace

_DIGEST_BYTES: Final = 32

_workspaces_decoder: Final = msgspec.json.Decoder(list[Workspace])
_outlines_decoder: Final = msgspec.json.Decoder(list[Outline])


def sha256(text: bytes) -> bytes:
    """Return the hash of a row's text."""
    return hashlib.sha256(text).digest()


def hash_of(text: bytes) -> int:
    """Return the hash of a text as a number, for the XOR."""
    return int.from_bytes(sha256(text), "big")


def xor(hashes: Iterable[int]) -> int:
    """Return the XOR of the hashes."""
    total = 0
    for each in hashes:
        total ^= each
    return total


def digest_text(total: int) -> str:
    """Return an XOR of hashes as `Meta` has it."""
    return total.to_bytes(_DIGEST_BYTES, "big").hex()


def records_of(texts: list[bytes]) -> tuple[list[Record], list[str]]:
    """Return the workspaces of these texts, each with its text, and the paths of members that this release does not know.

    Raises msgspec.DecodeError or UnicodeDecodeError.
    """
    try:
        # One call for all of them takes half the time of a call for each.
        workspaces = _workspaces_decoder.decode(b"[%b]" % b",".join(texts))
    except msgspec.ValidationError:
        found = [unknown.decode(text, Workspace) for text in texts]
        members = [
            f"{workspace.id}.{member}" for workspace, unknown_members in found for member in unknown_members
        ]
        return [Record(workspace, text) for (workspace, _), text in zip(found, texts, strict=True)], members
    return list(map(Record, workspaces, texts)), []


def outlined_records_of(texts: list[bytes]) -> list[Record]:
    """Return the workspaces of these texts, each to be decoded once it is needed: a store of this release wrote them all.

    Raises msgspec.DecodeError or UnicodeDecodeError.
    """
    outlines = _outlines_decoder.decode(b"[%b]" % b",".join(texts))
    return list(map(Record.of_proven, outlines, texts))


class _StoredEntry(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """An entry as its row has it: as on the wire, and the reasons that an event tells."""

    revision: int
    at: int
    method: str
    workspace_id: str
    name: str
    before: Raw
    after: Raw
    by: Peer
    correlation_id: str
    reasons: Mapping[str, Unreachable] | None = None


_entry_decoder: Final = msgspec.json.Decoder(_StoredEntry)


def entry_text(entry: Entry) -> bytes:
    """Return the text of an entry's row."""
    text = entry_json(entry)
    if not entry.reasons:
        return text
    return b'%b,"reasons":%b}' % (text[:-1], encode(entry.reasons))


def entry_of(text: bytes) -> Entry | None:
    """Return the entry of a row's text; None if this release can't make events of it: a later one may have written it."""
    try:
        stored = _entry_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    before, after = _workspace_text(stored.before), _workspace_text(stored.after)
    if not (before or after) or not all(has_events(each) for each in (before, after) if each):
        return None
    return Entry(
        revision=stored.revision,
        at_ms=stored.at,
        method=stored.method,
        workspace_id=stored.workspace_id,
        name=stored.name,
        before=before,
        after=after,
        by=stored.by,
        correlation_id=stored.correlation_id,
        reasons=stored.reasons,
    )


def _workspace_text(raw: Raw) -> bytes | None:
    text = bytes(raw)
    return None if text == b"null" else text
