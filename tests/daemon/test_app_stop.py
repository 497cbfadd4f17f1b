"""How the whole daemon stops: what is committed and answered by then, and what a disk does that hangs or fails."""

import signal
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.running import Running
from support.scripted_store import outcome_unknown
from support.serving import error_of, request
from support.waiting import until
from workspaced.app import DiskFails, DiskHangs
from workspaced.domain.projects import Unreached
from workspaced.host import path_checks
from workspaced.settings.model import Settings
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.contract import Commit
from workspaced.store.locked_directory import LockedDirectory
from workspaced_protocol.daemon_models import DaemonStatus
from workspaced_protocol.models import Workspace


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_was_answered_is_in_the_files_after_a_stop(
    running: Running,
    nursery: trio.Nursery,
    settings: Settings,
    logged: list[EventDict],
    number: signal.Signals,
) -> None:
    nursery.start_soon(running.run)
    client = await running.connect()
    await client.result("workspace.create", name="Alpha", rootPath="/src")
    status = msgspec.convert(await client.result("daemon.status"), DaemonStatus)
    assert status.data_dir == str(settings.data_dir)
    assert status.socket == str(settings.socket)
    assert status.recovery.outcome == "fresh"
    signal.raise_signal(number)
    await running.stopped.wait()
    assert await client.line() is None
    assert not await trio.Path(settings.socket).exists()
    with closing(create_json_store(settings.data_dir)) as store:
        assert [item.name for item in store.get_all()] == ["Alpha"]
        assert store.recovery.outcome == "clean"
    assert [entry["event"] for entry in logged] == ["Stopping.", "Stopped."]
    assert logged[0]["signal"] == number.name
    assert logged[1]["revision"] == 1


class HangingStore(JsonWorkspaceStore):
    """Its commits wait for the test once `hangs` is set."""

    hangs = False

    def __init__(self, data_dir: Path, *, home: LockedDirectory) -> None:
        super().__init__(data_dir, home=home)
        self.released = threading.Event()
        self.is_closed = False

    def commit(self, commit: Commit, /) -> None:
        if self.hangs:
            self.released.wait(30)
        super().commit(commit)

    def close(self) -> None:
        super().close()
        self.is_closed = True


@pytest.fixture
def hanging(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[HangingStore]:
    """The store of the daemon under test, once it has started; its commits hang from then on."""
    stores: list[HangingStore] = []

    def create(data_dir: Path, *, home: LockedDirectory) -> HangingStore:
        store = HangingStore(data_dir, home=home)
        store.hangs = True
        stores.append(store)
        return store

    monkeypatch.setattr("workspaced.store.kinds.JsonWorkspaceStore", create)
    return stores


async def test_a_stop_commits_and_answers_what_is_queued_and_takes_no_more(
    hanging: list[HangingStore], running: Running, nursery: trio.Nursery, settings: Settings
) -> None:
    nursery.start_soon(running.run)
    client, other = await running.connect(), await running.connect()
    for number in range(3):
        await client.send(request("workspace.create", number, {"name": f"W{number}", "rootPath": "/src"}))
        await wait_all_tasks_blocked()
    signal.raise_signal(signal.SIGTERM)
    await wait_all_tasks_blocked()
    assert await other.result("daemon.ping") == "pong"
    refusal = await other.refusal("workspace.create", name="Late", rootPath="/src")
    assert (refusal[0], refusal[2]) == (2005, {"kind": "shuttingDown"})
    with pytest.raises(OSError):
        await running.connect()
    hanging[0].released.set()
    assert {(await client.receive())["id"] for _ in range(3)} == {0, 1, 2}
    assert await client.line() is None
    assert await other.line() is None
    await running.stopped.wait()
    assert hanging[0].is_closed
    with closing(create_json_store(settings.data_dir)) as store:
        assert sorted(item.name for item in store.get_all()) == ["W0", "W1", "W2"]


async def run_until_it_hangs(running: Running, caught: list[DiskHangs]) -> None:
    """Runs the daemon, and keeps what ends it."""
    try:
        await running.run()
    except DiskHangs as error:
        caught.append(error)


async def test_a_stop_waits_ten_seconds_for_a_disk_that_hangs(
    hanging: list[HangingStore], running: Running, settings: Settings, mock_clock: MockClock
) -> None:
    caught: list[DiskHangs] = []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_until_it_hangs, running, caught)
        client = await running.connect()
        await client.request("workspace.create", name="A", rootPath="/src")
        await wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGTERM)
        await wait_all_tasks_blocked()
        mock_clock.jump(9.9)
        assert error_of(await client.receive())[0] == 2002
        await wait_all_tasks_blocked()
        assert caught == []
        mock_clock.jump(0.2)
        assert await client.line() is None
    assert len(caught) == 1
    assert str(settings.data_dir) in str(caught[0])
    assert "10 s" in str(caught[0])
    hanging[0].released.set()
    await until(lambda: hanging[0].state.revision == 1)
    hanging[0].close()


