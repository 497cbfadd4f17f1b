"""What is measured of calls: writes, reads, events (each function gives its rows)."""

import select
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import structs

from bench import load, machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from support.daemon_process import DaemonProcess
from support.documents import STORE_ID
from support.process_costs import processor_seconds
from workspaced.domain.state import State
from workspaced_client import Client
from workspaced_protocol.models import Workspace


def timed(deed: Callable[..., object], *arguments: object) -> float:
    """How many seconds a call takes."""
    started_at = time.perf_counter()
    deed(*arguments)
    return time.perf_counter() - started_at


def settle() -> None:
    """What was measured last ends its work, and all that is measured finds the machine the same: at rest."""
    threading.Event().wait(0.005)


def fill(client: Client, count: int, projects: int = 10) -> list[Workspace]:
    """Put so many workspaces into the store; nothing is at the paths of their projects."""
    return [client.store.save(service_workspace(number, projects)) for number in range(count)]


def fill_with_directories(client: Client, where: Path, count: int) -> list[Workspace]:
    """The same, with a directory for each of ten projects."""
    return [
        client.store.save(with_directories(where, service_workspace(number, 10))) for number in range(count)
    ]


def with_directories(where: Path, workspace: Workspace) -> Workspace:
    """The same workspace with projects whose directories are there: in `where`, made for them."""
    there = [
        structs.replace(project, root_path=str(where / "src" / project.id)) for project in workspace.projects
    ]
    for project in there:
        Path(project.root_path).mkdir(parents=True)
    return structs.replace(workspace, projects=tuple(there))


def writes(rounds: int) -> Iterator[Row]:
    """create, open, close and flush at 50 x 10, each beside bare loops of the same file operations."""
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
    ):
        workspaces = fill(client, 50)
        workspaces[0] = client.store.save(with_directories(where, workspaces[0]))
        state = State.of(workspaces, 1, store_id=STORE_ID)
        bare, sqlite = machines.BareLoop(where, state), machines.Sqlite(where, state)
        eager = machines.EagerLoop(where, state)
        id_ = workspaces[0].id
        # The daemon's and the peers' in turns: each finds the others' traces in the caches.
        deeds: dict[str, Callable[[], object]] = {
            "bare": bare.commit,
            "close": lambda: client.workspaces.close(id_),
            "bare open": bare.open,
            "open": lambda: client.workspaces.open(id_),
            "eager": eager.commit,
            "flush": client.store.flush,
            "eager open": eager.open,
            "sqlite": sqlite.commit,
        }
        times = {name: Distribution() for name in ("create", *deeds)}
        for number in range(rounds):
            # All in one round, so that a slow moment of the machine meets all of them.
            settle()
            times["create"].add(timed(client.workspaces.create, f"new {number}", "/srv"))
            client.workspaces.delete(client.workspaces.get(name=f"new {number}").id)
            for name, deed in deeds.items():
                settle()
                times[name].add(timed(deed))
                eager.tidy()
        sqlite.close()
        eager.close()
        for name, slo_ms, goal in (
            ("create", 100, 1.5),
            ("open", 100, 1.5),
            ("close", 100, 1.5),
            ("flush", 200, 1.5),
        ):
            requirement = "NFR-002" if name == "flush" else "NFR-001"
            yield Row.latency(f"{name} at 50 x 10", times[name], slo_ms=slo_ms, requirement=requirement)
            of_open = " open" if name == "open" else ""
            yield Row.ratio(f"{name}, p50 to the bare loop", times[name], times[f"bare{of_open}"], goal)
            yield Row.ratio(f"{name}, p50 to the eager loop", times[name], times[f"eager{of_open}"])
        yield Row.latency("peer: the bare loop", times["bare"])
        yield Row.latency("peer: the bare loop with looks at 10 paths", times["bare open"])
        yield Row.latency("peer: the eager loop", times["eager"])
        yield Row.latency("peer: sqlite3, one row", times["sqlite"])
        size_kb = (daemon.data_dir / "workspaces.json").stat().st_size / 1000
        yield Row("storage at 50 x 10", size_kb, "kB", slo=1000, goal=150, requirement="NFR-004")


