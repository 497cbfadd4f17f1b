"""A JSON store as a whole, for a migration: its state, and files that are made of a state."""

import errno
from collections.abc import Sequence
from dataclasses import replace

from workspaced.domain.ids import IdFactory
from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.document import NewerVersion, encode_document
from workspaced.store.files import Directory
from workspaced.store.json.history_lines import (
    Line,
    Writing,
    crc_seed,
    happened,
    history_of,
    parse,
    store_checksum,
)
from workspaced.store.json.history_reading import newest_of
from workspaced.store.json.snapshot import decide, examine
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES, PRIMARY, SNAPSHOT


def read_state(directory: Directory) -> tuple[State, Sequence[str]]:
    """Return the state with its history, and sentences about what of the history can't be read.

    Nothing is changed. Raises StoreUnusable, also for damage that a start would recover from.
    """
    try:
        primary = examine(directory, PRIMARY)
        snapshot = examine(directory, SNAPSHOT, primary)
    except NewerVersion as error:
        raise WrittenByNewerRelease(
            f"The store in {directory.path} has {error}: migrate with a newer release."
        ) from error
    decision = decide(primary, snapshot, IdFactory().store())
    if decision.reason is not None:
        advice = "start the daemon, which recovers the store and keeps a copy; acknowledge that, stop the daemon, then migrate"
        raise StoreUnusable(f"The store in {directory.path} is not whole ({decision.reason})", advice)
    document = decision.served.data if decision.served is not None else b""
    lines, warnings = _read_history(directory, decision.state.store_id)
    history = history_of(happened(lines, decision.state, store_checksum(document)), decision.state)
    return replace(decision.state, history=history), warnings


def _read_history(directory: Directory, store_id: str) -> tuple[list[Line], list[str]]:
    """Return the lines of the history's files. A start goes on without a file that it can't read, a migration does not."""
    lines: list[Line] = []
    warnings: list[str] = []
    for name in (EARLIER_HISTORY, HISTORY):
        path = directory.path / name
        try:
            parsed = parse(newest_of(directory, name).data, crc_seed(store_id))
        except FileNotFoundError:
            continue
        except OSError as error:
            reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
            advice = "fix that, or move it away to migrate without the history in it"
            raise StoreUnusable(f"{path} can't be read ({reason})", advice, error.errno or 0) from error
        lines += parsed.lines
        if parsed.damaged:
            warnings.append(f"{path} has {parsed.damaged} damaged lines: there the history has a gap.")
    return lines, warnings


def make_files(directory: Directory, state: State) -> None:
    """Write the files of this state durably: of its history, the newest changes that have room in two files.

    Raises StorageFailure or CommitUnknown, and leaves files behind then.
    """
    document = encode_document(state)
    if state.revision:
        writing = Writing(state.revision, store_checksum(document), crc_seed(state.store_id))
        history = state.history
        lines = writing.lines(
            history.entries, history.complete_since, state.revision, 2 * MAX_HISTORY_BYTES, begins=True
        )
        if len(lines) > MAX_HISTORY_BYTES:
            begin = lines.index(b"\n", len(lines) - MAX_HISTORY_BYTES) + 1
            directory.replace([EARLIER_HISTORY], lines[:begin])
            lines = lines[begin:]
        directory.replace([HISTORY], lines)
    directory.replace([PRIMARY, SNAPSHOT], document)
