"""The log of the real process: what it holds, and that nothing that becomes of it holds or ends the daemon."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Home
from support.raw_connection import RawConnection
from workspaced.rpc.request_log import LINES_A_WINDOW

pytestmark = pytest.mark.usefixtures("measured")

BATCH = 1000


def ask(home: Home, method: str, count: int) -> list[dict[str, Any]]:
    """Send so many requests in batches, over a connection of their own; return the answers."""
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


def redirected(streams: str) -> Sequence[str]:
    """Return a launcher, a shell, that starts the daemon with its streams redirected like this."""
    return ("sh", "-c", f'exec "$@" {streams}', "sh")


def start_redirected(start: StartDaemon, streams: str, **options: Any) -> DaemonProcess:
    """Start a daemon that logs everything."""
    return start("--log-level", "debug", launcher=redirected(streams), **options)


def check_serves(home: Home, reads: int = BATCH) -> None:
    """It answers so many reads, each of which it logs, and commits."""
    assert len(ask(home, "store.getById", reads)) == reads
    with RawConnection(home.socket) as connection:
        assert connection.call("store.flush")


def test_a_pipe_that_nobody_reads_or_whose_reader_is_gone_holds_nothing_up(
    home: Home, start: StartDaemon
) -> None:
    reading, writing = os.pipe()
    try:
        daemon = start_redirected(start, f">/dev/fd/{writing} 2>&1", pass_fds=[writing])
        check_serves(home, reads=8 * BATCH)  # two megabytes of log: more than a pipe and a queue hold
        os.close(reading)
        check_serves(home)
        assert daemon.stop() == 0
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="macOS has no device that is always full")
def test_a_full_disk_under_the_log_changes_nothing_but_the_log(home: Home, start: StartDaemon) -> None:
    full = ">/dev/full 2>/dev/full"
    daemon = start_redirected(start, full)
    check_serves(home)
    assert DaemonProcess(home, launcher=redirected(full)).run_to_end().code == 75
    assert daemon.stop() == 0


def test_closed_streams_end_nothing_and_no_file_of_the_store_takes_their_place(
    home: Home, start: StartDaemon
) -> None:
    daemon = start_redirected(start, "<&- >&- 2>&-")
    descriptors = Path(f"/proc/{daemon.pid}/fd")
    if descriptors.exists():
        targets = [(descriptors / str(number)).readlink() for number in range(3)]
        assert targets == [Path(os.devnull)] * 3
    check_serves(home)
    assert daemon.stop() == 0
