"""What is measured, one function a row of the table of promises (each gives its rows)."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from bench import load, machines
from bench.results import Row
from bench.samples import Distribution, median_ratio, workspace
from workspaced.store import create_json_store
from workspaced_client import Client
from workspaced_protocol.models import Workspace

# What the daemon imports before it does anything (pyproject.toml, dependencies).
_DEPENDENCIES = "import trio, msgspec, pydantic, pydantic_settings, platformdirs, structlog, ulid"


def timed(deed: Callable[..., object], *arguments: object) -> float:
    """How many seconds a call takes."""
    started_at = time.perf_counter()
    deed(*arguments)
    return time.perf_counter() - started_at


def fill(client: Client, count: int, projects: int = 10) -> list[Workspace]:
    """Puts so many workspaces into the store."""
    return [client.store.save(workspace(number, projects)) for number in range(count)]


def writes(rounds: int) -> Iterator[Row]:
    """create, open, close and flush at 50 x 10, each beside the bare loop of the same file operations."""
    with machines.directory() as where, machines.daemon(where) as daemon, daemon.connect() as client:
        workspaces = fill(client, 50)
        bare = machines.BareLoop(where, workspaces)
        sqlite = machines.Sqlite(where, workspaces)
        times = {name: Distribution() for name in ("create", "close", "open", "flush", "bare", "sqlite")}
        id_ = workspaces[0].id
        for number in range(rounds):
            # All in one round, so that a slow moment of the machine meets all of them.
            times["create"].add(timed(client.workspaces.create, f"new {number}", "/srv"))
            client.workspaces.delete(client.workspaces.get(name=f"new {number}").id)
            times["close"].add(timed(client.workspaces.close, id_))
            times["open"].add(timed(client.workspaces.open, id_))
            times["flush"].add(timed(client.store.flush))
            times["bare"].add(timed(bare.commit))
            times["sqlite"].add(timed(sqlite.commit))
        sqlite.close()
        for name, slo_ms, goal in (
            ("create", 100, 1.5),
            ("open", 100, 1.5),
            ("close", 100, 1.5),
            ("flush", 200, 1.3),
        ):
            requirement = "NFR-002" if name == "flush" else "NFR-001"
            yield Row.latency(f"{name} at 50 x 10", times[name], slo_p95_ms=slo_ms, requirement=requirement)
            ratio = median_ratio(times[name], times["bare"])
            yield Row(f"{name}, p50 to the bare loop", ratio, "x", goal=goal)
        yield Row.latency("peer: the bare loop", times["bare"])
        yield Row.latency("peer: sqlite3, one row", times["sqlite"])
        size_kb = (daemon.data_dir / "workspaces.json").stat().st_size / 1000
        yield Row("storage at 50 x 10", size_kb, "kB", slo=1000, goal=150, requirement="NFR-004")


def restores(rounds: int) -> Iterator[Row]:
    """Opening a store of 50 x 10, and the whole way from a process's start to its first answer."""
    in_process, process, imports = Distribution(), Distribution(), Distribution()
    with machines.directory() as where:
        with machines.daemon(where) as daemon, daemon.connect() as client:
            fill(client, 50)
        for _ in range(rounds * 4):
            in_process.add(timed(_open_and_close_store, where))
        for _ in range(rounds):
            imports.add(timed(subprocess.run, [sys.executable, "-c", _DEPENDENCIES]))
            process.add(timed(_start_and_ask, where))
    yield Row.latency("restore of 50 x 10", in_process, slo_p95_ms=500, requirement="NFR-003")
    yield Row("restore of 50 x 10, p50", in_process.p50, "ms", goal=1)
    yield Row.latency("process start to first answer", process)
    yield Row("start to first answer, to its imports", median_ratio(process, imports), "x", goal=1.5)


def _open_and_close_store(where: Path) -> None:
    create_json_store(where / "data").close()


def _start_and_ask(where: Path) -> None:
    with machines.daemon(where) as daemon, daemon.connect() as client:
        client.daemon.ping()


