"""More clients than descriptors: as many are served as the system grants, others wait, and writes go on."""

import resource
import select
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from e2e.bystander import KIB, MIB, Bystander, Memory
from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS

CLIENTS = 1000
ROUNDS = 30
CLIENT_BYTES = (
    20 * KIB
)  # for a connection: two tasks, their objects, and what one request takes; 11 KiB on CPython 3.11

TURN_SECONDS = 0.0001  # for one request of one client: a turn of its task, a read and a write

SLACK_BYTES = 6 * MIB  # what the allocator may take beside
SOFT_LIMIT = 256  # what launchd grants at first; 1,024 is usual on Linux
FEW = 64  # descriptors, of which the daemon gives half to clients


def limited(limit: str) -> Sequence[str]:
    """A launcher with a limit of open files: `-n 64` for the soft and the hard one, `-Sn 64` for the soft one."""
    return ("sh", "-c", f'ulimit {limit} && exec "$@"', "sh")


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    """Let this process have as many connections as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CLIENTS + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this system lets a process open {hard} files, too few for {CLIENTS} connections")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_descriptors")
def test_1000_clients_at_once_under_a_soft_limit_of_256(home: Home, start: StartDaemon) -> None:
    daemon = start(launcher=limited(f"-Sn {SOFT_LIMIT}"))
    with ExitStack() as stack:
        bystander = stack.enter_context(closing(Bystander(home.socket)))
        memory = Memory(daemon.pid)
        clients = [stack.enter_context(RawConnection(home.socket)) for _ in range(CLIENTS)]

        def ask() -> None:
            for _ in range(ROUNDS):
                requests = [each.request("daemon.ping") for each in clients]
                for client, request in zip(clients, requests, strict=True):
                    client.send(request)
                assert [each.receive()["id"] for each in clients] == [each["id"] for each in requests]

        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask)
            bystander.check(lambda: not asking.done(), others_seconds=CLIENTS * TURN_SECONDS)
            asking.result()
        assert "can be accepted" not in daemon.stderr
        bystander.check()
        memory.check_grown_at_most(CLIENTS * CLIENT_BYTES + SLACK_BYTES)


def answered(clients: Sequence[RawConnection], count: int) -> list[RawConnection]:
    """Those that have an answer to read, once they are so many."""
    sockets = {each.socket: each for each in clients}
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while sockets:
        readable, _, _ = select.select([*sockets], [], [], PATIENCE_SECONDS)
        if len(readable) >= count:
            return [sockets[each] for each in readable]
        assert time.monotonic() < give_up_at, f"only {len(readable)} of {count} were answered"
    return []


def test_without_descriptors_clients_wait_and_writes_go_on(home: Home, start: StartDaemon) -> None:
    daemon = start(launcher=limited(f"-n {FEW}"))
    places = FEW // 2 - 1  # the bystander has one
    with ExitStack() as stack:
        bystander = stack.enter_context(closing(Bystander(home.socket)))
        waiting = [stack.enter_context(RawConnection(home.socket)) for _ in range(4 * places)]
        for each in waiting:
            each.send(each.request("daemon.ping"))
        served = answered(waiting, places)
        bystander.check()
        assert len(answered(waiting, places)) == places  # no other was let in meanwhile
        while waiting:
            for each in served:
                assert each.receive()["result"] == "pong"
                waiting.remove(each)
                each.close()
            served = answered(waiting, min(places, len(waiting)))
        bystander.check()
    assert daemon.stop(signal.SIGTERM) == 0
    assert daemon.stderr.count("No more clients can be accepted at the moment.") == 1
    assert "Traceback" not in daemon.stderr
