"""Two machines on a cluster of three members of etcd, whose members are killed, hang, are cut off, and come back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from faults.etcd_machines import LIMIT_SECONDS, come_to_rest, machines_under_load, must_hold, wait_for_answers
from support.etcd import Cluster, Member, etcd_cluster, needs_etcd, port_of
from support.proxy import Proxy
from support.share import one_of
from support.strace import injected, needs_strace
from support.waiting import eventually
from support.writing import begin
from workspaced.domain import workspaces
from workspaced.domain.errors import ActiveSessions
from workspaced.store.etcd import keeping, leases, sending
from workspaced_protocol.models import Session

pytestmark = needs_etcd

QUICK = ("--heartbeat-interval", "50", "--election-timeout", "500")
"""A new leader comes after half a second to one, in place of one to two."""

Fault = Callable[[Cluster], Callable[[], object]]
"""Does something to a cluster; returns what mends it."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster(3, arguments=QUICK, has_proxies=True) as made:
        yield made


def kill(cluster: Cluster, member: Member) -> Callable[[], object]:
    member.kill()
    return member.start


def hang(cluster: Cluster, member: Member) -> Callable[[], object]:
    member.pause()
    return member.resume


def cut_off(cluster: Cluster, member: Member) -> Callable[[], object]:
    cluster.cut_off(member)
    return cluster.join


def slow_disk(cluster: Cluster, member: Member) -> Callable[[], object]:
    """Each sync takes half as long as a request may: some answers come too late."""
    stack = ExitStack()
    stack.enter_context(
        injected(member.pid, "fdatasync,fsync", f"delay_enter={int(LIMIT_SECONDS / 2 * 1e6)}")
    )
    return stack.close


MEMBER_FAULTS = {"killed": kill, "hangs": hang, "cut off": cut_off, "slow disk": slow_disk}

DUE = one_of(["slow disk of the leader", "all hang"], 0)
"""What not each run tries: it takes some seconds."""

OF_LEADER = [
    *("killed", "hangs", "cut off"),
    *(pytest.param("slow disk", marks=needs_strace) for each in DUE if each == "slow disk of the leader"),
]
OF_ALL = ["killed", *("hangs" for each in DUE if each == "all hang")]


def all_at_once(
    cluster: Cluster, fault: Callable[[Cluster, Member], Callable[[], object]]
) -> Callable[[], object]:
    mends = [fault(cluster, member) for member in cluster.members]

    def mend() -> None:
        for each in mends:
            each()

    return mend


@pytest.mark.parametrize("fault", OF_LEADER)
async def test_with_its_leader_in_trouble_a_cluster_goes_on_and_no_answered_write_is_lost(
    cluster: Cluster, tmp_path: Path, fault: str
) -> None:
    leader = await trio.to_thread.run_sync(cluster.leader)
    ways = [[leader.endpoint, *cluster.endpoints], [*cluster.endpoints]]
    async with machines_under_load(ways, tmp_path) as machines:
        await wait_for_answers(machines, 10)
        mend = await trio.to_thread.run_sync(MEMBER_FAULTS[fault], cluster, leader)
        await wait_for_answers(machines, 2 if fault == "slow disk" else 20)
        await trio.to_thread.run_sync(mend)
        await wait_for_answers(machines, 10)
        await come_to_rest(machines)
        must_hold(machines)
        for machine in machines:
            check = await trio.to_thread.run_sync(machine.store.check)
            assert check.primary == type(check.primary)(corrupted=False)
    await trio.to_thread.run_sync(cluster.leader)


@pytest.mark.parametrize("fault", OF_ALL)
async def test_without_a_quorum_reads_go_on_and_the_store_recovers_by_itself(
    cluster: Cluster, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_OUTAGE_AFTER_SECONDS", 0.5)  # in place of 3
    monkeypatch.setattr(sending, "_PATIENCE_SECONDS", 0.5)
    async with machines_under_load([cluster.endpoints] * 2, tmp_path) as machines:
        await wait_for_answers(machines, 10)
        mend = await trio.to_thread.run_sync(all_at_once, cluster, MEMBER_FAULTS[fault])
        statuses = [machine.desk.writer for machine in machines]
        await eventually(lambda: all(writer.status.state != "ok" for writer in statuses))
        for machine in machines:
            assert machine.answered <= {*machine.names}, "reads go on"
            assert machine.desk.writer.status.since is not None
            assert machine.desk.writer.status.last_error
        await trio.to_thread.run_sync(mend)
        await wait_for_answers(machines, 10)
        await eventually(lambda: all(writer.status.state == "ok" for writer in statuses))
        assert all(writer.status.since is None for writer in statuses)
        await come_to_rest(machines)
        must_hold(machines)


async def test_the_sessions_of_a_machine_that_was_cut_off_end_by_their_lease(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the other machines, where they keep a workspace from being deleted until then, and on its own."""
    monkeypatch.setattr(leases, "SESSION_SECONDS", 3)  # in place of 15
    monkeypatch.setattr(leases, "_KEEP_ALIVE_SECONDS", 0.5)
    port = port_of(cluster.endpoints[0])
    with Proxy(port) as proxy:
        ways = [[proxy.endpoint], cluster.endpoints]
        async with machines_under_load(ways, tmp_path, tasks=0) as (away, here):
            assert isinstance(await away.desk.submit(begin("ss_1", "ws_register0", 1)).result(), Session)
            await eventually(lambda: "ss_1" in here.desk.writer.state.sessions)
            proxy.mode = "hang"
            delete = workspaces.delete("ws_register0", None)
            await here.desk.submit(delete).refusal(ActiveSessions)
            await eventually(lambda: "ss_1" not in here.desk.writer.state.sessions)
            assert await here.desk.submit(delete).result() is None
            await eventually(lambda: "ss_1" not in away.desk.writer.state.sessions)
            proxy.mode = "pass"
            await come_to_rest([away, here])
            assert away.names == here.names == ["register1", "register2"]
