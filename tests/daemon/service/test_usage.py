"""`workspace.touch` and `workspace.usage`, lists by use, and the operations that count as a use."""

import os
from pathlib import Path
from typing import Any

import pytest

from support.samples import workspace
from support.serving import Client, Daemon, Serve, ids
from workspaced.domain.frecency import HALF_LIFE_MS, Use
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.service import usage as service
from workspaced.service.usage import Usage
from workspaced.store import InMemoryWorkspaceStore
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p

DAY_MS = 24 * 60 * 60 * 1000


class WallClock:
    """The clock of uses and of events, in the test's hand."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(service, "now_ms", clock)
    monkeypatch.setattr("workspaced.events.now_ms", clock)
    monkeypatch.setattr("workspaced.writer.batch.now_ms", clock)
    return clock


async def usage(client: Client) -> list[tuple[str, int, float]]:
    """Each use as a tuple, with the score rounded."""
    told: list[dict[str, Any]] = await client.result("workspace.usage")
    assert [each["score"] for each in told] == sorted((each["score"] for each in told), reverse=True)
    return [(each["workspaceId"], each["lastUsedAt"], round(each["score"], 3)) for each in told]


async def test_uses_count_and_fade_and_the_highest_score_comes_first(
    client: Client, clock: WallClock
) -> None:
    assert await usage(client) == []
    first = clock.ms
    assert await client.result("workspace.touch", id="ws_02") is None
    clock.ms += HALF_LIFE_MS
    await client.result("workspace.touch", id="ws_01")
    assert await usage(client) == [("ws_01", clock.ms, 1.0), ("ws_02", first, 0.5)]
    for _ in range(2):
        await client.result("workspace.touch", id="ws_02")
    assert await usage(client) == [("ws_02", clock.ms, 2.5), ("ws_01", clock.ms, 1.0)]


async def test_equal_uses_have_equal_scores_though_one_was_asked_for_between(
    client: Client, clock: WallClock
) -> None:
    for _ in range(3):
        clock.ms += 12_345_678
        for id_ in ("ws_02", "ws_01"):
            await client.result("workspace.touch", id=id_)
            await usage(client)
    (one, at, score), (other, other_at, other_score) = await usage(client)
    assert (one, other) == ("ws_01", "ws_02")  # the last used comes first
    assert (at, score) == (other_at, other_score)


async def test_a_use_changes_nothing(daemon: Daemon, client: Client) -> None:
    await client.result("events.subscribe")
    before = daemon.writer.state
    await client.result("workspace.touch", id="ws_01")
    assert daemon.writer.state is before
    assert daemon.writer.submitted == 0
    assert (await client.result("daemon.status"))["commits"]["count"] == 0
    assert client.notifications == []


async def test_beside_a_store_in_memory_nothing_is_written(
    daemon: Daemon, client: Client, tmp_path: Path
) -> None:
    await client.result("workspace.touch", id="ws_01")
    await daemon.usage.save()
    await daemon.usage.keep()  # ends at once
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("id_", ["ws_none", "", "Alpha"])
async def test_an_unknown_workspace_is_refused(client: Client, id_: str) -> None:
    code, _, data = await client.refusal("workspace.touch", id=id_)
    assert (code, data) == (1001, {"kind": "notFound", "id": id_})
    assert await usage(client) == []


async def test_an_open_and_a_session_that_succeed_count_as_uses(client: Client, clock: WallClock) -> None:
    for method, params in (
        ("workspace.open", {"id": "ws_01"}),  # it is active
        ("session.begin", {"workspaceId": "ws_02"}),  # it is closed
        ("workspace.get", {"id": "ws_01"}),
        ("workspace.resolve", {"path": "/src"}),
        ("workspace.update", {"id": "ws_01", "name": "Other"}),
        ("project.check", {"workspaceId": "ws_01"}),
    ):
        await client.answer(await client.request(method, **params))
    assert await usage(client) == []
    session = await client.result("session.begin", workspaceId="ws_01")
    await client.result("session.end", id=session["id"])
    assert await usage(client) == [("ws_01", clock.ms, 1.0)]
    await client.result("workspace.open", id="ws_02", requestKey="k")
    await client.result("workspace.open", id="ws_02", requestKey="k")
    assert sorted(await usage(client)) == [("ws_01", clock.ms, 1.0), ("ws_02", clock.ms, 1.0)]


async def test_a_workspace_that_is_gone_is_not_told_nor_remembered(client: Client, clock: WallClock) -> None:
    made = await client.result("workspace.create", name="A", rootPath="/a")
    for id_ in (made["id"], "ws_01", "ws_03"):  # ws_03 is kept as deleted
        await client.result("workspace.touch", id=id_)
    assert {id_ for id_, *_ in await usage(client)} == {made["id"], "ws_01"}
    await client.result("workspace.delete", id=made["id"])
    assert await usage(client) == [("ws_01", clock.ms, 1.0)]
    await client.result("store.save", workspace=made)
    assert await usage(client) == [("ws_01", clock.ms, 1.0)]


async def test_lists_by_use_and_by_name(serve: Serve, clock: WallClock) -> None:
    store = InMemoryWorkspaceStore()
    names = ["delta", "Alpha", "éclair", "Charlie", "bravo"]
    store.state = State.of(
        workspace(number, name=name, state="closed" if number == 4 else "active")
        for number, name in enumerate(names, start=1)
    )
    client = (await serve(store)).connect()
    created = ["ws_01", "ws_02", "ws_03", "ws_04", "ws_05"]
    for sort in (None, "created", "recent"):
        assert ids(await client.result("workspace.list", sort=sort)) == created
    assert ids(await client.result("workspace.list", sort="name")) == [
        "ws_02",
        "ws_05",
        "ws_04",
        "ws_01",
        "ws_03",
    ]
    for id_ in ("ws_03", "ws_04", "ws_02", "ws_04", "ws_03"):
        clock.ms += 1000
        await client.result("workspace.touch", id=id_)
    by_use = ["ws_03", "ws_04", "ws_02", "ws_01", "ws_05"]
    assert ids(await client.result("workspace.list", sort="recent")) == by_use
    assert ids(await client.result("workspace.list", state="active", sort="recent")) == [
        id_ for id_ in by_use if id_ != "ws_04"
    ]
    assert ids(await client.result("workspace.list")) == created


@pytest.mark.parametrize("sort", ["newest", "Name", "", 1, ["name"]])
async def test_a_list_takes_only_its_orders(client: Client, sort: object) -> None:
    code, _, data = await client.refusal("workspace.list", sort=sort)
    assert (code, data["path"]) == (-32602, "sort")


@pytest.mark.parametrize("years", [75, -50, 1], ids=["far ahead", "at its epoch", "a year ahead"])
async def test_a_clock_that_was_wrong_for_a_while_does_no_harm(
    client: Client, clock: WallClock, years: int
) -> None:
    right = clock.ms
    beta = (await client.result("workspace.create", name="B", rootPath="/b"))["id"]
    for id_ in ("ws_01", "ws_02", "ws_01"):
        await client.result("workspace.touch", id=id_)
    before = await usage(client)
    clock.ms = right + years * 365 * DAY_MS
    assert [at <= clock.ms for _, at, _ in await usage(client)] == [True, True]
    assert ids(await client.result("workspace.list", sort="recent"))[:2] == ["ws_01", "ws_02"]
    await client.result("workspace.touch", id=beta)
    assert ids(await client.result("workspace.list", sort="recent"))[:3] == [beta, "ws_01", "ws_02"]
    assert (await usage(client))[0] == (beta, clock.ms, 1.0)
    clock.ms = right
    told = await usage(client)
    assert told[:2] == before
    assert told[2][0] == beta
    assert told[2][1] <= right
    await client.result("workspace.touch", id="ws_02")
    await client.result("workspace.touch", id=beta)
    assert ids(await client.result("workspace.list", sort="recent"))[:3] == [beta, "ws_02", "ws_01"]
    assert sorted(await usage(client)) == sorted(
        [("ws_01", right, 2.0), ("ws_02", right, 2.0), (beta, right, 1.0)]
    )


async def test_uses_of_the_file_go_on_in_their_order_and_those_of_unknown_workspaces_are_left_out(
    clock: WallClock,
) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of([workspace(1), workspace(2)])
    hub = EventHub()
    writer = Writer(store, hub)
    uses = {"ws_01": Use(2**53 - 1, 4.0), "ws_gone": Use(clock.ms, 9.0), "ws_02": Use(clock.ms, 1.0)}
    kept = Usage(writer, hub, None, uses)
    assert [each.workspace.id for each in kept.by_last_use(writer.state)] == ["ws_02", "ws_01"]
    kept.touch(p.TouchParams("ws_01"), None)  # type: ignore[arg-type]  # it looks at no client
    assert [each.workspace.id for each in kept.by_last_use(writer.state)] == ["ws_01", "ws_02"]
    assert b"ws_gone" not in kept.usage(p.NoParams(), None)  # type: ignore[arg-type]  # nor this
