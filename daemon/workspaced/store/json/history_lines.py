"""The lines of the history's files: their text, and which of them tell of this store.

The strategy:
- A line is an entry as on the wire, or bare where a commit raised the revision without a change. `follows` is the
  revision of the line before, so a missing line shows as a hole. `since` is the store's revision when the line was
  written: all up to it had happened then. It is absent where `follows` says the same.
- A line is written before its commit, which may fail. So the lines of the last commit tell of something that happened
  only if the store's file has the checksum that the last of them names (`store`).
- The CRC-32 over a line begins with the store's id. So neither a damaged line nor one of another store is ever told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import msgspec
from msgspec import Raw, Struct

from workspaced.domain.entries import Entry, entry_json, has_events
from workspaced.domain.history import History
from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced_protocol.models import Peer, Unreachable

_CRC: Final = b',"crc":"'
_CRC_BYTES: Final = len(_CRC) + 8 + len(b'"}')

_NULL: Final = Raw(b"null")


class Line(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A line of a history's file, its members in order; `workspace_id` is absent in a bare one."""

    revision: int
    at: int = 0
    method: str = ""
    workspace_id: str | None = None
    name: str = ""
    before: Raw = _NULL
    after: Raw = _NULL
    by: Peer = Peer(0, 0)
    correlation_id: str = ""
    reasons: dict[str, Unreachable] | None = None
    follows: int
    since: int | None = None
    store: str | None = None

    @property
    def happened_up_to(self) -> int:
        """The store's revision when the line was written."""
        return self.follows if self.since is None else self.since


_decoder: Final = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True)
class Writing:
    """What all lines of one writing have in common."""

    since: int
    """The store's revision."""
    store: str
    """The checksum of the store's file with these changes, as `store_checksum` gives it."""
    seed: int
    """As `crc_seed` gives it."""

    def line(self, follows: int, text: bytes, *, is_last: bool) -> bytes:
        """Return the line of this text, a JSON object without its end."""
        text += b',"follows":%d' % follows
        if self.since != follows:
            text += b',"since":%d' % self.since
        if is_last and self.store:
            text += b',"store":"%b"' % self.store.encode()
        return b'%b%b%08x"}\n' % (text, _CRC, crc32(text, self.seed))

    def bare(self, revision: int, follows: int) -> bytes:
        """Return a last line without a change."""
        return self.line(follows, b'{"revision":%d' % revision, is_last=True)

    def entry(self, entry: Entry, follows: int, *, is_last: bool) -> bytes:
        """Return the line of a change."""
        text = entry_json(entry)[:-1]
        if entry.reasons:
            text += b',"reasons":' + encode(entry.reasons)
        return self.line(follows, text, is_last=is_last)

    def lines(
        self,
        entries: Sequence[Entry],
        known_since: int,
        revision: int,
        max_bytes: int,
        *,
        begins: bool = False,
    ) -> bytes:
        """Return the lines of these changes up to `revision`: the newest that have room.

        All changes after `known_since` are among them. If they begin a file, and all have room, what older files tell
        does not count any more.
        """
        reached = max(entries[-1].revision if entries else 0, known_since)
        texts = [] if entries and reached == revision else [self.bare(revision, reached)]
        room = max_bytes - sum(map(len, texts))
        for index in range(len(entries) - 1, -1, -1):
            entry = entries[index]
            # An entry from before `known_since` follows itself: nobody knows the line before.
            follows = entry.revision
            if entry.revision > known_since:
                follows = max(entries[index - 1].revision if index else 0, known_since)
            text = self.entry(entry, follows, is_last=not texts)
            room -= len(text)
            if room < 0:
                # A hole: no line has the revision that the next one follows.
                texts = texts or [self.bare(revision, revision)]
                break
            texts.append(text)
        else:
            if begins and (entries or revision):
                texts.append(self.line(0, b'{"revision":0', is_last=False))
        return b"".join(reversed(texts))


def crc_seed(store_id: str) -> int:
    """Return the beginning of the CRC-32 of each line of this store."""
    return crc32(store_id.encode())


