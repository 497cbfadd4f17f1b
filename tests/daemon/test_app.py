"""The whole daemon in this process, on real files and a real socket: its start, its stop, and their order."""

import signal
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import trio
from structlog.typing import EventDict
from trio.testing import MockClock, wait_all_tasks_blocked

from daemon.samples import workspace
from daemon.serving import Client, error_of, request
from daemon.writing import until
from workspaced import app, path_checks
from workspaced.app import DiskHangs
from workspaced.config import BadConfiguration, Settings
from workspaced.domain.projects import Unreached
from workspaced.domain.state import State
from workspaced.rpc.listener import SocketUnusable
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.lock import LockHeld
from workspaced_protocol.models import Change, DaemonStatus, Workspace


@pytest.fixture
def settings(tmp_path: Path, socket_dir: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path / "data", "socket": socket_dir / "x.sock"})


class Running:
    """`app.run`, and clients of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = trio.Event()
        self.load: Callable[[], Settings] = lambda: self.settings
        self._ready = trio.Event()
        self._clients: list[Client] = []

    async def run(self) -> None:
        try:
            await app.run(self.settings, lambda _: self._ready.set(), lambda: self.load())
        finally:
            self.stopped.set()

    async def connect(self) -> Client:
        await self._ready.wait()
        connected = trio.socket.socket(trio.socket.AF_UNIX)
        self._clients.append(Client(connected))
        await connected.connect(str(self.settings.socket))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Not started yet."""
    running = Running(settings)
    yield running
    running.close()


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

    def __init__(self, data_dir: Path, *, socket: str) -> None:
        super().__init__(data_dir, socket=socket)
        self.released = threading.Event()
        self.is_closed = False

    def commit(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        if self.hangs:
            self.released.wait(30)
        super().commit(state, changes, keeps_previous)

    def close(self) -> None:
        super().close()
        self.is_closed = True


@pytest.fixture
def hanging(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[HangingStore]:
    """The store of the daemon under test, once it has started; its commits hang from then on."""
    stores: list[HangingStore] = []

    def create(data_dir: Path, *, socket: str) -> HangingStore:
        store = HangingStore(data_dir, socket=socket)
        store.hangs = True
        stores.append(store)
        return store

    monkeypatch.setattr("workspaced.app.create_json_store", create)
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


async def test_a_stop_waits_ten_seconds_for_a_disk_that_hangs(
    hanging: list[HangingStore], running: Running, settings: Settings, mock_clock: MockClock
) -> None:
    caught: list[DiskHangs] = []

    async def run() -> None:
        try:
            await running.run()
        except DiskHangs as error:
            caught.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
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


async def test_a_directory_that_is_owned_and_a_socket_that_is_taken_stop_the_start(
    settings: Settings,
) -> None:
    with closing(create_json_store(settings.data_dir)), pytest.raises(LockHeld):
        await app.run(settings, _never, lambda: settings)
    await trio.Path(settings.socket).write_text("a file")
    with pytest.raises(SocketUnusable):
        await app.run(settings, _never, lambda: settings)
    create_json_store(settings.data_dir).close()  # the lock was given back


def _never(_: Path) -> None:
    raise AssertionError("It is not ready.")


@pytest.mark.requirement("FR-006", "FR-007")
@pytest.mark.parametrize(
    ("damaged", "outcome", "level", "names"),
    [
        (["workspaces.json"], "recovered", "warning", ["Workspace 1"]),
        (["workspaces.json", "workspaces.snapshot.json"], "dataLoss", "error", []),
    ],
)
async def test_a_recovery_is_told_in_the_log_and_in_the_status(
    running: Running,
    settings: Settings,
    nursery: trio.Nursery,
    logged: list[EventDict],
    damaged: list[str],
    outcome: str,
    level: str,
    names: list[str],
) -> None:
    with closing(create_json_store(settings.data_dir)) as store:
        store.save(workspace(1))
    for name in damaged:
        await trio.Path(settings.data_dir / name).write_text("{")
    nursery.start_soon(running.run)
    client = await running.connect()
    status = msgspec.convert(await client.result("daemon.status"), DaemonStatus)
    assert (status.recovery.outcome, status.recovery.acknowledged) == (outcome, False)
    assert len(status.recovery.quarantined) == len(damaged)
    everything = await client.result("store.getAll")
    assert isinstance(everything, list)
    assert [item["name"] for item in everything] == names
    told = [entry for entry in logged if "reason" in entry]
    assert [entry["log_level"] for entry in told] == [level]
    assert told[0]["kept"] == status.recovery.quarantined
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()


async def test_the_line_limit_is_the_configured_one(running: Running, nursery: trio.Nursery) -> None:
    running.settings = running.settings.model_copy(update={"max_line_bytes": 1024})
    nursery.start_soon(running.run)
    client = await running.connect()
    await client.send(b"x" * 1025)
    assert "1,024" in error_of(await client.receive())[1]
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()


async def test_a_hangup_has_the_settings_followed_by_what_comes_after_it(
    running: Running, nursery: trio.Nursery, logged: list[EventDict]
) -> None:
    def reports() -> list[EventDict]:
        return [entry for entry in logged if entry["event"] == "The configuration was read again."]

    nursery.start_soon(running.run)
    client = await running.connect()
    signal.raise_signal(signal.SIGHUP)
    await until(lambda: bool(reports()))
    assert reports()[0]["changed"] == {}
    changed = {"max_line_bytes": 1024, "log_level": "debug"}
    wanted = running.settings.model_copy(update={**changed, "data_dir": Path("/elsewhere")})
    running.load = lambda: wanted
    signal.raise_signal(signal.SIGHUP)
    await until(lambda: len(reports()) == 2)
    assert reports()[1]["changed"] == changed
    (warning,) = [entry for entry in logged if entry["log_level"] == "warning"]
    assert (warning["setting"], warning["wanted"]) == ("data_dir", "/elsewhere")
    status = msgspec.convert(await client.result("daemon.status"), DaemonStatus)
    assert status.data_dir == str(running.settings.data_dir)
    assert logged[-1]["event"] == "A request was answered."
    later = await running.connect()  # the first one keeps the limit that it began with
    await later.send(b"x" * 1025)
    assert "1,024" in error_of(await later.receive())[1]
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()


@pytest.mark.parametrize("kind", [BadConfiguration, ZeroDivisionError])
async def test_a_hangup_with_wrong_settings_changes_nothing(
    running: Running, nursery: trio.Nursery, logged: list[EventDict], kind: type[Exception]
) -> None:
    """Nor does a defect in how they are read."""

    def load() -> Settings:
        raise kind("`colour` in c.toml: there is no such setting.")

    running.load = load
    nursery.start_soon(running.run)
    client = await running.connect()
    signal.raise_signal(signal.SIGHUP)
    await until(lambda: len(logged) == 1)
    assert logged[0]["log_level"] == "error"
    assert "`colour` in c.toml" in logged[0]["reason"] if kind is BadConfiguration else logged[0]["exc_info"]
    assert await client.result("daemon.ping") == "pong"
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()


async def test_a_configuration_that_hangs_is_given_up_after_ten_seconds(
    running: Running, nursery: trio.Nursery, logged: list[EventDict], mock_clock: MockClock
) -> None:
    is_over = threading.Event()

    def load() -> Settings:
        is_over.wait(60)
        return running.settings

    running.load = load
    nursery.start_soon(running.run)
    client = await running.connect()
    signal.raise_signal(signal.SIGHUP)
    await wait_all_tasks_blocked()
    assert await client.result("daemon.ping") == "pong"
    mock_clock.jump(9.9)
    await wait_all_tasks_blocked()
    assert logged == []
    mock_clock.jump(0.2)
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()
    is_over.set()
    assert [entry["event"] for entry in logged[1:]] == ["Stopping.", "Stopped."]
    assert logged[0]["log_level"] == "error"
    assert "10 s" in logged[0]["event"]


async def test_a_stop_refuses_what_waits_for_a_path_that_hangs_and_all_behind_it(
    running: Running, nursery: trio.Nursery, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, may_end = threading.Event(), threading.Event()

    def hang(path: str, resolve: bool) -> Unreached:
        looked.set()
        may_end.wait()
        return Unreached("missing", path)

    monkeypatch.setattr(path_checks, "look", hang)
    running.settings = settings.model_copy(
        update={"path_check_seconds": 60.0}
    )  # far longer than a stop takes
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
