"""Real daemons on each kind of store: killed at any moment, and, where it lies in files, on a full disk and on one that fails.

Whatever happens: what was answered is there, what was refused is not, the rest is there whole or not at all, the history
tells the same, and the next write works once the fault is gone.
"""

import random
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest

from contract.conftest import IN_FILES, StoreKind
from support.daemon_process import DaemonProcess, new_home
from support.raw_connection import RawConnection
from support.strace import injected, needs_strace
from support.waiting import wait_until

pytestmark = pytest.mark.requirement("FR-005", "NFR-004", "T011", "T013")

NOT_APPLIED, UNKNOWN = 2003, 2002


class Ledger:
    """What the daemon was asked to create, by name, and what it has answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answered: dict[str, Any] = {}
        self.refused: set[str] = set()

    def requests(self, connection: RawConnection, count: int) -> dict[int, str]:
        """Send requests at once; return the name of each id."""
        names = [f"W {len(self.asked) + number}" for number in range(count)]
        self.asked += names
        messages = [
            connection.request("workspace.create", name=name, rootPath="/src/" + name * 20, requestKey=name)
            for name in names
        ]
        for message in messages:
            connection.send(message)
        return {message["id"]: name for message, name in zip(messages, names, strict=True)}

    def note(self, name: str, answer: dict[str, Any]) -> int | None:
        """Note an answer; return the code of its error."""
        if "result" in answer:
            self.answered[name] = answer["result"]
            return None
        code: int = answer["error"]["code"]
        if code == NOT_APPLIED:
            self.refused.add(name)
        return code

    def write(self, connection: RawConnection, count: int = 1) -> set[int | None]:
        """Send requests and take all answers; return the codes of their errors, None for one that was granted."""
        names = self.requests(connection, count)
        return {
            self.note(names[answer["id"]], answer) for answer in (connection.receive() for _ in range(count))
        }

    def check(self, connection: RawConnection) -> None:
        """What is stored agrees with what was answered."""
        stored = {each["name"]: each for each in connection.call("store.getAll")}
        assert {name: stored.get(name) for name in self.answered} == self.answered
        assert not stored.keys() & self.refused
        assert stored.keys() <= {*self.asked}
        history = connection.call("history.list", limit=1000)
        assert {entry["name"]: entry["after"] for entry in history} == stored
        assert connection.call("daemon.status")["recovery"]["outcome"] in ("clean", "fresh")


@pytest.fixture
def daemon(kept_kind: StoreKind) -> Iterator[DaemonProcess]:
    """A daemon on a new store."""
    with new_home() as home:
        daemon = DaemonProcess(home, "--store", kept_kind.name, environment=kept_kind.variables)
        try:
            yield daemon.start()
        finally:
            daemon.close()


def test_a_kill_at_any_moment_loses_nothing_answered(daemon: DaemonProcess) -> None:
    chance, ledger = random.Random(5), Ledger()
    for _ in range(2):
        with RawConnection(daemon.socket) as connection:
            ledger.check(connection)
            # One after the other, so that each is a commit: the kill comes while the next one is written.
            for _ in range(chance.randrange(3, 20)):
                assert ledger.write(connection) == {None}
            names = ledger.requests(connection, 10)
            daemon.send_signal(signal.SIGKILL)
            with suppress(EOFError):
                for _ in names:
                    answer = connection.receive()
                    ledger.note(names[answer["id"]], answer)
        daemon.restart(signal.SIGKILL)
    with RawConnection(daemon.socket) as connection:
        ledger.check(connection)
        assert ledger.write(connection) == {None}
        ledger.check(connection)


@contextmanager
def no_room(daemon: DaemonProcess) -> Generator[None]:
    """No file of the daemon may become longer than a kilobyte: all of them are full."""
    import resource

    limits = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limits)


def failing_syncs(daemon: DaemonProcess) -> AbstractContextManager[None]:
    """Each sync fails."""
    return injected(daemon.pid, "fsync,fdatasync", "error=EIO")


@pytest.mark.parametrize("kept_kind", IN_FILES, indirect=True)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            no_room,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process"),
        ),
        pytest.param(failing_syncs, marks=needs_strace),
    ],
)
def test_a_fault_costs_nothing_answered_and_leaves_nothing_refused(daemon: DaemonProcess, fault: Any) -> None:
    ledger = Ledger()
    with RawConnection(daemon.socket) as connection:
        assert ledger.write(connection, 20) == {None}
        with fault(daemon):
            codes = {code for _ in range(3) for code in ledger.write(connection, 3)}
            assert codes <= {NOT_APPLIED, UNKNOWN}
            ledger.check(connection)  # readers go on
            assert connection.call("daemon.status")["store"]["state"] in ("degraded", "readOnly")
        wait_until(lambda: ledger.write(connection) == {None}, "the store does not take writes again")
        ledger.check(connection)
        assert connection.call("daemon.status")["store"] == {"state": "ok"}
        checked = connection.call("store.check")
        assert not checked["primary"]["corrupted"]
    daemon.restart()
    with RawConnection(daemon.socket) as connection:
        ledger.check(connection)
        assert ledger.write(connection) == {None}
