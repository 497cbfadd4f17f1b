"""Many clients write at once: nothing is lost, and revisions are given one by one."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.conftest import Connect, NewName
from support.daemon_process import Home
from support.documents import verified, without_revision, workspace_json
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS


def save_in_parallel(
    connections: list[RawConnection], workspaces: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Deal the saves to the connections, which all start at one moment; return the answers."""
    together = threading.Barrier(len(connections))

    def save(number: int) -> list[dict[str, Any]]:
        together.wait(30)
        return [
            connections[number].call("store.save", workspace=each)
            for each in workspaces[number :: len(connections)]
        ]

    with ThreadPoolExecutor(len(connections)) as pool:
        return [saved for part in pool.map(save, range(len(connections))) for saved in part]


@pytest.mark.requirement("FR-005", "T014", "T015")
@pytest.mark.parametrize(("saves", "clients"), [(10, 10), (200, 10), (200, 50)])
def test_parallel_saves_lose_nothing(
    connect: Connect, shared_home: Home, new_name: NewName, saves: int, clients: int
) -> None:
    connections = [connect() for _ in range(clients)]
    before = connections[0].revision()
    workspaces: list[dict[str, Any]] = []
    for number in range(saves):
        each = workspace_json(number, 2, id=f"ws_{saves}_{clients}_{number}", name=new_name())
        for binding in each["projects"]:
            binding["workspaceId"] = each["id"]
        workspaces.append(each)
    random.Random(saves * clients).shuffle(workspaces)
    answered = save_in_parallel(connections, workspaces)
    assert sorted(each["revision"] for each in answered) == list(range(before + 1, before + saves + 1))
    assert sorted(without_revision(answered), key=by_id) == sorted(without_revision(workspaces), key=by_id)
    ours = {each["id"] for each in workspaces}
    for stored in (
        connections[0].call("store.getAll"),
        verified(shared_home.primary)["workspaces"],
        verified(shared_home.snapshot)["workspaces"],
    ):
        assert sorted([each for each in stored if each["id"] in ours], key=by_id) == sorted(
            answered, key=by_id
        )


def by_id(each: dict[str, Any]) -> str:
    return str(each["id"])


@pytest.mark.requirement("T014")
def test_parallel_updates_of_one_workspace_with_if_revision_lose_nothing(
    connect: Connect, new_name: NewName
) -> None:
    """Each client counts on in the path, as long as nobody came between: so no step may be lost or made twice."""
    clients, steps = 8, 10
    connections = [connect() for _ in range(clients)]
    workspace_id = connections[0].create(new_name(), "/0")["id"]

    def count_on(connection: RawConnection) -> None:
        done = 0
        until = time.monotonic() + PATIENCE_SECONDS
        while done < steps:
            assert time.monotonic() < until, "nobody gets on"
            now = connection.call("workspace.get", id=workspace_id)
            answer = connection.answer(
                connection.request(
                    "workspace.update",
                    id=workspace_id,
                    rootPath=f"/{int(now['rootPath'][1:]) + 1}",
                    ifRevision=now["revision"],
                )
            )
            assert "result" in answer or answer["error"]["code"] == 1005
            done += "result" in answer

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(count_on, connections))
    assert connections[0].call("workspace.get", id=workspace_id)["rootPath"] == f"/{clients * steps}"


@pytest.mark.requirement("T014")
def test_mixed_writes_from_many_clients_end_in_what_was_answered(connect: Connect, new_name: NewName) -> None:
    chance = random.Random(14)
    connections = [connect() for _ in range(10)]
    plans = [
        [chance.choice(("close", "open", "update", "save", "remove")) for _ in range(20)] for _ in connections
    ]

    def follow(connection: RawConnection, plan: list[str]) -> tuple[str, dict[str, Any] | None]:
        now: dict[str, Any] | None = connection.create(new_name())
        assert now is not None
        workspace_id = str(now["id"])
        given = now
        for step, method in enumerate(plan):
            if method == "save":
                given = {**given, "rootPath": f"/srv/{step}"}
                now = connection.call("store.save", workspace=given)
            elif method == "remove":
                now = connection.call("store.remove", id=workspace_id)
            else:
                more = {"rootPath": f"/srv/{step}"} if method == "update" else {}
                answer = connection.answer(connection.request(f"workspace.{method}", id=workspace_id, **more))
                now = answer.get("result", now)
        return workspace_id, now

    with ThreadPoolExecutor(len(connections)) as pool:
        ends = dict(pool.map(follow, connections, plans))
    for workspace_id, end in ends.items():
        assert connections[0].call("store.getById", id=workspace_id) == end


@pytest.mark.requirement("T014")
def test_reads_are_answered_while_others_write(connect: Connect, new_name: NewName) -> None:
    reader, writer = connect(), connect()
    kept = reader.create(new_name())
    writes = [writer.request("workspace.create", name=new_name(), rootPath="/w") for _ in range(300)]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writer.answers, writes)
        reads = [reader.call("workspace.get", id=kept["id"]) for _ in range(300)]
        assert all("result" in answer for answer in writing.result().values())
    assert reads == [kept] * 300