def store_checksum(document: bytes) -> str:
    """Return the checksum at the end of a store's file as lines name it: its first 16 digits; empty if there is none."""
    _, found, tail = document[-100:].rpartition(b'"_checksum":"')
    return tail[:16].decode("ascii", "replace") if found else ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The lines of a file."""

    lines: list[Line]
    damaged: int = 0
    """The number of lines that can't be read."""
    is_cut: bool = False
    """Whether the last line has no end, as after a power loss."""


def parse(data: bytes, seed: int) -> Parsed:
    """Return what can be read of a file's text."""
    *texts, rest = data.split(b"\n")
    whole = [text for text in texts if text[-10:-2] == b"%08x" % crc32(text[:-_CRC_BYTES], seed)]
    try:
        # All at once: it takes half the time.
        lines = _decoder.decode_lines(data if len(whole) == len(texts) and not rest else b"\n".join(whole))
    except (msgspec.DecodeError, UnicodeDecodeError):
        lines = [line for text in whole if (line := _parsed(text)) is not None]
    lines = _usable(lines)
    return Parsed(lines, len(texts) - len(lines), bool(rest))


def _usable(lines: list[Line]) -> list[Line]:
    """Return the lines that this release can make events of: a later one may have written others."""
    kept: list[Line] = []
    texts: dict[str, bytes] = {}  # of workspaces after their last change, which are those before the next one
    for line in lines:
        if line.workspace_id is not None:
            before, after = bytes(line.before), bytes(line.after)
            if before == after == b"null":
                continue
            if texts.get(line.workspace_id) != before and not has_events(before):
                continue
            if not has_events(after):
                continue
            texts[line.workspace_id] = after
        kept.append(line)
    return kept


def _parsed(text: bytes) -> Line | None:
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # of a newer release


def happened(lines: Sequence[Line], state: State, store: str) -> list[Line]:
    """Return those lines, of all files in order, that led to this state, whose file has this checksum."""
    kept: list[Line] = []
    for line in lines:
        # A file that was rewritten, or a restored copy of the store, begins again at an earlier revision.
        while kept and kept[-1].revision > line.follows:
            kept.pop()
        kept.append(line)
    while kept and kept[-1].revision > state.revision:
        kept.pop()
    if kept and (kept[-1].revision, kept[-1].store) != (state.revision, store):
        certain = kept[-1].happened_up_to
        if certain == state.revision and kept[-1].store:
            return []  # they led to another state of this revision
        while kept and kept[-1].revision > certain:
            kept.pop()
    if kept and kept[-1].revision < state.revision:
        # The newest lines are missing. What contradicts the state comes from another life of a restored copy.
        for index, line in enumerate(kept):
            record = state.records.get(line.workspace_id or "")
            if record is not None and record.workspace.revision < line.revision:
                return kept[:index]
    return kept


def history_of(lines: Sequence[Line], state: State) -> History:
    """Return the history that these lines tell of."""
    complete_since = state.revision
    if lines and lines[-1].revision == state.revision:
        index = len(lines) - 1
        while index and lines[index - 1].revision == lines[index].follows:
            index -= 1
        complete_since = lines[index].follows
    texts: dict[str, bytes] = {}  # of workspaces after their last change, shared with the next one
    words: dict[str, str] = {}
    peers: dict[Peer, Peer] = {}
    entries: list[Entry] = []
    for line in lines:
        id_ = line.workspace_id
        if id_ is None:
            continue
        id_ = words.setdefault(id_, id_)
        before, after = bytes(line.before), bytes(line.after)
        earlier = texts.get(id_)
        if earlier == before:
            before = earlier
        texts[id_] = after
        entries.append(
            Entry(
                revision=line.revision,
                at_ms=line.at,
                method=words.setdefault(line.method, line.method),
                workspace_id=id_,
                name=words.setdefault(line.name, line.name),
                before=before if before != b"null" else None,
                after=after if after != b"null" else None,
                by=peers.setdefault(line.by, line.by),
                correlation_id=line.correlation_id,
                reasons=line.reasons,
            )
        )
    return History.of(entries, complete_since)