def reads(rounds: int) -> Iterator[Row]:
    """workspace.get from one client beside a bare echo server, and pipelined."""
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
        machines.echo_server() as echo,
    ):
        id_ = fill_with_directories(client, where, 50)[7].id
        get = load.request_line("workspace.get", {"id": id_})
        reader, echoer = (
            load.Talker(machines.connect(daemon.socket), [get]),
            load.Talker(machines.connect(echo.socket), [get]),
        )
        spent = {daemon.pid: 0.0, echo.pid: 0.0}
        for _ in range(rounds):
            for pid, talker in ((daemon.pid, reader), (echo.pid, echoer)):
                before = processor_seconds(pid)
                load.talk([talker], 0.05)
                spent[pid] += processor_seconds(pid) - before
        yield Row.latency("workspace.get, one client", reader.latencies)
        yield Row.latency("peer: a bare trio echo", echoer.latencies)
        yield Row.ratio("get, p50 to a bare echo", reader.latencies, echoer.latencies, 1.2)
        get_us, echo_us = (
            spent[pid] / len(talker.latencies.values_ms) * 1e6
            for pid, talker in ((daemon.pid, reader), (echo.pid, echoer))
        )
        yield Row("processor time of a get, to that of an echo", get_us / echo_us, "x")
        before = processor_seconds(daemon.pid)
        rate = pipelined(daemon, get, rounds * 1000)
        spent_us = (processor_seconds(daemon.pid) - before) / (rounds * 1000) * 1e6
        yield Row("get, pipelined", rate, "a second", goal=150_000, higher=True)
        yield Row("processor time of a pipelined get", spent_us, "µs")


def pipelined(daemon: DaemonProcess, get: bytes, count: int) -> float:
    """Answers a second to requests that do not wait for one another."""
    outgoing = memoryview(get * count)
    incoming = bytearray(1 << 18)
    answers = 0
    with closing(machines.connect(daemon.socket)) as connected, select.epoll() as poller:
        connected.setblocking(False)
        poller.register(connected, select.EPOLLIN | select.EPOLLOUT)
        started_at = time.perf_counter()
        while answers < count:
            for _, ready in poller.poll(10):
                if ready & select.EPOLLOUT:
                    outgoing = outgoing[connected.send(outgoing[: 1 << 16]) :]
                    if not outgoing:
                        poller.modify(connected, select.EPOLLIN)
                if ready & select.EPOLLIN:
                    size = connected.recv_into(incoming)
                    answers += incoming.count(b"\n", 0, size)
        return count / (time.perf_counter() - started_at)


def events(subscribers: int, rounds: int) -> Iterator[Row]:
    """How long after a write's answer its event has reached each of its subscribers."""
    times = Distribution()
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
        closing(selectors.DefaultSelector()) as selector,
    ):
        id_ = fill(client, 50)[7].id
        listeners = [machines.connect(daemon.socket) for _ in range(subscribers)]
        for listener in listeners:
            listener.sendall(load.request_line("events.subscribe", {"topics": ["workspace.*"]}))
            listener.recv(1000)
            selector.register(listener, selectors.EVENT_READ, listener)
        for number in range(rounds):
            (client.workspaces.open if number % 2 else client.workspaces.close)(id_)
            answered_at = time.perf_counter()
            waiting = set(listeners)
            while waiting:
                for key, _ in selector.select(timeout=10):
                    key.data.recv(10_000)
                    waiting.discard(key.data)
                    times.add(time.perf_counter() - answered_at)
        for listener in listeners:
            listener.close()
    yield Row.latency(f"an event to {subscribers} subscribers", times, goal_ms=2)


LISTER = """
import socket, sys
connected = socket.socket(socket.AF_UNIX)
connected.connect(sys.argv[1])
print("ready", flush=True)
while True:
    connected.sendall(b'{"jsonrpc":"2.0","id":1,"method":"workspace.list","params":{}}\\n')
    while not connected.recv(1 << 20).endswith(b"\\n"):
        pass
"""
"""A client that asks for everything, again and again."""


@contextmanager
def beside(program: str, daemon: DaemonProcess, *arguments: str) -> Iterator[None]:
    """Run a load in a process of its own, so that its work is not counted as the daemon's."""
    command = [sys.executable, "-c", program, str(daemon.socket), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
            if process.poll() is not None:
                raise RuntimeError("the load beside what is measured ended before it")
        finally:
            process.kill()


def large_answers(size: int, seconds: float) -> Iterator[Row]:
    """How long a get takes while another client lists a large store all the time."""
    with machines.measured_directory() as where:
        machines.make_store(where, size)
        with machines.measured_daemon(where) as daemon:
            get = load.request_line("workspace.get", {"id": service_workspace(7, 0).id})
            idle, busy = (
                load.Talker(machines.connect(daemon.socket), [get]),
                load.Talker(machines.connect(daemon.socket), [get]),
            )
            load.talk([idle], seconds)
            with beside(LISTER, daemon):
                load.talk([busy], seconds)
    yield Row.latency(f"get while another lists {size:,}", busy.latencies, 99, goal_ms=10)
    yield Row.latency("the same get, alone", idle.latencies, 99)
