"""The log of the real process: what it holds, and that nothing that becomes of it holds or ends the daemon."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from e2e.daemon_process import DEADLINE_SECONDS, Home, listens
from e2e.raw_connection import RawConnection
from workspaced.rpc.request_log import LINES_A_WINDOW

BATCH = 1000


def ask(home: Home, method: str, count: int) -> list[dict[str, Any]]:
    """Sends so many requests in batches, over a connection of their own; gives the answers."""
    answers: list[dict[str, Any]] = []
    with RawConnection(home.socket) as connection:
        for _ in range(count // BATCH):
            connection.send(
                [
                    {"jsonrpc": "2.0", "id": n, "method": method, "params": {"id": "ws_private"}}
                    for n in range(BATCH)
                ]
            )
            answers += connection.receive()
    return answers


def test_a_flood_of_refusals_leaves_a_few_lines_and_how_many_were_left_out(
    home: Home, start: StartDaemon
) -> None:
    daemon = start("--log-format", "json")
    for _ in range(4):
        assert all("error" in answer for answer in ask(home, "workspace.get", BATCH))
    assert daemon.stop() == 0
    assert "private" not in daemon.stderr
    entries = [json.loads(line) for line in daemon.stderr.splitlines()]
    refused = [entry for entry in entries if entry["event"] == "A request was refused."]
    assert len(refused) == LINES_A_WINDOW
    for entry in refused:
        assert (entry["level"], entry["method"], entry["outcome"]) == ("warning", "workspace.get", "notFound")
        assert (entry["pid"], entry["uid"]) == (os.getpid(), os.getuid())
    (rest,) = [entry for entry in entries if "left_out" in entry]
    assert rest["left_out"] == 4 * BATCH - LINES_A_WINDOW
    assert len(entries) == LINES_A_WINDOW + 4  # and Ready, Stopping, Stopped


@contextlib.contextmanager
def running(home: Home, redirection: str, stderr: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that logs everything, its streams redirected by a shell; it is killed if it has not ended."""
    command = [sys.executable, "-m", "workspaced", "run", *home.arguments(), "--log-level", "debug"]
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env={**os.environ, "HOME": str(home.root)},
    )
    try:
        deadline = monotonic() + DEADLINE_SECONDS
        while not listens(home.socket):
            assert monotonic() < deadline
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the daemon ended with {process.wait(0.02)}")
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE_SECONDS)


def check_serves(home: Home, reads: int = BATCH) -> None:
    """It answers so many reads, each of which it logs, and commits."""
    assert len(ask(home, "store.getById", reads)) == reads
    with RawConnection(home.socket) as connection:
        assert connection.call("store.flush")


def check_stops(process: subprocess.Popen[bytes]) -> None:
    """It ends as it does otherwise."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 0


def test_a_pipe_that_nobody_reads_or_whose_reader_is_gone_holds_nothing_up(home: Home) -> None:
    reading, writing = os.pipe()
    try:
        with running(home, ">&2", stderr=writing) as process:
            check_serves(home, reads=8 * BATCH)  # two megabytes of log: more than a pipe and a queue hold
            os.close(reading)
            check_serves(home)
            check_stops(process)
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="macOS has no device that is always full")
def test_a_full_disk_under_the_log_changes_nothing_but_the_log(home: Home) -> None:
    full = ">/dev/full 2>/dev/full"
    with running(home, full) as process:
        check_serves(home)
        command = [sys.executable, "-m", "workspaced", "run", *home.arguments()]
        second = subprocess.run(["sh", "-c", f'exec "$@" {full}', "sh", *command], check=False)
        assert second.returncode == 75
        check_stops(process)


def test_closed_streams_end_nothing_and_no_file_of_the_store_takes_their_place(home: Home) -> None:
    with running(home, "<&- >&- 2>&-") as process:
        descriptors = Path(f"/proc/{process.pid}/fd")
        if descriptors.exists():
            targets = [(descriptors / str(number)).readlink() for number in range(3)]
            assert targets == [Path(os.devnull)] * 3
        check_serves(home)
        check_stops(process)
