"""The migration of a store to another kind, so that a kill at any point leaves one whole store that serves.

The strategy, under the lock of the data directory:
1. The old store is read as a whole and closed. Damage, or a recovery that nobody has acknowledged, is refused.
2. A marker says that the old store serves, and that what there is of the new one's files is to go to quarantine.
3. The new store is made, read back from its files and compared.
4. The marker is replaced by one that says that the new store serves, and that the old one's files are to go to
   quarantine: the only instant at which the serving store changes.
5. They are moved, one rename each, and the marker is removed.

Of a store in etcd, the file that tells of it is moved. Its keys stay, because other machines use them.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from workspaced.domain.state import State
from workspaced.store.contract import CommitUnknown, StorageFailure, StoreError, StoreUnusable, UnfitSettings
from workspaced.store.disk import Disk
from workspaced.store.document import encode_document
from workspaced.store.files import Directory
from workspaced.store.joining import (
    EtcdSettings,
    Joined,
    directory_id_of,
    extra_needed,
    joined_store,
    machine_of,
    note_joined,
    require_prefix,
)
from workspaced.store.json import copying as json_copying
from workspaced.store.kinds import kind_in
from workspaced.store.locked_directory import LockedDirectory
from workspaced.store.machine_marks import marked, unmarked
from workspaced.store.place import refuse_network, unusable
from workspaced.store.unfinished import (
    A_STORE,
    FILES,
    NAMES,
    Kind,
    Unfinished,
    finish,
    mark,
    names_in_quarantine,
)
from workspaced_protocol.datadir import JOINED, MIGRATION, QUARANTINE


def migrate(data_dir: Path, to: Kind, tell: Callable[[str], None], etcd: EtcdSettings | None = None) -> None:
    """Make the store in `data_dir` one of the kind `to`; `tell` gets sentences about the progress.

    `etcd` are the settings of a store in etcd; without them, the defaults. Raises LockHeld, UnfitSettings for two stores or for
    another store in etcd, StoreUnreachable if etcd does not answer, StoreUnusable if the store is damaged or the disk
    fails: then the old store serves, or, where the message says so, the next start decides by the marker.
    """
    try:
        data_dir.stat()
    except FileNotFoundError as error:
        raise StoreUnusable(
            f"There is no data directory at {data_dir}",
            "name it with --data-dir; the kind of a new store is chosen by the setting `store`",
        ) from error
    except OSError as error:
        raise unusable(data_dir, error) from error
    if to == "sqlite":
        refuse_network(data_dir)
    with closing(LockedDirectory(Disk(), data_dir, "")) as home:
        try:
            _migrate(home.open, to, etcd or EtcdSettings(), tell)
        except OSError as error:
            raise unusable(data_dir, error) from error
        except StoreError as error:
            raise StoreUnusable(error.message, number=error.errno) from error


def _migrate(directory: Directory, to: Kind, etcd: EtcdSettings, tell: Callable[[str], None]) -> None:
    earlier = finish(directory)
    if earlier is not None:
        tell(
            f"An earlier migration was stopped, and the {NAMES[earlier.kind]} store serves: what it left is in {QUARANTINE}/."
        )
    directory.remove_temps()
    kind = kind_in(directory)
    where = directory.path
    if kind == to:
        tell(f"The store in {where} is {A_STORE[to]} already: nothing to do.")
        return
    if kind == "etcd":
        etcd = etcd.within(joined_store(directory))
    state = _read(directory, kind, etcd, tell)
    count = _count(len(state.records), "workspace")
    source = (
        f"store below {etcd.address.prefix} in etcd" if kind == "etcd" else f"{NAMES[kind]} store in {where}"
    )
    tell(f"Read {count} at revision {state.revision:,} of the {source}.")
    if to == "etcd":
        state = _marked(state, machine_of(etcd, None), tell)
    _refuse_obstacles(directory, to)
    old_files = [name for name in FILES[kind] if directory.identify(name) is not None]
    before = Unfinished(kind, names_in_quarantine(directory, FILES[to], "unfinished"))
    after = Unfinished(to, names_in_quarantine(directory, old_files, "migrated"))
    _make(directory, before, to, state, etcd, tell)
    _switch(directory, after, tell)
    try:
        finish(directory)
    except (OSError, StoreUnusable) as error:
        tell(
            f"The old store's files could not be moved to {QUARANTINE}/ ({_reason(error)}): the next start does so."
        )
    else:
        if kind == "etcd":
            tell(f"The store in etcd stays as it is, below {etcd.address.prefix}: other machines may use it.")
        else:
            tell(f"Moved the files of the {NAMES[kind]} store to {where / QUARANTINE}.")
    tell(f"The next start serves the {NAMES[to]} store.")


def _read(directory: Directory, kind: Kind, etcd: EtcdSettings, tell: Callable[[str], None]) -> State:
    """Return the state of the old store with its history. Raises StoreUnusable or OSError."""
    if kind == "json":
        state, warnings = json_copying.read_state(directory)
    elif kind == "etcd":
        state, warnings = _read_etcd(directory, etcd)
    else:
        from workspaced.store.sqlite import copying  # loaded late: `kinds` tells why

        state, warnings = copying.start_and_read(directory)
    for warning in warnings:
        tell(warning)
    if state.recovery is not None:
        raise StoreUnusable(
            f"The store in {directory.path} was recovered from damage, and nobody has acknowledged that "
            f"({state.recovery.reason})",
            "start the daemon, see `workspacectl recovery show`, then `workspacectl recovery ack`; stop the daemon, and "
            "migrate again",
        )
    return state


def _read_etcd(directory: Directory, etcd: EtcdSettings) -> tuple[State, Sequence[str]]:
    """Return the state in etcd as that of a store of this machine alone, and warnings."""
    joined = joined_store(directory)
    if joined is None:
        raise StoreUnusable(f"{directory.path} has lost its {JOINED}", "migrate again")
    require_prefix(directory, joined, etcd.address.prefix)
    with extra_needed():
        from workspaced.store.etcd import copying
    state, warnings = copying.read_state(etcd.address)
    if state.store_id != joined.store_id:
        raise UnfitSettings(
            f"{directory.path} belongs to the store {joined.store_id}, but below {joined.prefix} etcd holds "
            f"{state.store_id}",
            "check `etcd_endpoints`",
        )
    return unmarked(state, machine_of(etcd, joined)), warnings


def _marked(state: State, machine: str, tell: Callable[[str], None]) -> State:
    after = marked(state, machine)
    if lacking := len(state.history) - len(after.history):
        tell(
            f"The history has no room for the oldest {_count(lacking, 'change')}, with the name of the machine in each."
        )
    return after


def _refuse_obstacles(directory: Directory, to: Kind) -> None:
    for name in FILES[to]:
        if directory.identify(name) is not None:
            raise StoreUnusable(f"{directory.path / name} is in the way", "move it away, then migrate again")


def _make(
    directory: Directory,
    marker: Unfinished,
    to: Kind,
    state: State,
    etcd: EtcdSettings,
    tell: Callable[[str], None],
) -> None:
    """Make the new store beside the old one, and compare it with `state`; leave nothing of it there on failure.

    Raises StoreUnusable, StoreError or OSError.
    """
    try:
        mark(directory, marker)
        if to == "json":
            json_copying.make_files(directory, state)
            found, _ = json_copying.read_state(directory)
        elif to == "etcd":
            found = _make_in_etcd(directory, state, etcd, tell)
        else:
            from workspaced.store.sqlite import copying

            copying.make_in_place(directory, state)
            found = copying.read_again(directory)
        lacking = _compared(directory, found, state)
    except (OSError, StoreError, StoreUnusable):
        _undo(directory, tell)
        raise
    tell(f"Wrote the {NAMES[to]} store, read it back and compared it: nothing differs.")
    if lacking:
        tell(f"The files of the history have no room for the oldest {_count(lacking, 'change')}.")


def _make_in_etcd(
    directory: Directory, state: State, etcd: EtcdSettings, tell: Callable[[str], None]
) -> State:
    """Put the state into etcd, unless an earlier migration has, and note that in the directory; return what reads back."""
    with extra_needed():
        from workspaced.store.etcd import copying
    address, machine = etcd.address, machine_of(etcd, None)
    there = copying.there(address)
    if there is None:
        copying.make(address, machine, state)
    elif there == (state.store_id, state.revision):
        tell("etcd holds this store at this revision already, as an earlier migration has left it.")
    else:
        store_id, revision = there
        raise UnfitSettings(
            f"Below {address.prefix} etcd holds the store {store_id} at revision {revision:,} already, and the one in "
            f"{directory.path} is {state.store_id} at revision {state.revision:,}",
            "choose another prefix with --etcd-prefix; or join the store that is there: docs/etcd.md tells how",
        )
    joined = Joined("etcd", state.store_id, address.prefix, machine, address.endpoints, directory_id_of(None))
    note_joined(directory, joined)
    return copying.read_again(address)


def _compared(directory: Directory, found: State, state: State) -> int:
    """Return how many of the oldest changes the new store lacks. Raises StoreUnusable if it differs otherwise."""
    if encode_document(found) != encode_document(state):
        raise StoreUnusable(
            f"The new store in {directory.path} does not read back as it was written", "check the disk"
        )
    history, whole = found.history, state.history
    lacking = len(whole) - len(history)
    is_same = lacking >= 0 and list(history.entries) == list(whole.entries[lacking:])
    if not is_same or (not lacking and history.complete_since != whole.complete_since):
        raise StoreUnusable(
            f"The history of the new store in {directory.path} does not read back as it was written",
            "check the disk",
        )
    return lacking


def _switch(directory: Directory, marker: Unfinished, tell: Callable[[str], None]) -> None:
    """Have the new store serve. Raises StorageFailure, and the old one still serves; StoreUnusable if that is not sure."""
    try:
        mark(directory, marker)
    except StorageFailure:
        _undo(directory, tell)
        raise
    except CommitUnknown as error:
        raise StoreUnusable(
            f"{error.message} Both stores are whole, and the next start serves one of them, the one that "
            f"{directory.path / MIGRATION} names by then",
            number=error.errno,
        ) from error


def _undo(directory: Directory, tell: Callable[[str], None]) -> None:
    """Take away what was made of the new store. Never raise: the failure before this one is reported."""
    try:
        finish(directory)
    except (OSError, StoreUnusable) as error:
        tell(f"What was made could not be moved to {QUARANTINE}/ ({_reason(error)}): the next start does so.")


def _reason(error: OSError | StoreUnusable) -> str:
    return error.message if isinstance(error, StoreUnusable) else error.strerror or str(error)


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
