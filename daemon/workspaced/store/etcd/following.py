"""The thread that follows etcd: it watches the keys of the store, and notes each change in the journal.

The strategy:
- A watch begins after the last revision that is known, so nothing is missed when one breaks.
- Where the changes can't be had one by one (compacted, another generation, a head that can't be right), the store is
  read again as a whole, and verified as at a start. Until that succeeds, an outage is told.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Final

import msgspec

from workspaced.domain.entries import Entry
from workspaced.domain.records import Record
from workspaced.process.log import Logger
from workspaced.store import stored_texts
from workspaced.store.etcd.failures import Compacted, EtcdError
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.journal import Change, Journal
from workspaced.store.etcd.keys import Keys, Kind, Place
from workspaced.store.etcd.messages import WatchEvent
from workspaced.store.etcd.outages import Outages
from workspaced.store.etcd.reading import (
    Damaged,
    read_head,
    read_request,
    read_session,
    take_snapshot,
    told,
    verify,
)
from workspaced.store.etcd.values import Head, NewerFormat, RequestValue, StoredSession, entry_of
from workspaced.store.etcd.watching import Watch

_JOIN_SECONDS: Final = 5.0
"""How long a stop waits for the thread; then the process ends without it."""

_PAUSES_SECONDS: Final = (0.05, 2.0)  # the first and the longest pause between attempts

_log = Logger()


class _Unclear(Exception):
    """A change can't be told from its keys: the store must be read again."""


class Follower:
    """Follows the store in a thread, from `start` to `close`."""

    def __init__(
        self,
        gateway: Gateway,
        keys: Keys,
        journal: Journal,
        outages: Outages,
        head: Head,
    ) -> None:
        """`head` is the head at the revision that the journal begins after."""
        self._gateway = gateway
        self._keys = keys
        self._journal = journal
        self._outages = outages
        self._store_id = head.store_id
        self._generation = head.generation
        self._pause_seconds = _PAUSES_SECONDS[0]
        self._is_closed = threading.Event()
        self._must_read = threading.Event()
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="etcd follower", daemon=True)

    def start(self) -> None:
        """Begin to follow. Raises RuntimeError if the system starts no more threads."""
        self._thread.start()

    def break_off(self) -> None:
        """Begin a new watch: this one tells nothing any more."""
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def read_anew(self) -> None:
        """Read the store as a whole, soon."""
        self._must_read.set()
        self.break_off()

    def close(self) -> None:
        """End the thread, and wait for it as long as a request may last."""
        self._is_closed.set()
        self.break_off()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._is_closed.is_set():
            try:
                if self._must_read.is_set():
                    self._read()
                self._follow()
                continue
            except _Unclear as unclear:
                _log.info("The store in etcd is read again.", reason=str(unclear))
                self._must_read.set()
                continue
            except Compacted:
                _log.info(
                    "The store in etcd is read again: changes of it were compacted before they were seen."
                )
                self._must_read.set()
            except EtcdError as error:  # the keeper tells of it, and of its end
                _log.debug("The watch of etcd broke off.", reason=error.message)
            except (Damaged, NewerFormat) as problem:
                self._must_read.set()
                self._outages.begin("keys", told_problem(problem, self._keys.prefix.decode()))
            except Exception:  # noqa: BLE001 - without this thread the daemon would never hear of others again
                _log.exception("What others have committed to etcd could not be followed; it is read again.")
                self._must_read.set()
            self._is_closed.wait(self._pause_seconds)
            self._pause_seconds = min(self._pause_seconds * 2, _PAUSES_SECONDS[1])

    def _read(self) -> None:
        known = self._journal.newest  # before etcd is asked
        snapshot = take_snapshot(self._gateway, self._keys)
        if snapshot.head is None:
            raise Damaged("its key `head` was deleted")
        contents = verify(snapshot)
        head = contents.held.head
        if head.store_id != self._store_id:
            raise Damaged(
                f"another store is there now: {head.store_id}, and this daemon serves {self._store_id}"
            )
        if contents.held.head_revision < known.head_revision or head.revision < known.revision:
            raise Damaged("etcd has gone back to an older state, as by a restored backup")
        self._generation = head.generation
        self._must_read.clear()
        self._journal.replace(contents)
        self._outages.end("keys")

    def _follow(self) -> None:
        """Note what a watch tells, until it is broken off. Raises EtcdError or _Unclear."""
        watch = self._gateway.watch(*self._keys.all, self._journal.followed + 1)
        with closing(watch):
            with self._lock:
                self._watch = watch
            if self._is_closed.is_set() or self._must_read.is_set():
                return
            self._pause_seconds = _PAUSES_SECONDS[0]
            for answer in watch:
                for revision, events in groupby(answer.events, key=lambda event: event.item.mod_revision):
                    self._note(revision, [*events])

    def _note(self, revision: int, events: Sequence[WatchEvent]) -> None:
        """Note the events of one revision."""
        if revision <= self._journal.followed:
            return
        found = _Found(self._keys, events)
        head = found.head(self._store_id)
        change = Change(revision, head, {}, (), found.requests, found.sessions)
        if head is None:
            self._tell_of_edits(found)
            if not found.sessions:
                self._journal.advance(revision)
                return
        elif head.generation == self._generation:
            entries = found.entries(self._generation)
            known = [entry for entry in entries if entry is not None]
            change = change._replace(
                records=found.records(self._generation), entries=known, is_gap=len(known) < len(entries)
            )
        elif self._journal.is_own(change):
            self._generation = head.generation
        else:
            raise _Unclear("another machine has written all of it again")
        self._journal.add(change)
        if self._journal.is_full:
            raise _Unclear("too many changes are waiting")

    def _tell_of_edits(self, found: "_Found") -> None:
        """Tell of keys that were changed by hand: no commit of a daemon is without a head."""
        for key in found.foreign:
            _log.warning(
                "A key that is not the store's own was put among its keys; it is left alone.", key=told(key)
            )
        edited = found.of("workspace", self._generation)
        if edited:
            self._journal.note_edits(edited)


