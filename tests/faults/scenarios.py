"""What the laboratory has the store do: every operation, on every kind of files that it may meet."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.promises import require
from faults.runs import DATA_DIR, EMPTY, HOME, Owed, Run, Step, content_of
from faults.simulated_faults import Fault
from faults.simulated_nodes import Tree
from support.documents import STORE_ID, store_text
from workspaced.domain.state import State
from workspaced.store.contract import CommitUnknown, StorageFailure
from workspaced.store.document import encode_document, parse_document
from workspaced.store.quarantine import KEPT_FILES
from workspaced_protocol.datadir import LOCK, PRIMARY, SNAPSHOT
from workspaced_protocol.models import ProjectBinding, RecoveryOutcome, Workspace

TEMP: Final = ".workspaces-0123456789abcdef.tmp"
DAMAGED: Final = b'{"version":3,"storeId":"%b","revision":41,"workspaces":[\n{"id":"ws_' % STORE_ID.encode()
OTHER_ID: Final = "st_01KJQ3AX4MZZZZZZZZZZZZZZZZ"


@dataclass(frozen=True)
class Scenario:
    """`steps` are tried under faults, after `before` on a disk that holds `found`."""

    name: str
    steps: tuple[Step, ...]
    before: tuple[Step, ...] = ()
    found: Tree = ()
    owed: Owed = field(default_factory=Owed)

    def __str__(self) -> str:
        return self.name


def _workspace(number: int) -> Workspace:
    project = ProjectBinding(
        id=f"proj_{number}",
        workspace_id=f"ws_old_{number}",
        root_path="/srv/größe/日本 dir",
        status="active",
        bound_at=1_772_150_000_000,
    )
    return Workspace(
        id=f"ws_old_{number}",
        name=f"Älter {number} 🚀",
        root_path="/srv/" + "x" * 200,
        state="active",
        created_at=1_772_449_264_788 + number,
        updated_at=1_773_234_583_997,
        projects=(project,),
    )


def document(count: int, revision: int, store_id: str = STORE_ID) -> bytes:
    """A valid file of `count` workspaces."""
    workspaces = [_workspace(number) for number in range(count)]
    return encode_document(State.of(workspaces, revision, store_id=store_id))


def version_2(count: int, revision: int) -> bytes:
    """A valid file of `count` workspaces, as the release before this one wrote it."""
    return store_text(json.loads(document(count, revision))["workspaces"], revision, 2).encode()


def version_1(count: int) -> bytes:
    """A valid file of `count` workspaces, as older apps write it."""
    workspaces = json.loads(document(count, 1))["workspaces"]
    for workspace in workspaces:
        del workspace["revision"]
    return json.dumps({"version": 1, "workspaces": workspaces}, indent=2, ensure_ascii=False).encode()


def _with_unknown_member(data: bytes) -> bytes:
    """The same version 1 file, from an app that knows a member more."""
    return data.replace(b'"version": 1,', b'"version": 1, "colour": "red",')


def in_data_dir(files: dict[str, bytes | Tree]) -> Tree:
    """A disk that holds these in the data directory, and nothing else."""
    return _at(DATA_DIR, files)


def _at(directory: Path, files: dict[str, bytes | Tree]) -> Tree:
    tree: Tree = tuple(sorted(files.items()))
    for name in reversed(directory.parts[1:]):
        tree = ((name, tree),)
    return tree


def _start(
    name: str,
    files: dict[str, bytes | Tree],
    loads: bytes | None,
    *,
    tells: RecoveryOutcome | None = None,
    keeps: tuple[bytes, ...] = (),
    others: frozenset[bytes] = frozenset(),
    steps: tuple[Step, ...] = (Run.open,),
) -> Scenario:
    """A start on these files, which must load one of them (None: start empty)."""
    state = parse_document(loads).state if loads else State()
    owed = Owed(frozenset({content_of(state)}), state.revision, tells, kept=frozenset(keeps), others=others)
    return Scenario(name, steps, found=in_data_dir(files), owed=owed)


def _put(name: str, data: bytes) -> Step:
    """Another program replaces a file."""

    def step(run: Run) -> None:
        run.put(name, data)
        if data == DAMAGED:
            return
        run.possible.add(content_of(parse_document(data).state))

    return step


def _lose(path: str, *, all_is_lost: bool = False) -> Step:
    """Another program removes a file or a directory."""

    def step(run: Run) -> None:
        run.disk.remove(path)
        if all_is_lost:
            run.possible.add(EMPTY)
            run.revision = 0

    return step


def _lose_all_but_memory(run: Run) -> None:
    """Both files are damaged while the store is open: a restart would have to tell of the loss."""
    run.put(PRIMARY, DAMAGED)
    run.put(SNAPSHOT, DAMAGED)
    run.possible.add(EMPTY)
    run.may_tell_of_loss = True


def _replace_directory(run: Run) -> None:
    """Somebody moves the data directory away, and an older copy of it into its place."""
    other = document(2, 1)
    run.disk.remove(str(DATA_DIR))
    run.disk.put(str(DATA_DIR), ((PRIMARY, other), (SNAPSHOT, other)))
    run.kept |= {other}
    run.possible = {content_of(parse_document(other).state), *run.possible}
    run.revision = 0


def _commit_refused(run: Run) -> None:
    """A commit where another store stands: it is refused, and nothing is written."""
    try:
        run.commit()
    except StorageFailure as failure:
        if failure.errno != errno.ESTALE:
            raise
        return
    require(False, "another store was written over")


def _put_other(name: str, data: bytes) -> Step:
    """Another program puts another store's file there; a start may serve it."""

    def step(run: Run) -> None:
        run.disk.put(run.path_of(name), data)
        run.possible.add(content_of(parse_document(data).state))
        run.revision = 0

    return step


