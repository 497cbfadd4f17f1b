"""Two daemons, each in a home of its own, on one cluster of etcd: what their clients see of one list, while a daemon and a
member of the cluster are killed.
"""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import NamedTuple

import pytest

from support.daemon_process import DaemonProcess, new_home
from support.etcd import Cluster, etcd_cluster, needs_etcd
from support.waiting import wait_until
from workspaced_client import ActiveSessions, Client, NameConflict, Workspace

pytestmark = needs_etcd


class Machine(NamedTuple):
    name: str
    daemon: DaemonProcess
    client: Client

    def names(self) -> list[str]:
        return sorted(workspace.name for workspace in self.client.workspaces.list())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster(3, arguments=("--heartbeat-interval", "50", "--election-timeout", "500")) as made:
        yield made


@pytest.fixture
def machines(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[list[Machine]]:
    with ExitStack() as stack:
        started: list[Machine] = []
        for name in ("laptop", "devbox"):
            daemon = DaemonProcess(
                stack.enter_context(new_home()),
                *("--store", "etcd", "--machine", name),
                *("--etcd-endpoints", ",".join(cluster.endpoints)),
                *("--etcd-prefix", f"/{request.node.name}/"),
            )
            stack.callback(daemon.close)
            daemon.start()
            client = stack.enter_context(Client.connect(daemon.home.socket, autostart=False))
            started.append(Machine(name, daemon, client))
        yield started


def are_equal(machines: list[Machine]) -> bool:
    first, second = (machine.client.workspaces.list() for machine in machines)
    return first == second


def test_a_list_is_one_and_tells_whose_paths_they_are(machines: list[Machine]) -> None:
    laptop, devbox = machines
    made = laptop.client.workspaces.create("web", "/srv/web")
    assert made.machine == "laptop"
    wait_until(lambda: devbox.names() == ["web"])
    with pytest.raises(NameConflict):
        devbox.client.workspaces.create("WEB", "/srv/other")
    session = laptop.client.sessions.begin(made.id)
    wait_until(lambda: bool(devbox.client.sessions.list()))
    with pytest.raises(ActiveSessions, match="laptop"):
        devbox.client.workspaces.delete(made.id)
    laptop.client.sessions.end(session.id)
    wait_until(lambda: not devbox.client.sessions.list())
    devbox.client.workspaces.delete(made.id)
    wait_until(lambda: laptop.names() == [])


def test_clients_of_both_write_while_a_daemon_and_a_member_are_killed(
    machines: list[Machine], cluster: Cluster
) -> None:
    is_over = threading.Event()
    numbers = count()
    made: list[Workspace] = []

    def write(machine: Machine) -> None:
        while not is_over.is_set():
            made.append(machine.client.workspaces.create(f"{machine.name}-{next(numbers)}", "/srv"))

    with ThreadPoolExecutor(len(machines)) as pool:
        tasks = [pool.submit(write, machine) for machine in machines]

        def wait_for_more() -> None:
            wanted = len(made) + 30
            wait_until(lambda: len(made) >= wanted or any(task.done() for task in tasks))

        wait_for_more()
        leader = cluster.leader()
        leader.kill()
        wait_for_more()
        machines[0].daemon.restart(signal.SIGKILL)
        wait_for_more()
        leader.start()
        is_over.set()
        for task in tasks:
            task.result()
    wait_until(lambda: are_equal(machines), "the machines do not come to the same list")
    assert machines[0].names() == sorted(workspace.name for workspace in made)