async def test_a_disk_that_hangs_while_it_tidies_is_told_as_it_is(
    running: Running, settings: Settings, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is done, and answered: nothing is to be said of it."""
    may_end = threading.Event()
    monkeypatch.setattr(JsonWorkspaceStore, "tidy", lambda _: may_end.wait(30))
    caught: list[DiskHangs] = []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_until_it_hangs, running, caught)
        client = await running.connect()
        await client.result("workspace.create", name="A", rootPath="/src")
        signal.raise_signal(signal.SIGTERM)
        await wait_all_tasks_blocked()
        mock_clock.jump(10.1)
        assert await client.line() is None
    may_end.set()
    assert str(settings.data_dir) in str(caught[0])
    assert "commit" not in str(caught[0])


class FailingStore(JsonWorkspaceStore):
    """Its commits write, and then fail, once `fails` is set."""

    fails = False

    def commit(self, commit: Commit, /) -> None:
        before = self.state
        super().commit(commit)
        if self.fails:
            self.state = before
            raise outcome_unknown()


class FailingSharedStore(FailingStore):
    """One whose data no disk of this machine holds."""

    @property
    def shares_sessions(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [FailingStore, FailingSharedStore])
@pytest.mark.parametrize("is_mended", [False, True])
async def test_a_stop_with_a_store_that_could_not_be_repaired_is_a_failure(
    running: Running,
    settings: Settings,
    logged: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
    is_mended: bool,
    kind: type[FailingStore],
) -> None:
    monkeypatch.setattr("workspaced.store.kinds.JsonWorkspaceStore", kind)
    caught: list[DiskFails] = []

    async def run() -> None:
        try:
            await running.run()
        except DiskFails as error:
            caught.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        client = await running.connect()
        with monkeypatch.context() as failing:
            failing.setattr(FailingStore, "fails", True)
            code, *_ = await client.refusal("workspace.create", name="A", rootPath="/src")
            assert code == 2002
            code, *_ = await client.refusal("workspace.create", name="B", rootPath="/src")  # not repaired yet
            assert code == 2003
            if not is_mended:
                signal.raise_signal(signal.SIGTERM)
                await running.stopped.wait()
        if is_mended:
            await until(lambda: any(entry["event"] == "The store accepts writes again." for entry in logged))
            signal.raise_signal(signal.SIGTERM)
    events = [entry["event"] for entry in logged]
    if is_mended:
        assert caught == []
        assert events[-1] == "Stopped."
        return
    assert outcome_unknown().message in str(caught[0])
    is_told_of_disk = str(settings.data_dir) in str(caught[0]) and "check the disk" in str(caught[0])
    assert is_told_of_disk is (kind is FailingStore)
    assert "Stopped." not in events
    create_json_store(settings.data_dir).close()  # the lock was given back


async def test_a_stop_refuses_what_waits_for_a_path_that_hangs_and_all_behind_it(
    running: Running, nursery: trio.Nursery, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, may_end = threading.Event(), threading.Event()

    def hang(path: str, resolve: bool) -> Unreached:
        looked.set()
        may_end.wait()
        return Unreached("missing", path)

    monkeypatch.setattr(path_checks, "look", hang)
    running.settings = replace(settings, path_check_seconds=60.0)  # far longer than a stop takes
    nursery.start_soon(running.run)
    client = await running.connect()
    created = await client.result("workspace.create", name="Alpha", rootPath="/src")
    id_ = msgspec.convert(created, Workspace).id
    await client.request("project.bind", workspaceId=id_, rootPath="/hang")
    await client.request("workspace.update", id=id_, name="Behind it")
    await until(looked.is_set)
    signal.raise_signal(signal.SIGTERM)
    with trio.fail_after(30):
        for _ in range(2):
            assert error_of(await client.receive())[0] == 2005
        assert await client.line() is None
        await running.stopped.wait()
    may_end.set()
    with closing(create_json_store(settings.data_dir)) as store:
        assert [item.name for item in store.get_all()] == ["Alpha"]
