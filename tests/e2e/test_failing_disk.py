"""Disks that fail or hang under the real daemon: what each caller is told, and that memory equals the disk."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.documents import verified, workspace_json
from support.raw_connection import RawConnection, checked_error
from support.strace import injected, needs_strace
from support.waiting import wait_until

MIB = 1024 * 1024
DEADLINE_SECONDS = 5.0  # of a write (storage.md, The actor)


def stored(home: Home) -> tuple[int, list[Any]]:
    """The revision and the workspaces that both files hold."""
    documents = [verified(path) for path in (home.primary, home.snapshot)]
    assert documents[0] == documents[1]
    return documents[0]["revision"], documents[0]["workspaces"]


def served(connection: RawConnection) -> tuple[int, list[Any]]:
    """The revision and the workspaces that the daemon answers with."""
    return connection.revision(), connection.call("store.getAll")


def wait_until_ok(connection: RawConnection) -> None:
    """Wait until the store takes writes again."""
    wait_until(
        lambda: connection.call("daemon.status")["store"]["state"] == "ok",
        lambda: str(connection.call("daemon.status")["store"]),
    )


def topics(connection: RawConnection, count: int) -> list[str]:
    """The topics of the next events."""
    return [connection.receive()["params"]["topic"] for _ in range(count)]


# A disk that is full


def _can_mount() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and _mounts_are_allowed()


def _mounts_are_allowed() -> bool:
    probe = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return probe.returncode == 0


@pytest.fixture
def small_disk(home: Home) -> Iterator[Path]:
    """The data directory on a disk of its own, of 1 MiB."""
    home.data_dir.mkdir(mode=0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "workspaced-test", str(home.data_dir)], check=True
    )
    try:
        yield home.data_dir
    finally:
        # Lazily: the daemon is killed by a fixture of its own.
        subprocess.run(["umount", "--lazy", str(home.data_dir)], check=True)


@pytest.mark.requirement("T011", "T014")
@pytest.mark.skipif(not _can_mount(), reason="only root may mount a disk of 1 MiB, on Linux")
def test_a_full_disk_refuses_writes_and_takes_them_again_once_there_is_room(
    small_disk: Path, home: Home, start: StartDaemon
) -> None:
    daemon = start(is_executed=True)
    with RawConnection(home.socket) as connection, RawConnection(home.socket) as watcher:
        watcher.call("events.subscribe", topics=["store.degraded", "store.ok"])
        kept = connection.create("Alpha")
        (small_disk / "filler").write_bytes(b"x" * (MIB - 64 * 1024))
        before = served(connection)
        batch = [
            connection.request(
                "store.save", workspace=workspace_json(number, 10, name=f"N {number}" + "n" * 900)
            )
            for number in range(60)
        ]
        answers = connection.answers(batch)
        refused = [answer["error"] for answer in answers.values() if "error" in answer]
        assert refused
        for error in refused:
            assert checked_error(2003, error)["errno"] == errno.ENOSPC
        accepted = {answer["result"]["id"] for answer in answers.values() if "result" in answer}
        assert served(connection) == stored(home)
        assert {each["id"] for each in served(connection)[1]} == accepted | {kept["id"]}
        data = connection.refused(
            2003,
            "store.apply",
            changes=[{"save": workspace_json(n, 10, rootPath="/" + "p" * 9000)} for n in range(90)],
        )
        assert data["errno"] == errno.ENOSPC
        assert connection.call("daemon.status")["store"]["state"] == "degraded"
        assert list(home.data_dir.glob(".workspaces*.tmp")) == []
        (small_disk / "filler").unlink()
        assert connection.create("Beta")["name"] == "Beta"
        assert served(connection) == stored(home)
        assert served(connection)[0] > before[0]
        assert connection.call("daemon.status")["store"] == {"state": "ok"}
        assert topics(watcher, 2) == ["store.degraded", "store.ok"]
    assert daemon.stop() == 0
    assert (
        daemon.stderr.count(f"{home.data_dir} lies on tmpfs: its content is lost when the machine restarts")
        == 1
    )


# A disk that fails once renaming has begun


@needs_strace
@pytest.mark.requirement("T011", "T014")
@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ("rename,renameat,renameat2", "error=EIO:when=2+"),
        ("fsync", "error=EIO"),
    ],
    ids=["rename of the snapshot", "sync of the directory"],
)
def test_after_a_rename_the_outcome_is_unknown_and_the_store_is_repaired(
    home: Home, start: StartDaemon, calls: str, fault: str
) -> None:
    daemon = start()
    with RawConnection(home.socket) as connection, RawConnection(home.socket) as watcher:
        watcher.call("events.subscribe", topics=["store.degraded", "store.ok"])
        connection.create("Alpha")
        before = served(connection)
        # Of all syncs, only that of the directory itself is on its path.
        path = home.data_dir if calls == "fsync" else None
        with injected(daemon.pid, calls, fault, path=path):
            data = connection.refused(2002, "workspace.create", name="Beta", rootPath="/b")
            assert data["revision"] == before[0] + 1
            status = connection.call("daemon.status")["store"]
            assert status["state"] == "readOnly"
            assert os.strerror(errno.EIO) in status["lastError"]
            connection.refused(2003, "workspace.create", name="Gamma", rootPath="/c")
            assert served(connection) == before, "reads go on from the last answered state"
        wait_until_ok(connection)
        revision, workspaces = served(connection)
        assert (revision, workspaces) == stored(home)
        assert workspaces == before[1]
        assert revision > data["revision"], "above any that may have been written"
        assert topics(watcher, 2) == ["store.degraded", "store.ok"]
        assert connection.create("Delta")["revision"] == revision + 1
        final = served(connection)
    daemon.kill()
    start()
    with RawConnection(home.socket) as connection:
        assert served(connection) == final
        assert list(home.data_dir.glob(".workspaces*.tmp")) == []


@needs_strace
@pytest.mark.requirement("T014")
def test_a_stop_before_the_store_could_be_repaired_is_no_success(home: Home, start: StartDaemon) -> None:
    daemon = start()
    with RawConnection(home.socket) as connection:
        connection.create("Alpha")
        with injected(daemon.pid, "fsync", "error=EIO", path=home.data_dir):
            connection.refused(2002, "workspace.create", name="Beta", rootPath="/b")
            assert daemon.stop() == 74
    last = daemon.stderr.splitlines()[-1]
    assert last.startswith("workspaced: ")
    assert str(home.data_dir) in last
    assert os.strerror(errno.EIO) in last
    assert "Stopped." not in daemon.stderr
    start()
    with RawConnection(home.socket) as connection:
        assert served(connection) == stored(home)
        assert connection.call("store.getAll")[0]["name"] == "Alpha"


# A disk that hangs


@needs_strace
@pytest.mark.requirement("T011", "T012")
def test_a_disk_that_hangs_holds_nobody_for_longer_than_the_deadline(home: Home, start: StartDaemon) -> None:
    daemon = start()
    hang_seconds = DEADLINE_SECONDS + 1.5
    with RawConnection(home.socket) as connection, RawConnection(home.socket) as reader:
        kept = connection.create("Alpha")
        with injected(daemon.pid, "fsync", f"delay_enter={int(hang_seconds * 1e6)}:when=1"):
            begun_at = time.monotonic()
            in_flight = connection.request("workspace.create", name="In flight", rootPath="/i")
            connection.send(in_flight)
            wait_until(lambda: list(home.data_dir.glob(".workspaces*.tmp")) != [], "the commit has not begun")
            queued = [
                connection.request("workspace.create", name=f"Queued {number}", rootPath="/q")
                for number in range(3)
            ]
            time_of_queueing = time.monotonic()
            for message in queued:
                connection.send(message)
            slowest_read = 0.0
            answers: dict[Any, tuple[dict[str, Any], float]] = {}
            connection.socket.settimeout(30)
            while len(answers) < 4:
                asked_at = time.monotonic()
                assert reader.call("store.getAll") == [kept]
                slowest_read = max(slowest_read, time.monotonic() - asked_at)
                if time.monotonic() - begun_at > DEADLINE_SECONDS - 0.5:
                    answer = connection.receive()
                    answers[answer["id"]] = (answer, time.monotonic())
            first, answered_at = answers[in_flight["id"]]
            unknown = checked_error(2002, first["error"])
            assert DEADLINE_SECONDS <= answered_at - begun_at < hang_seconds
            for message in queued:
                answer, answered_at = answers[message["id"]]
                checked_error(2001, answer["error"])
                assert DEADLINE_SECONDS <= answered_at - time_of_queueing < hang_seconds
            assert slowest_read < 1.0
            # The disk comes back by itself; the commit in flight ends in its own time, and once.
            wait_until(lambda: reader.revision() == unknown["revision"])
        names = [each["name"] for each in reader.call("store.getAll")]
        assert names == ["Alpha", "In flight"], "what was queued is never applied"
        assert served(reader) == stored(home)
        assert connection.create("After")["revision"] == unknown["revision"] + 1
        assert reader.call("daemon.status")["store"] == {"state": "ok"}
    assert daemon.stop() == 0
    assert [each["name"] for each in json.loads(home.primary.read_text())["workspaces"]] == [*names, "After"]