def _move_away(name: str) -> Step:
    """Another program takes the file away again."""
    return lambda run: run.disk.remove(run.path_of(name))


def _fail_at(operation: str, nth: int) -> Step:
    """A commit that fails at this operation of the commit, after it has begun to take effect."""

    def step(run: Run) -> None:
        run.commit()
        run.disk.arm(None)
        run.commit()
        places = [at for at, name in enumerate(run.disk.trace, 1) if name == operation]
        run.disk.arm(Fault("error", places[nth], 5))
        try:
            run.commit()
        except CommitUnknown:
            return
        finally:
            run.disk.arm(None)
        require(False, f"a commit went through though {operation} failed")

    return step


def _old_copies() -> dict[str, bytes | Tree]:
    names = (f"20240101T0000{n:02d}.000000Z-edited-workspaces.json" for n in range(KEPT_FILES))
    return {name: b"an old copy, " + name.encode() for name in names}


_OLD_COPIES = _old_copies()
_OTHERS = frozenset(data for data in _OLD_COPIES.values() if isinstance(data, bytes))
_COPY = "20260101T000000.000000Z-invalid-json-workspaces.json"
_NEW, _OLD = document(3, 9), document(2, 7)
_EDITED = document(3, 1)  # of the revision that the open store holds
_OTHER = document(2, 30, OTHER_ID)
_V2, _V2_OLD = version_2(3, 9), version_2(2, 7)
_V1, _V1_OLD, _V1_UNKNOWN = version_1(3), version_1(2), _with_unknown_member(version_1(3))
_OPENED: tuple[Step, ...] = (Run.open, Run.commit)

FRESH: Final = Scenario("first commit, directories missing", (Run.open, Run.commit), found=_at(HOME, {}))
EXISTING: Final = Scenario("commit over files", (Run.commit,), _OPENED, FRESH.found)
DAY: Final = Scenario(
    "a day",
    (Run.open, Run.commit, Run.flush, Run.commit, Run.close, Run.open, Run.commit),
    found=FRESH.found,
)