def reads(rounds: int) -> Iterator[Row]:
    """workspace.get from one client beside a bare echo server, and pipelined."""
    with (
        machines.directory() as where,
        machines.daemon(where) as daemon,
        daemon.connect() as client,
        machines.echo_server() as echo,
    ):
        id_ = fill(client, 50)[7].id
        get = load.request("workspace.get", {"id": id_})
        reader, echoer = load.Talker(daemon.raw(), [get]), load.Talker(machines.connect(echo), [get])
        for _ in range(rounds):
            for talker in (reader, echoer):
                load.talk([talker], 0.05)
        yield Row.latency("workspace.get, one client", reader.latencies)
        yield Row("get, p50 to a bare echo", median_ratio(reader.latencies, echoer.latencies), "x", goal=1.3)
        yield Row(
            "get, pipelined", _pipelined(daemon, get, rounds * 1000), "a second", goal=100_000, higher=True
        )
        writers = [load.Talker(daemon.raw(), _open_and_close(number)) for number in range(49)]
        idle, busy = load.Talker(daemon.raw(), [get]), load.Talker(daemon.raw(), [get])
        load.talk([idle], rounds * 0.05)
        load.talk([*writers, busy], rounds * 0.05)
        yield Row.latency("get while 49 clients write", busy.latencies)
        ratio = busy.latencies.percentile(99) / idle.latencies.percentile(99)
        yield Row("get while 49 write, p99 to idle", ratio, "x", goal=2)


def _pipelined(daemon: machines.Daemon, get: bytes, count: int) -> float:
    connected = daemon.raw()
    connected.setblocking(False)
    outgoing = memoryview(get * count)
    answers = 0
    started_at = time.perf_counter()
    while answers < count:
        if outgoing:
            with suppress(BlockingIOError):
                outgoing = outgoing[connected.send(outgoing[: 1 << 16]) :]
        with suppress(BlockingIOError):
            answers += connected.recv(1 << 20).count(b"\n")
    connected.close()
    return count / (time.perf_counter() - started_at)


def _open_and_close(number: int) -> list[bytes]:
    params: dict[str, object] = {"id": workspace(number, 0).id}
    return [load.request("workspace.close", params), load.request("workspace.open", params)]


def concurrency(seconds: float, clients: tuple[int, ...]) -> Iterator[Row]:
    """Acknowledged durable writes of several clients at once."""
    rates: dict[int, float] = {}
    with machines.directory() as where, machines.daemon(where) as daemon, daemon.connect() as client:
        fill(client, max(clients))
        for count in clients:
            talkers = [load.Talker(daemon.raw(), _open_and_close(number)) for number in range(count)]
            rates[count] = load.talk(talkers, seconds)
            for number, talker in enumerate(talkers):
                talker.socket.close()
                if client.workspaces.get(workspace(number, 0).id).state == "closed":
                    client.workspaces.open(workspace(number, 0).id)
            yield Row(f"durable writes, {count} clients", rates[count], "a second", higher=True)
    if 50 in rates:
        yield Row("50 clients' writes to one's", rates[50] / rates[1], "x", goal=20, higher=True)


def memory(connections: int) -> Iterator[Row]:
    """What the process holds at 50 x 10, and for each connection that does nothing."""
    with machines.directory() as where, machines.daemon(where) as daemon, daemon.connect() as client:
        fill(client, 50)
        before_kb = daemon.memory_kb()
        idle = [daemon.raw() for _ in range(connections)]
        client.daemon.ping()
        for connected in idle:
            connected.sendall(load.request("daemon.ping", {}))
            connected.recv(1000)
        after_kb = daemon.memory_kb()
        for connected in idle:
            connected.close()
    yield Row("memory at 50 x 10", before_kb / 1000, "MB", goal=60)
    yield Row("memory of an idle connection", (after_kb - before_kb) / connections, "kB", goal=30)


def growth(sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """What a write and a restore cost as the store grows."""
    for size in sizes:
        with machines.directory() as where:
            store = create_json_store(where / "data")
            store.commit(type(store.state).of((workspace(n, 10) for n in range(size)), 1), None)
            store.close()
            restore, write = Distribution(), Distribution()
            for _ in range(3):
                restore.add(timed(_open_and_close_store, where))
            with machines.daemon(where) as daemon, daemon.connect() as client:
                id_ = workspace(0, 0).id
                for _ in range(rounds):
                    write.add(timed(client.workspaces.close, id_))
                    client.workspaces.open(id_)
        yield Row(f"restore of {size:,} x 10, p50", restore.p50, "ms")
        yield Row(f"a write at {size:,} x 10, p50", write.p50, "ms")
