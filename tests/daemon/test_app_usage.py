"""The file of uses of a whole daemon: when it is written, and that nothing about it holds up a start or a stop."""

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.running import Running
from support.serving import Client
from support.waiting import until
from workspaced.domain.frecency import Use
from workspaced.service.usage import WRITE_SECONDS, Usage
from workspaced.settings.model import Settings
from workspaced.store.usage_file import UsageFile


async def create(client: Client) -> str:
    return str((await client.result("workspace.create", name="A", rootPath="/a"))["id"])


async def touch(client: Client, id_: str, times: int = 1) -> None:
    for _ in range(times):
        await client.result("workspace.touch", id=id_)


async def score(client: Client) -> float:
    (told,) = await client.result("workspace.usage")
    return round(float(told["score"]), 3)


async def stop(running: Running) -> None:
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()


def content(settings: Settings) -> Any:
    return json.loads((settings.data_dir / "usage.json").read_bytes())


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Use]]:
    """What was written to the file, each time; it has been renamed by then."""
    made: list[dict[str, Use]] = []
    write = UsageFile.write

    def counted(self: UsageFile, uses: Mapping[str, Use]) -> None:
        write(self, uses)
        made.append(dict(uses))

    monkeypatch.setattr(UsageFile, "write", counted)
    return made


async def test_uses_outlast_a_stop(running: Running, nursery: trio.Nursery, settings: Settings) -> None:
    nursery.start_soon(running.run)
    client = await running.connect()
    id_ = await create(client)
    await touch(client, id_, 3)
    await stop(running)
    assert content(settings)["workspaces"][id_]["score"] == pytest.approx(3, abs=0.001)
    assert not [name for name in os.listdir(settings.data_dir) if name.endswith(".tmp")]
    again = Running(settings)
    nursery.start_soon(again.run)
    client = await again.connect()
    assert await score(client) == 3
    await stop(again)
    again.close()


async def test_the_file_is_written_at_most_once_a_minute_and_at_a_stop(
    running: Running, nursery: trio.Nursery, mock_clock: MockClock, writes: list[dict[str, Use]]
) -> None:
    nursery.start_soon(running.run)
    client = await running.connect()
    id_ = await create(client)
    await touch(client, id_)
    await until(lambda: len(writes) == 1)
    for _ in range(3):
        await touch(client, id_, 10)
        mock_clock.jump(WRITE_SECONDS / 4)
        await wait_all_tasks_blocked()
    assert len(writes) == 1
    for count in (2, 2, 3):
        if count == 3:
            await touch(client, id_)
        for _ in range(3):  # minutes: the pause begins when the thread is back
            await wait_all_tasks_blocked()
            mock_clock.jump(WRITE_SECONDS + 1)
        await until(lambda count=count: len(writes) >= count)  # type: ignore[misc]  # mypy does not know its type
        await wait_all_tasks_blocked()
        assert len(writes) == count  # in the second three minutes there was no use
    await touch(client, id_)
    await stop(running)
    assert [round(each[id_].score) for each in writes] == [1, 31, 32, 33]


async def test_a_stop_without_uses_writes_nothing(
    running: Running, nursery: trio.Nursery, settings: Settings, writes: list[dict[str, Use]]
) -> None:
    nursery.start_soon(running.run)
    client = await running.connect()
    await create(client)
    await stop(running)
    assert writes == []
    assert not (settings.data_dir / "usage.json").exists()


async def test_damage_is_one_line_of_the_log_and_ends_with_the_next_write(
    running: Running, nursery: trio.Nursery, settings: Settings, logged: list[EventDict]
) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "usage.json").write_bytes(b'{"version":1,"worksp')
    nursery.start_soon(running.run)
    client = await running.connect()
    id_ = await create(client)
    assert await client.result("workspace.usage") == []
    await touch(client, id_)
    await stop(running)
    assert [entry["event"] for entry in logged] == ["The times of use start over.", "Stopping.", "Stopped."]
    assert list(content(settings)["workspaces"]) == [id_]


async def test_a_file_that_can_never_be_written_is_told_once_and_ends_no_stop(
    running: Running,
    nursery: trio.Nursery,
    settings: Settings,
    logged: list[EventDict],
    mock_clock: MockClock,
) -> None:
    (settings.data_dir / "usage.json/x").mkdir(parents=True)
    nursery.start_soon(running.run)
    client = await running.connect()
    id_ = await create(client)
    await touch(client, id_)
    await until(lambda: len(logged) == 2)
    for _ in range(3):
        await wait_all_tasks_blocked()
        mock_clock.jump(WRITE_SECONDS + 1)
    assert await score(client) == 1
    await stop(running)
    assert [entry["event"] for entry in logged] == [
        "The times of use start over.",
        "The times of use could not be written.",
        "Stopping.",
        "Stopped.",
    ]
    assert not [name for name in os.listdir(settings.data_dir) if name.endswith(".tmp")]


class HangingDisk:
    """The writes of the file hang from a number on, until the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hangs_from = 0
        self.writes = 0
        self.saves = 0
        """Those that have been begun, also by a stop."""
        self.may_end = threading.Event()
        save = Usage.save

        def write(_self: UsageFile, _uses: Mapping[str, Use]) -> None:
            self.writes += 1
            if self.writes > self.hangs_from:
                self.may_end.wait(30)

        async def counted(usage: Usage) -> None:
            self.saves += 1
            await save(usage)

        monkeypatch.setattr(UsageFile, "write", write)
        monkeypatch.setattr(Usage, "save", counted)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    disk = HangingDisk(monkeypatch)
    yield disk
    disk.may_end.set()


@pytest.mark.parametrize("before", [0, 1], ids=["hanging since before the stop", "hanging at the stop"])
async def test_a_disk_that_hangs_at_the_file_delays_a_stop_by_ten_seconds_at_most(
    running: Running,
    nursery: trio.Nursery,
    mock_clock: MockClock,
    disk: HangingDisk,
    logged: list[EventDict],
    before: int,
) -> None:
    disk.hangs_from = before
    nursery.start_soon(running.run)
    client = await running.connect()
    id_ = await create(client)
    await touch(client, id_)
    await until(lambda: disk.writes == 1)
    await touch(client, id_)
    assert round(await score(client)) == 2
    signal.raise_signal(signal.SIGTERM)
    await until(lambda: disk.saves == 2)  # the writes of workspaces are done by then
    await until(lambda: disk.writes == before + 1)
    await wait_all_tasks_blocked()
    mock_clock.jump(9.9)
    await wait_all_tasks_blocked()
    assert not running.stopped.is_set()
    mock_clock.jump(0.2)
    await running.stopped.wait()
    assert [entry["event"] for entry in logged] == ["Stopping.", "Stopped."]