SCENARIOS: Final = (
    FRESH,
    EXISTING,
    Scenario("flush", (Run.flush,), _OPENED, FRESH.found),
    Scenario(
        "re-commit, 1st rename failed",
        (Run.recommit, Run.commit),
        (Run.open, _fail_at("rename", 0)),
        FRESH.found,
    ),
    Scenario(
        "re-commit, 2nd rename failed",
        (Run.recommit, Run.commit),
        (Run.open, _fail_at("rename", 1)),
        FRESH.found,
    ),
    Scenario(
        "re-commit, sync failed", (Run.recommit, Run.commit), (Run.open, _fail_at("sync", -1)), FRESH.found
    ),
    Scenario("commit over an edited primary", (Run.commit,), (*_OPENED, _put(PRIMARY, _EDITED)), FRESH.found),
    Scenario("commit over a damaged primary", (Run.commit,), (*_OPENED, _put(PRIMARY, DAMAGED)), FRESH.found),
    Scenario("commit over two damaged files", (Run.commit,), (*_OPENED, _lose_all_but_memory), FRESH.found),
    Scenario("flush over a damaged snapshot", (Run.flush,), (*_OPENED, _put(SNAPSHOT, DAMAGED)), FRESH.found),
    Scenario(
        "commit, primary deleted", (Run.commit,), (*_OPENED, _lose(f"{DATA_DIR}/{PRIMARY}")), FRESH.found
    ),
    Scenario(
        "commit, lock file deleted", (Run.commit,), (*_OPENED, _lose(f"{DATA_DIR}/{LOCK}")), FRESH.found
    ),
    Scenario(
        "commit, directory deleted",
        (Run.commit,),
        (*_OPENED, _lose(str(DATA_DIR.parent), all_is_lost=True)),
        FRESH.found,
    ),
    Scenario(
        "commits beside another store",
        (_commit_refused, _commit_refused, _move_away(PRIMARY), Run.commit),
        (*_OPENED, _put_other(PRIMARY, document(2, 1, OTHER_ID))),
        FRESH.found,
    ),
    Scenario(
        "commits beside another store's snapshot",
        (_commit_refused, _move_away(SNAPSHOT), Run.commit),
        (*_OPENED, _put_other(SNAPSHOT, document(2, 1, OTHER_ID))),
        FRESH.found,
    ),
    Scenario(
        "commits beside an old copy of version 2",
        (_commit_refused, _move_away(PRIMARY), Run.commit),
        (*_OPENED, _put_other(PRIMARY, version_2(2, 0))),
        FRESH.found,
    ),
    Scenario("commit, directory replaced", (Run.commit,), (*_OPENED, _replace_directory), FRESH.found),
    _start(
        "first commit over version 1",
        {PRIMARY: _V1, SNAPSHOT: _V1},
        _V1,
        keeps=(_V1,),
        steps=(Run.open, Run.commit),
    ),
    _start(
        "first commit over version 2",
        {PRIMARY: _V2, SNAPSHOT: _V2},
        _V2,
        keeps=(_V2,),
        steps=(Run.open, Run.commit),
    ),
    _start(
        "start on version 2, older snapshot", {PRIMARY: _V2, SNAPSHOT: _V2_OLD}, _V2, keeps=(_V2, _V2_OLD)
    ),
    _start(
        "start on version 2, damaged primary",
        {PRIMARY: DAMAGED, SNAPSHOT: _V2},
        _V2,
        tells="recovered",
        keeps=(DAMAGED, _V2),
    ),
    _start(
        "start on two stores", {PRIMARY: _OLD, SNAPSHOT: _OTHER}, _OLD, tells="recovered", keeps=(_OTHER,)
    ),
    _start(
        "start on two stores, a newer one of version 2",
        {PRIMARY: _OLD, SNAPSHOT: _V2},
        _OLD,
        tells="recovered",
        keeps=(_V2,),
    ),
    _start(
        "start on version 1, older snapshot", {PRIMARY: _V1, SNAPSHOT: _V1_OLD}, _V1, keeps=(_V1, _V1_OLD)
    ),
    _start("start on unknown members", {PRIMARY: _V1_UNKNOWN}, _V1, keeps=(_V1_UNKNOWN,)),
    _start(
        "start on a damaged primary",
        {PRIMARY: DAMAGED, SNAPSHOT: _NEW, TEMP: b"left", "quarantine": ((TEMP, b"left"),)},
        _NEW,
        tells="recovered",
        keeps=(DAMAGED,),
    ),
    _start(
        "start on a damaged primary, quarantined already",
        {PRIMARY: DAMAGED, SNAPSHOT: _NEW, "quarantine": ((_COPY, DAMAGED),)},
        _NEW,
        tells="recovered",
        keeps=(DAMAGED,),
    ),
    _start("start without a primary", {SNAPSHOT: _NEW}, _NEW, tells="recovered"),
    _start(
        "start on an older primary",
        {PRIMARY: _OLD, SNAPSHOT: _NEW},
        _NEW,
        tells="recovered",
        keeps=(_OLD,),
    ),
    _start(
        "start on two damaged files, quarantine full",
        {PRIMARY: DAMAGED, SNAPSHOT: _NEW[:-9], "quarantine": tuple(sorted(_OLD_COPIES.items()))},
        None,
        tells="dataLoss",
        keeps=(DAMAGED, _NEW[:-9]),
        others=_OTHERS,
    ),
    _start("start on a damaged snapshot", {PRIMARY: _NEW, SNAPSHOT: DAMAGED}, _NEW, keeps=(DAMAGED,)),
    _start("start without a snapshot", {PRIMARY: _NEW}, _NEW),
    _start("start after an owner with a longer socket path", {PRIMARY: _NEW, LOCK: b"x" * 99}, _NEW),
    _start(
        "start on sound files, temporary files left",
        {PRIMARY: _NEW, SNAPSHOT: _NEW, TEMP: b"left", "quarantine": ((TEMP, b"left"),)},
        _NEW,
    ),
)
