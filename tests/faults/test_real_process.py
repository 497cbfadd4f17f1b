"""Real processes on a real disk, ended by SIGKILL: at any moment, and at each system call of a commit.

Of each kind of system call, one a day has its turn: the simulated disk is killed at all of them.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import pytest
from msgspec import structs

from support.daemon_process import DaemonFailed, DaemonProcess, Home, environment_at, new_home
from support.documents import files_below
from support.raw_connection import RawConnection
from support.samples import workspace
from support.share import one_of
from support.strace import needs_strace
from support.waiting import PATIENCE_SECONDS
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.document import parse_document
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

pytestmark = pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")

WRITING: Final = (sys.executable, str(Path(__file__).with_name("writing_process.py")))


def killed_at(system_call: str, number: int) -> tuple[str, ...]:
    """The start of a command line whose process is killed as it enters this system call for the n-th time."""
    inject = f"inject={system_call}:signal=SIGKILL:when={number}"
    return ("strace", "-f", "-o", os.devnull, "-e", f"trace={system_call}", "-e", inject)


def answers(output: IO[bytes]) -> Iterator[int]:
    """The numbers of the writes that a writing process says were answered."""
    for line in output:
        if line.endswith(b"\n") and line != b"ready\n":
            yield int(line)


@contextmanager
def writing(data_dir: Path, *launcher: str) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """Yield a writing process and what it says; in the end it is killed, with those that it started."""
    with subprocess.Popen(
        [*launcher, *WRITING, str(data_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment_at(data_dir.parent),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(process.pid, signal.SIGKILL)


def check_after_kill(data_dir: Path, answered: int) -> int:
    """A restart finds `answered` writes, perhaps one more, whole; gives how many. The next write works."""
    with closing(create_json_store(data_dir)) as store:
        found = store.get_all()
        assert answered <= len(found) <= answered + 1
        for number, each in enumerate(found):
            name = f"Größe {number}"
            assert (each.id, each.name, each.root_path) == (f"ws_{number}", name, "/srv/" + name * 20)
        assert store.recovery.outcome != "dataLoss"
        check_history(store, [each.id for each in found])
        assert not [name for name in files_below(data_dir) if name.endswith(".tmp")]
        extra = store.save(structs.replace(workspace(1), id="ws_extra", name="One more"))
        assert parse_document((data_dir / PRIMARY).read_bytes()).state.get(extra.id) == extra
        assert (data_dir / PRIMARY).read_bytes() == (data_dir / SNAPSHOT).read_bytes()
        store.remove(extra.id)
    return len(found)


def check_history(store: JsonWorkspaceStore, ids: list[str]) -> None:
    """The history tells of the creation of these workspaces, of all and in order, and leads to what is there."""
    history = store.state.history
    assert history.complete_since == 0
    entries = [entry for entry in history.newest_first() if entry.workspace_id != "ws_extra"][::-1]
    assert [entry.workspace_id for entry in entries] == ids
    assert [entry.after for entry in entries] == [store.state.records[id_].json for id_ in ids]


def test_a_kill_at_any_moment_loses_nothing_answered(tmp_path: Path) -> None:
    chance = random.Random(16)
    there = 0
    for _ in range(8):
        with writing(tmp_path) as (process, output):
            enough = there + chance.randrange(12)
            for number in answers(output):
                there = number + 1
                if there > enough:
                    break
            process.kill()
            # What it said before the kill reached it was answered, too.
            there = max([there, *(number + 1 for number in answers(output))])
            assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        there = check_after_kill(tmp_path, there)


@needs_strace
@pytest.mark.parametrize(
    ("system_call", "numbers"),
    [
        ("mkdirat", (1, 2)),
        ("flock", (1,)),
        ("fadvise64", (1, 2, 3)),
        ("pread64", (3, 4, 6, 8)),  # the first two are the dynamic linker's
        ("fsync", (1, 3, 7, 8, 9, 10, 11, 12)),
        ("renameat", (1, 2, 3, 4, 5)),
        ("pwrite64", (1, 2, 3, 4)),
        ("write", (6, 8, 9, 10)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kill_at_a_system_call_loses_nothing_answered(
    tmp_path: Path, system_call: str, numbers: tuple[int, ...]
) -> None:
    for number in one_of(numbers, 0):
        data_dir = tmp_path / f"{number}" / "data"
        with writing(data_dir, *killed_at(system_call, number)) as (process, output):
            there = max([0, *(answer + 1 for answer in answers(output))])
            ended = process.wait(PATIENCE_SECONDS)
            assert ended == -signal.SIGKILL, f"it did not come to {system_call} number {number}"
        check_after_kill(data_dir, there)


@needs_strace
@pytest.mark.parametrize(
    ("system_call", "number"),
    [("renameat", 1), ("renameat", 7), ("fsync", 10), ("fsync", 12), ("pwrite64", 3)],
)
def test_a_daemon_killed_in_a_commit_has_kept_what_it_answered(system_call: str, number: int) -> None:
    with new_home() as home:
        answered, asked = write_to_daemon(home, killed_at(system_call, number))
        with closing(create_json_store(home.data_dir)) as store:
            found = {each.name: each for each in store.get_all()}
            for each in answered:
                stored = found.pop(each["name"])
                assert (stored.id, stored.revision) == (each["id"], each["revision"])
            assert set(found) <= {asked}, "only the one that was not answered may be there beside them"
            assert store.recovery.outcome != "dataLoss"
            check_history(store, [each.id for each in store.get_all()])
            store.save(workspace(99))


def write_to_daemon(home: Home, killed: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """Create workspaces until the daemon is killed; return those it answered, and the name of the last one."""
    daemon = DaemonProcess(home, launcher=killed).begin()
    answered: list[dict[str, Any]] = []
    name = ""
    with closing(daemon):
        with suppress(DaemonFailed, EOFError, BrokenPipeError):
            daemon.wait_ready()
            with RawConnection(home.socket) as connection:
                for count in range(100):
                    name = f"Größe {count}"
                    answered.append(connection.create(name))
        assert daemon.wait() == -signal.SIGKILL, f"it was not killed by {killed}"
    return answered, name
