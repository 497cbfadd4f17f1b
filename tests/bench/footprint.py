"""What is measured of size: memory, and what calls cost as the store grows."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bench import load, machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import fill, pipelined, timed
from bench.startup import open_and_close_store
from support.process_costs import memory_kb


def memory(connections: int, requests: int) -> Iterator[Row]:
    """What the process holds at 50 x 10, for each connection that does nothing, and after many requests."""
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
    ):
        id_ = fill(client, 50)[7].id
        before_kb = memory_kb(daemon.pid)
        idle = [machines.connect(daemon.socket) for _ in range(connections)]
        for connected in idle:
            connected.sendall(load.request_line("daemon.ping", {}))
            connected.recv(1000)
        after_kb = memory_kb(daemon.pid)
        for connected in idle:
            connected.close()
        get = load.request_line("workspace.get", {"id": id_})
        pipelined(daemon, get, requests // 10)  # what a busy daemon keeps once is no growth
        early_kb = memory_kb(daemon.pid)
        pipelined(daemon, get, requests)
        grown_kb = memory_kb(daemon.pid) - early_kb
    yield Row("memory at 50 x 10", before_kb / 1000, "MB", goal=45)
    yield Row("memory of an idle connection", (after_kb - before_kb) / connections, "kB", goal=12)
    yield Row(f"memory gained by {requests:,} requests", grown_kb / 1000, "MB", goal=1)


def growth(sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """What calls, a restore and memory cost as the store grows."""
    for size in sizes:
        with machines.measured_directory() as where:
            machines.make_store(where, size)
            times = {name: Distribution() for name in ("restore", "write", "get", "list")}
            for _ in range(5):
                times["restore"].add(timed(open_and_close_store, where))
            with (
                machines.measured_daemon(where) as daemon,
                daemon.client() as client,
                closing(machines.connect(daemon.socket)) as raw,
            ):
                id_ = service_workspace(0, 0).id
                for number in range(rounds):
                    times["write"].add(
                        timed(partial(client.workspaces.update, id_, root_path=f"/srv/{number}"))
                    )
                talker = load.Talker(
                    raw, [load.request_line("workspace.get", {"id": service_workspace(7, 0).id})]
                )
                load.talk([talker], 0.5)
                times["get"] = talker.latencies
                lister = load.Talker(
                    machines.connect(daemon.socket), [load.request_line("workspace.list", {})]
                )
                load.talk([lister], 1.0)
                times["list"] = lister.latencies
                memory_mb = memory_kb(daemon.pid) / 1000
        for what, name in (
            ("restore of", "restore"),
            ("a write at", "write"),
            ("a get at", "get"),
            ("a list at", "list"),
        ):
            yield Row(
                f"{what} {size:,} x 10, p50", times[name].p50, "ms", spread=times[name].spread(50), at=size
            )
        yield Row(f"memory at {size:,} x 10", memory_mb, "MB", at=size)
