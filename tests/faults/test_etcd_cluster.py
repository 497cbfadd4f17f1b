"""Two machines on a cluster of three members of etcd, whose members are killed, hang, are cut off, and come back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from faults.etcd_machines import come_to_rest, machines_under_load, must_hold, wait_for_answers
from support.etcd import Cluster, Member, etcd_cluster, needs_etcd
from support.waiting import eventually

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


MEMBER_FAULTS = {"killed": kill, "hangs": hang, "cut off": cut_off}


def all_at_once(
    cluster: Cluster, fault: Callable[[Cluster, Member], Callable[[], object]]
) -> Callable[[], object]:
    mends = [fault(cluster, member) for member in cluster.members]

    def mend() -> None:
        for each in mends:
            each()

    return mend


@pytest.mark.parametrize("fault", MEMBER_FAULTS)
async def test_without_its_leader_a_cluster_goes_on_and_no_answered_write_is_lost(
    cluster: Cluster, tmp_path: Path, fault: str
) -> None:
    leader = await trio.to_thread.run_sync(cluster.leader)
    ways = [[leader.endpoint, *cluster.endpoints], [*cluster.endpoints]]
    async with machines_under_load(ways, tmp_path) as machines:
        await wait_for_answers(machines, 10)
        mend = await trio.to_thread.run_sync(MEMBER_FAULTS[fault], cluster, leader)
        await wait_for_answers(machines, 20)
        await trio.to_thread.run_sync(mend)
        await wait_for_answers(machines, 10)
        await come_to_rest(machines)
        must_hold(machines)
        for machine in machines:
            check = await trio.to_thread.run_sync(machine.store.check)
            assert check.primary == type(check.primary)(corrupted=False)
    await trio.to_thread.run_sync(cluster.leader)


@pytest.mark.parametrize("fault", ["killed", "hangs"])
async def test_without_a_quorum_reads_go_on_and_the_store_recovers_by_itself(
    cluster: Cluster, tmp_path: Path, fault: str
) -> None:
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
