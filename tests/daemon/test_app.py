"""The whole daemon in this process, on real files and a real socket: its start, and what it follows."""

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
from support.samples import workspace
from support.serving import error_of
from support.waiting import until
from workspaced import app
from workspaced.rpc.socket_file import SocketUnusable
from workspaced.settings.loading import BadConfiguration
from workspaced.settings.model import Settings
from workspaced.store import create_json_store
from workspaced.store.lock import LockHeld
from workspaced_protocol.daemon_models import DaemonStatus


async def test_a_directory_that_is_owned_and_a_socket_that_is_taken_stop_the_start(
    settings: Settings,
) -> None:
    with closing(create_json_store(settings.data_dir)), pytest.raises(LockHeld):
        await app.run(settings, _never, lambda: settings)
    await trio.Path(settings.socket).write_text("a file")
    with pytest.raises(SocketUnusable):
        await app.run(settings, _never, lambda: settings)
    create_json_store(settings.data_dir).close()  # the lock was given back


def _never(_: object) -> None:
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
    running.settings = replace(running.settings, max_line_bytes=1024)
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
        return [entry for entry in logged if entry["event"] == "The configuration was reloaded."]

    nursery.start_soon(running.run)
    client = await running.connect()
    signal.raise_signal(signal.SIGHUP)
    await until(lambda: bool(reports()))
    assert reports()[0]["changed"] == {}
    changed = {"max_line_bytes": 1024, "log_level": "debug"}
    wanted = replace(running.settings, max_line_bytes=1024, log_level="debug", data_dir=Path("/elsewhere"))
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


@pytest.mark.parametrize("hangups", [1, 3])
async def test_a_stop_does_not_wait_for_a_configuration_that_hangs(
    running: Running, nursery: trio.Nursery, logged: list[EventDict], mock_clock: MockClock, hangups: int
) -> None:
    began, is_over = threading.Event(), threading.Event()

    def load() -> Settings:
        began.set()
        is_over.wait(60)
        return running.settings

    running.load = load
    nursery.start_soon(running.run)
    await running.connect()
    before = mock_clock.current_time()
    for _ in range(hangups):
        signal.raise_signal(signal.SIGHUP)
    await until(began.is_set)
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()
    is_over.set()
    assert mock_clock.current_time() == before
    assert [entry["event"] for entry in logged] == ["Stopping.", "Stopped."]


async def test_a_later_reload_tells_that_the_earlier_one_hangs_and_one_after_its_end_reads(
    running: Running, nursery: trio.Nursery, logged: list[EventDict], mock_clock: MockClock
) -> None:
    is_over = threading.Event()

    def load() -> Settings:
        is_over.wait(60)
        return running.settings

    running.load = load
    nursery.start_soon(running.run)
    await running.connect()
    signal.raise_signal(signal.SIGHUP)
    await wait_all_tasks_blocked()
    signal.raise_signal(signal.SIGHUP)  # it comes in the ten seconds of the first
    await wait_all_tasks_blocked()
    mock_clock.jump(10.1)
    await until(lambda: len(logged) == 2)
    assert "10 s" in logged[0]["event"]
    assert "an earlier reading of it still hangs" in logged[1]["event"]
    is_over.set()

    def is_reloaded() -> bool:
        signal.raise_signal(signal.SIGHUP)
        return "was reloaded" in str(logged[-1]["event"])

    await until(is_reloaded)
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()
