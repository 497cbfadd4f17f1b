"""What is measured of `workspace.resolve`: a search among many workspaces, and the first one after a start."""

from collections.abc import Iterator

from bench import load, machines
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import timed


def searches(size: int, seconds: float) -> Iterator[Row]:
    """How long a search takes from one client, beside a get of the same workspace."""
    with machines.measured_directory() as where:
        machines.make_store(where, size)
        workspace = service_workspace(7, 10)
        path = f"{workspace.projects[3].root_path}/src/main.py"
        with machines.measured_daemon(where) as daemon, daemon.client() as client:
            first = timed(client.workspaces.resolve, path)
            lines = (
                load.request_line("workspace.get", {"id": workspace.id}),
                load.request_line("workspace.resolve", {"path": path}),
            )
            getter, seeker = (load.Talker(machines.connect(daemon.socket), [line]) for line in lines)
            for _ in range(10):
                for talker in (getter, seeker):
                    load.talk([talker], seconds / 20)
            for talker in (getter, seeker):
                talker.socket.close()
    yield Row(f"the first resolve among {size:,} after a start", first * 1000, "ms")
    # The SLO has room for a machine at work; a search that looked at each workspace would take longer than that.
    yield Row.latency(f"resolve among {size:,}", seeker.latencies, 50, slo_ms=2, goal_ms=0.2)
    yield Row.ratio(f"resolve among {size:,}, p50 to a get", seeker.latencies, getter.latencies)
