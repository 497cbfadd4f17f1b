"""Real processes on a real disk, ended by SIGKILL: at any moment, and at each system call of a commit."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import pytest

from daemon.documents import files_below, quarantined
from daemon.samples import workspace
from e2e.daemon_process import DEADLINE_SECONDS, Home, listens, new_home
from e2e.raw_connection import RawConnection
from workspaced.store import create_json_store
from workspaced.store.document import parse_document
from workspaced.store.snapshot import PRIMARY, SNAPSHOT

pytestmark = pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")

WRITING: Final = (sys.executable, str(Path(__file__).with_name("writing_process.py")))


@cache
def _missing_for_strace() -> str:
    """Why processes can't be killed at a system call here; empty where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (it is of Linux, and optional)"
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return f"this system does not let strace trace: {probe.stderr.decode()}" if probe.returncode else ""


needs_strace = pytest.mark.skipif(_missing_for_strace() != "", reason=_missing_for_strace())


def killed_at(system_call: str, number: int) -> tuple[str, ...]:
    """The start of a command line whose process is killed as it enters this system call for the n-th time."""
    inject = f"inject={system_call}:signal=SIGKILL:when={number}"
    return ("strace", "-f", "-o", os.devnull, "-e", f"trace={system_call}", "-e", inject)


def answers(output: IO[bytes]) -> Iterator[int]:
    """The numbers of the writes that a writing process says were answered."""
    for line in output:
        if line.endswith(b"\n") and line != b"ready\n":
            yield int(line)


def check_after_kill(data_dir: Path, answered: int, *, is_fresh: bool = False) -> int:
    """A restart finds `answered` writes, perhaps one more, whole; gives how many. The next write works."""
    with closing(create_json_store(data_dir)) as store:
        found = store.get_all()
        assert answered <= len(found) <= answered + 1
        for number, each in enumerate(found):
            name = f"Größe {number}"
            assert (each.id, each.name, each.root_path) == (f"ws_{number}", name, "/srv/" + name * 20)
        assert store.recovery.outcome in (
            ("fresh", "clean", "recovered") if not found else ("clean", "recovered")
        )
        assert not [name for name in files_below(data_dir) if name.endswith(".tmp")]
        extra = store.save(workspace(99))
        assert parse_document((data_dir / PRIMARY).read_bytes()).state.get(extra.id) == extra
        assert (data_dir / PRIMARY).read_bytes() == (data_dir / SNAPSHOT).read_bytes()
        store.remove(extra.id)
    assert is_fresh or (data_dir / PRIMARY).exists()
    return len(found)


def test_a_kill_at_any_moment_loses_nothing_answered(tmp_path: Path) -> None:
    chance = random.Random(16)
    there = 0
    for _ in range(12):
        with subprocess.Popen([*WRITING, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            enough = there + chance.randrange(12)
            for number in answers(process.stdout):
                there = number + 1
                if there > enough:
                    break
            process.kill()
            # What it said before the kill reached it was answered, too.
            there = max([there, *(number + 1 for number in answers(process.stdout))])
        assert process.returncode == -signal.SIGKILL
        there = check_after_kill(tmp_path, there)


@needs_strace
@pytest.mark.parametrize(
    ("system_call", "numbers"),
    [
        ("mkdir", (1, 2)),
        ("ftruncate", (1,)),
        ("flock", (1,)),
        ("pread64", (1, 2, 3, 5)),
        ("fsync", (1, 2, 5, 8, 9, 10, 11, 12, 13)),
        ("renameat", (1, 2, 3, 4)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kill_at_a_system_call_loses_nothing_answered(
    tmp_path: Path, system_call: str, numbers: tuple[int, ...]
) -> None:
    for number in numbers:
        data_dir = tmp_path / f"{number}" / "data"
        command = [*killed_at(system_call, number), *WRITING, str(data_dir)]
        done = subprocess.Popen(command, stdout=subprocess.PIPE)
        with done:
            assert done.stdout is not None
            there = max([0, *(answer + 1 for answer in answers(done.stdout))])
        assert done.returncode == -signal.SIGKILL, f"it did not come to {system_call} number {number}"
        check_after_kill(data_dir, there)


@needs_strace
@pytest.mark.parametrize(
    ("system_call", "number"),
    [("renameat", 1), ("renameat", 2), ("renameat", 6), ("fsync", 10), ("fsync", 12), ("pread64", 3)],
)
def test_a_daemon_killed_in_a_commit_has_kept_what_it_answered(system_call: str, number: int) -> None:
    with new_home() as home:
        answered, asked = write_to_daemon(home, killed_at(system_call, number))
        with closing(create_json_store(home.data)) as store:
            found = {each.name: each for each in store.get_all()}
            assert len(found) >= len(answered)
            for each in answered:
                stored = found.pop(each["name"])
                assert (stored.id, stored.revision) == (each["id"], each["revision"])
            assert set(found) <= {asked}, "only the one that was not answered may be there beside them"
            store.save(workspace(99))
        assert quarantined(home.data) == {} or store.recovery.outcome == "recovered"


def write_to_daemon(home: Home, killed: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """Creates workspaces until the daemon is killed; gives those it answered, and the name of the last one."""
    command = [*killed, sys.executable, "-m", "workspaced", "run", *home.arguments()]
    answered: list[dict[str, Any]] = []
    name = ""
    with subprocess.Popen(
        command, cwd=home.root, stderr=subprocess.PIPE, env=os.environ | {"HOME": str(home.root)}
    ) as daemon:
        assert daemon.stderr is not None
        # It says on stderr when it is ready; one that was killed before ends the stream.
        if not any(listens(home.socket) for _ in daemon.stderr):
            assert daemon.wait(DEADLINE_SECONDS) == -signal.SIGKILL
            return answered, name
        with RawConnection(home.socket) as connection, suppress(EOFError, BrokenPipeError):
            for count in range(100):
                name = f"Größe {count}"
                answered.append(connection.create(name))
        daemon.stderr.read()
        assert daemon.wait(DEADLINE_SECONDS) == -signal.SIGKILL, f"it was not killed by {killed}"
    return answered, name