class _Found:
    """The events of one revision, by the kinds of their keys."""

    def __init__(self, keys: Keys, events: Sequence[WatchEvent]) -> None:
        self.foreign: list[bytes] = []
        self._events: list[tuple[Place, WatchEvent]] = []
        for event in events:
            place = keys.place_of(event.item.key)
            if place is not None:
                self._events.append((place, event))
            elif not event.is_delete:
                self.foreign.append(event.item.key)

    def of(self, kind: Kind, generation: str = "") -> Mapping[str, bytes | None]:
        """Return the values of one kind of keys by name, None for a deleted one."""
        return {
            place.name: None if event.is_delete else event.item.value
            for place, event in self._events
            if place.kind == kind and place.generation == generation
        }

    def head(self, store_id: str) -> Head | None:
        """Return the head if it was put. Raises Damaged, NewerFormat or _Unclear."""
        for text in self.of("head").values():
            if text is None:
                raise _Unclear("its head was deleted")
            head = read_head(text)
            if head.store_id != store_id:
                raise _Unclear("its head is that of another store")
            return head
        return None

    def records(self, generation: str) -> Mapping[str, Record | None]:
        """Return the changed workspaces. Raises Damaged."""
        found = self.of("workspace", generation)
        texts = {id_: text for id_, text in found.items() if text is not None}
        try:
            records, _ = stored_texts.records_of([*texts.values()])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(f"a workspace in it is wrong: {error}") from error
        return {**dict.fromkeys(found), **dict(zip(texts, records, strict=True))}

    def entries(self, generation: str) -> Sequence[Entry | None]:
        """Return the new changes, None for one that this release can't read."""
        found = self.of("history", generation)
        texts = [found[name] for name in sorted(found)]
        return [entry_of(text) for text in texts if text is not None]

    @property
    def requests(self) -> Mapping[str, RequestValue]:
        """The new request keys, in order."""
        found = {
            name: value
            for name, text in self.of("request").items()
            if text is not None and (value := read_request(text)) is not None
        }
        return dict(sorted(found.items(), key=lambda item: item[1].place))

    @property
    def sessions(self) -> Mapping[str, StoredSession | None]:
        """The sessions that have begun and ended, by id."""
        found: dict[str, StoredSession | None] = {}
        for name, text in self.of("session").items():
            session = None if text is None else read_session(text)
            if text is None or session is not None:
                found[name.partition("/")[2]] = session
        return found


def told_problem(problem: Damaged | NewerFormat, prefix: str) -> str:
    """Return why the keys can't be used, and what to do."""
    if isinstance(problem, NewerFormat):
        return f"The store in etcd below {prefix} has {problem}: install a newer release of workspaced."
    return (
        f"The store in etcd below {prefix} can't be used ({problem}): restore its keys from a backup of etcd, "
        "or restart the daemon to recover what is left."
    )
