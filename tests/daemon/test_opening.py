"""A start whose store does not answer: it fails at once, or waits for as long as the settings say, and tells of it."""

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from support.logs import EventDict
from support.manager import Manager, status_of
from support.waiting import until
from workspaced import opening
from workspaced.opening import open_or_wait
from workspaced.settings.model import Settings
from workspaced.store.contract import StoreUnreachable, StoreUnusable, UnfitSettings
from workspaced.store.joining import EtcdSettings
from workspaced.store.json.json_store import JsonWorkspaceStore, create_json_store
from workspaced.store.kinds import OpenStore
from workspaced.store.lock import LockHeld
from workspaced.store.locked_directory import LockedDirectory
from workspaced.supervision.notify import Notifier
from workspaced.supervision.supervisor import Supervisor
from workspaced_protocol.daemon_models import StoreStatus

REASON = "etcd at http://127.0.0.1:2379 does not answer (Connection refused)"


class Etcd:
    """What the attempts to open the store come to; the last one goes on for all that follow."""

    def __init__(self) -> None:
        self.outcomes: list[Exception | None] = [StoreUnreachable(REASON, "start etcd")]
        self.attempts = 0
        self.opened = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def open_in(self, home: LockedDirectory, _choice: str, _etcd: EtcdSettings) -> OpenStore:
        self.attempts += 1
        outcome = self.outcomes[min(self.attempts, len(self.outcomes)) - 1]
        if self.attempts > 1:
            self.may_answer.wait(30)
        if outcome is not None:
            if not isinstance(outcome, StoreUnreachable):
                home.close()
            raise outcome
        try:
            return JsonWorkspaceStore(home.open.path, home=home)
        finally:
            self.opened.set()


@pytest.fixture
def etcd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Etcd]:
    etcd = Etcd()
    monkeypatch.setattr(opening, "open_in", etcd.open_in)
    yield etcd
    etcd.may_answer.set()


class Start:
    """A start that may wait for a minute, and the signals that it gets."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.settings = replace(settings, etcd_start_seconds=60)
        self.supervisor = supervisor
        self.send, self.signals = trio.open_memory_channel[int](10)

    async def open(self) -> OpenStore | None:
        return await open_or_wait(self.settings, self.settings.socket, self.supervisor, self.signals)


@pytest.fixture
async def start(settings: Settings, manager: Manager) -> AsyncIterator[Start]:
    with closing(Notifier(manager.address)) as notifier:
        yield Start(settings, Supervisor(notifier, None, None))


async def test_without_the_setting_it_fails_at_once(start: Start, etcd: Etcd) -> None:
    start.settings = replace(start.settings, etcd_start_seconds=0)
    with pytest.raises(StoreUnreachable, match="does not answer"):
        await start.open()
    assert etcd.attempts == 1


async def test_it_serves_once_etcd_answers_and_tells_the_manager_meanwhile(
    start: Start, etcd: Etcd, manager: Manager, logged: list[EventDict], autojump_clock: object
) -> None:
    etcd.outcomes = [*etcd.outcomes * 3, None]
    store = await start.open()
    assert store is not None
    store.close()
    assert etcd.attempts == 4
    restoring, *waiting = manager.told()
    assert restoring[0].startswith("STATUS=Restoring")
    assert waiting == [["EXTEND_TIMEOUT_USEC=60000000", f"STATUS=Waiting for etcd: {REASON}"]] * 3
    assert [(entry["log_level"], entry["reason"]) for entry in logged] == [("warning", REASON)]


async def test_it_gives_up_when_the_time_has_passed(start: Start, etcd: Etcd, autojump_clock: object) -> None:
    began_at = trio.current_time()
    with pytest.raises(
        StoreUnreachable, match=r"start etcd\. The start has waited 60 s .*etcd_start_seconds"
    ):
        await start.open()
    assert 58 <= trio.current_time() - began_at <= 60
    assert lock_is_free(start.settings.data_dir)


async def test_the_reason_is_that_of_the_last_attempt(
    start: Start, etcd: Etcd, manager: Manager, autojump_clock: object
) -> None:
    later = "etcd at http://127.0.0.1:2379 has no quorum"
    etcd.outcomes.append(StoreUnreachable(later, "start more of its members"))
    with pytest.raises(
        StoreUnreachable, match=r"no quorum: start more of its members\. The start has waited"
    ):
        await start.open()
    _restoring, first, *others = manager.told()
    assert first[1] == f"STATUS=Waiting for etcd: {REASON}"
    assert {status for _, status in others} == {f"STATUS=Waiting for etcd: {later}"}


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait_at_once(
    start: Start, etcd: Etcd, monkeypatch: pytest.MonkeyPatch, hangs: bool, number: int
) -> None:
    """Also in an attempt that etcd leaves without an answer."""
    monkeypatch.setattr(opening, "_PAUSE_SECONDS", 0.001)
    if hangs:
        etcd.may_answer.clear()
        etcd.outcomes.append(None)

    async def send() -> None:
        await until(lambda: etcd.attempts > 1)
        start.send.send_nowait(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert await start.open() is None
    if hangs:
        assert not lock_is_free(start.settings.data_dir)
        etcd.may_answer.set()
        await until(etcd.opened.is_set)
    await until(lambda: lock_is_free(start.settings.data_dir))


def lock_is_free(data_dir: Path) -> bool:
    try:
        create_json_store(data_dir).close()
    except LockHeld:
        return False
    return True


async def test_no_second_daemon_begins_meanwhile(
    start: Start, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_PAUSE_SECONDS", 0.001)
    free: list[bool] = []
    async with trio.open_nursery() as nursery:

        async def look() -> None:
            await until(lambda: etcd.attempts > 1)
            free.extend(lock_is_free(start.settings.data_dir) for _ in range(20))
            start.send.send_nowait(signal.SIGTERM)

        nursery.start_soon(look)
        await start.open()
    assert not any(free)


@pytest.mark.parametrize(
    "failure",
    [
        StoreUnusable("the password is wrong", "correct it"),
        UnfitSettings("the prefix is wrong", "correct it"),
    ],
)
async def test_what_no_wait_mends_ends_it(
    start: Start, etcd: Etcd, failure: Exception, autojump_clock: object
) -> None:
    etcd.outcomes.append(failure)
    with pytest.raises(type(failure)) as raised:
        await start.open()
    assert raised.value is failure
    assert etcd.attempts == 2
    assert lock_is_free(start.settings.data_dir)


async def test_a_hangup_during_the_wait_is_obeyed_once_it_serves(
    start: Start, etcd: Etcd, autojump_clock: object
) -> None:
    etcd.outcomes = [*etcd.outcomes * 2, None]
    start.send.send_nowait(signal.SIGHUP)
    store = await start.open()
    assert store is not None
    store.close()
    reloaded = trio.Event()

    async def reload() -> None:
        reloaded.set()
        start.send.send_nowait(signal.SIGTERM)

    number = await start.supervisor.wait_for_stop(
        start.signals, reload, lambda: status_of(1, StoreStatus("ok"))
    )
    assert reloaded.is_set()
    assert number == signal.SIGTERM
