"""What several clients at once are answered is what one after the other could have been, through kills too."""

import itertools
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.linearizability import Operation, is_linearizable
from support.waiting import wait_until
from workspaced_client import (
    Client,
    CommitUnknown,
    InvalidState,
    NotFound,
    NotRunning,
    ShuttingDown,
    Unanswered,
    Workspace,
)

Call = tuple[str, str | None]
"""What is asked of one workspace, and its new root path."""

Contents = tuple[str, str] | str
"""State and root path of the workspace, or `GONE`."""

GONE = "notFound"
NOTHING: Contents = GONE
"""What there is of each before the first call."""
WRONG_STATE = "invalidState"

_CLIENTS = 6
_KEYS = 3


def workspace(contents: Contents, operation: Operation[Call]) -> Contents | None:
    """A workspace that does one thing after the other (protocol.md, Order)."""
    kind, path = operation.call
    after, outcome = _deed(contents, kind, path)
    if operation.has_answer and operation.outcome != outcome:
        return None
    return after


def _deed(contents: Contents, kind: str, path: str | None) -> tuple[Contents, object]:
    if kind == "save":
        assert path is not None
        return ("active", path), ("active", path)
    if not isinstance(contents, tuple):
        return GONE, None if kind == "remove" else GONE
    state, root_path = contents
    if kind == "get":
        return contents, contents
    if kind == "remove":
        return GONE, None
    if kind == "update":
        assert path is not None
        return (state, path), (state, path)
    required, target = ("active", "closed") if kind == "close" else ("closed", "active")
    if state != required:
        return contents, WRONG_STATE
    return (target, root_path), (target, root_path)


class App:
    """One client, which does things by chance to a few workspaces, and records what it was answered."""

    def __init__(self, number: int, socket: Path) -> None:
        self.history: dict[str, list[Operation[Call]]] = {f"ws_key{key}": [] for key in range(_KEYS)}
        self._random = random.Random(number)
        self._socket = socket
        self._names = (f"/srv/{number}/{count}" for count in itertools.count())
        self._client: Client | None = None

    def step(self) -> bool:
        """One call, over a new connection where the last was lost; False where there is no daemon."""
        if self._client is None:
            try:
                self._client = Client.connect(self._socket, reconnect=False)
            except (NotRunning, Unanswered):
                return False
        id_ = self._random.choice(sorted(self.history))
        kinds = ("get", "update", "close", "open", "save", "remove")
        [kind] = self._random.choices(kinds, (8, 4, 3, 3, 1, 1))
        path = next(self._names) if kind in ("update", "save") else None
        began_at = perf_counter()
        try:
            outcome = self._ask(self._client, kind, id_, path)
        except ShuttingDown:
            return True  # nothing happened
        except CommitUnknown:
            self.history[id_].append(Operation((kind, path), began_at))
            return True
        except Unanswered:
            self.close()
            if kind != "get":
                self.history[id_].append(Operation((kind, path), began_at))
            return True
        self.history[id_].append(Operation((kind, path), began_at, perf_counter(), outcome))
        return True

    def _ask(self, client: Client, kind: str, id_: str, path: str | None) -> object:
        deeds: dict[str, Callable[[], Workspace | None]] = {
            "get": lambda: client.workspaces.get(id_),
            "update": lambda: client.workspaces.update(id_, root_path=path),
            "close": lambda: client.workspaces.close(id_),
            "open": lambda: client.workspaces.open(id_),
            "save": lambda: client.store.save(new_workspace(id_, path or "")),
            "remove": lambda: client.store.remove(id_),
        }
        try:
            found = deeds[kind]()
        except NotFound:
            return GONE
        except InvalidState:
            return WRONG_STATE
        return found and (found.state, found.root_path)

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None


def new_workspace(id_: str, path: str) -> Workspace:
    return Workspace(
        id=id_, name=id_, root_path=path, state="active", created_at=1, updated_at=1, projects=()
    )


@pytest.mark.requirement("FR-005", "FR-006", "T012")
def test_concurrent_calls_are_linearizable_through_kills(home: Home, start: StartDaemon) -> None:
    daemon = start()
    apps = [App(number, home.socket) for number in range(_CLIENTS)]
    is_over = threading.Event()

    def run(app: App) -> None:
        while not is_over.is_set():
            if not app.step():
                is_over.wait(0.02)

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_CLIENTS))
        stack.callback(is_over.set)
        for app in apps:
            stack.callback(app.close)
        tasks = [pool.submit(run, app) for app in apps]
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            wait_for_answers(apps, tasks)
            daemon.restart(number)
        wait_for_answers(apps, tasks)
        is_over.set()
        for task in tasks:
            task.result()

    histories = {id_: [one for app in apps for one in app.history[id_]] for id_ in apps[0].history}
    for id_, history in histories.items():
        assert is_linearizable(history, NOTHING, workspace), f"{id_}: {sorted(history, key=began_at)}"
    found = [spoil(history) for history in histories.values()]
    assert any(found), "no read could be made stale: too little happened"


def wait_for_answers(apps: list[App], tasks: list[Future[None]]) -> None:
    """Return once a good many more calls have been answered; raise where a task has failed."""

    def answers() -> int:
        return sum(len(history) for app in apps for history in app.history.values())

    def have_come() -> bool:
        for task in tasks:
            if task.done():
                task.result()
        return answers() >= wanted

    wanted = answers() + 150
    wait_until(have_come, "the clients are not answered")


def spoil(history: list[Operation[Call]]) -> bool:
    """Give one read the answer of an earlier one, as from a stale copy; the check has to find it."""
    reads = sorted((one for one in history if one.call[0] == "get"), key=began_at)
    for early, late in itertools.combinations(reads, 2):
        seen_since = [one for one in reads if early.ended_at < one.began_at and one.ended_at < late.began_at]
        if isinstance(early.outcome, tuple) and any(
            isinstance(one.outcome, tuple) and one.outcome[1] != early.outcome[1] for one in seen_since
        ):
            # Each path is written once, so that one that was gone can't come back.
            stale = [replace(one, outcome=early.outcome) if one is late else one for one in history]
            assert not is_linearizable(stale, NOTHING, workspace)
            return True
    return False


def began_at(operation: Operation[Call]) -> float:
    return operation.began_at
