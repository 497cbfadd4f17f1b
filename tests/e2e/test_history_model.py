"""A real daemon, driven by chance by two clients and killed: its history and its events each tell all of its state.

Nothing here knows what a method does. The rules are those of protocol.md for every change: what `history.list` and the
events say must lead, change by change, to what the store holds, and an undo must do what `before` says.
"""

import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from support.daemon_process import DaemonProcess, new_home
from support.raw_connection import RawConnection
from workspaced_protocol.methods import METHODS

T = TypeVar("T")
Json = dict[str, Any]

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "6"))
"""How many runs; each starts a daemon, and has up to 50 steps."""

CLIENTS = st.integers(0, 1)
ANY = st.integers(0, 11)
"""Chooses one of several things, however many there are: a kill leaves a write done or not."""
NAMES = st.sampled_from(["Alpha", "alpha", "Beta", "Größe", "größe", "C", "D", "E"])
PATHS = st.sampled_from(["/", "/srv/a", "/srv/ü"])
TAGS = st.lists(st.sampled_from(["work", "Home", "ü"]), max_size=2, unique=True)
METADATA = st.dictionaries(
    st.sampled_from(["a.x", "b.y"]), st.none() | st.integers(0, 2) | st.just({"n": [1]})
)
DIRECTORIES = st.sampled_from(["one", "two"])
SAVED_IDS = st.sampled_from(["ws_a", "ws_b"])
ENDINGS = st.sampled_from([signal.SIGTERM, signal.SIGKILL])
MEMBERS = {"revision", "at", "method", "workspaceId", "name", "before", "after", "by", "correlationId"}
CHANGES = ["workspace.*", "project.*"]


class Follower:
    """Follows the events with a connection for each life of the daemon, and keeps what they lead to."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.held: dict[str, Json] = {}
        self._connection: RawConnection | None = None
        self._counts: dict[str, int] = {}

    def connect(self, socket: Path) -> None:
        """Go on behind the last event, at a daemon that numbers its events in its own way."""
        self.leave()
        self._connection = RawConnection(socket)
        since = self.told[-1]["revision"] if self.told else 0
        self._connection.call("events.subscribe", topics=CHANGES, since=since)
        self._counts = {}

    def leave(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def follow(self, revision: int) -> None:
        """Take the events up to this one, and no gap."""
        assert self._connection is not None
        while (self.told[-1]["revision"] if self.told else 0) < revision:
            event = self._connection.notified()
            assert event["topic"] != "events.gap", event
            assert event["revision"] > (self.told[-1]["revision"] if self.told else 0)
            count = self._counts.get(event["topic"])
            assert count is None or event["sequence"] == count + 1
            self._counts[event["topic"]] = event["sequence"]
            self.told.append(event)
            put(self.held, event["payload"]["workspaceId"], event["payload"]["workspace"])


def put(held: dict[str, Json], id_: str, after: Json | None) -> None:
    """Hold a workspace as it is after a change."""
    if after is None:
        held.pop(id_, None)
    else:
        held[id_] = after


class HistoryModel(RuleBasedStateMachine):
    """The daemon, its clients, and one who follows its events."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.home = self.stack.enter_context(new_home())
        self.daemon = DaemonProcess(self.home)
        self.stack.callback(self.daemon.close)
        self.clients: list[RawConnection] = []
        self.follower = Follower()
        self.known: list[Json] = []
        self.copies: list[str] = []

    @initialize()
    def begin(self) -> None:
        self.daemon.start()
        self.connect()
        made = self.clients[0].create("Alpha", str(self.home.root))
        for name in ("one", "two"):
            (self.home.root / name).mkdir()
            self.call(1, "project.bind", workspaceId=made["id"], rootPath=str(self.home.root / name))

    def connect(self) -> None:
        self.clients = [RawConnection(self.home.socket) for _ in range(2)]
        self.clients[1].call("daemon.hello", client="other", protocol=1)
        self.follower.connect(self.home.socket)

    def disconnect(self) -> None:
        for client in self.clients:
            client.close()
        self.follower.leave()

    def teardown(self) -> None:
        self.disconnect()
        self.stack.close()

    # Any calls

    def call(self, by: int, method: str, **params: object) -> Json:
        """Return the answer to a call, which is granted or refused by one of the method's errors."""
        client = self.clients[by]
        answer: Json = client.answer(client.request(method, **params))
        if "error" in answer:
            assert answer["error"]["code"] in [int(code) for code in METHODS[method].errors], answer
        return answer

    def some_id(self, which: int) -> str:
        held = [each["id"] for each in self.clients[0].call("store.getAll")]
        id_: str = nth(held, which) if held and which else "ws_none"
        return id_

    @rule(by=CLIENTS, name=NAMES, path=PATHS, key=st.none() | st.sampled_from(["k1", "k2"]))
    def create(self, by: int, name: str, path: str, key: str | None) -> None:
        more = {} if key is None else {"requestKey": key}
        self.call(by, "workspace.create", name=name, rootPath=path, **more)

    @rule(by=CLIENTS, which=ANY, what=st.sampled_from(["open", "close", "delete"]))
    def move(self, by: int, which: int, what: str) -> None:
        self.call(by, f"workspace.{what}", id=self.some_id(which))

    @rule(
        by=CLIENTS,
        which=ANY,
        more=st.fixed_dictionaries(
            {}, optional={"name": NAMES, "rootPath": PATHS, "tags": TAGS, "metadata": METADATA}
        ),
    )
    def update(self, by: int, which: int, more: Json) -> None:
        self.call(by, "workspace.update", id=self.some_id(which), **more)

    @rule(name=DIRECTORIES)
    def vanish_or_appear(self, name: str) -> None:
        directory = self.home.root / name
        if directory.exists():
            directory.rmdir()
        else:
            directory.mkdir()

    @rule(by=CLIENTS, which=ANY, name=DIRECTORIES)
    def bind(self, by: int, which: int, name: str) -> None:
        self.call(by, "project.bind", workspaceId=self.some_id(which), rootPath=str(self.home.root / name))

    @rule(by=CLIENTS, which=ANY)
    def unbind(self, by: int, which: int) -> None:
        all_projects = [
            project for each in self.clients[by].call("store.getAll") for project in each["projects"]
        ]
        if all_projects:
            project = nth(all_projects, which)
            self.call(by, "project.unbind", workspaceId=project["workspaceId"], projectId=project["id"])

    @rule(by=CLIENTS, which=ANY, how=st.sampled_from(["check", "close and open"]))
    def check(self, by: int, which: int, how: str) -> None:
        id_ = self.some_id(which)
        if how == "check":
            self.call(by, "project.check", workspaceId=id_)
        else:
            self.call(by, "workspace.close", id=id_)
            self.call(by, "workspace.open", id=id_)

    @rule(by=CLIENTS, id_=SAVED_IDS, name=NAMES, state=st.sampled_from(["active", "closed", "deleted"]))
    def save(self, by: int, id_: str, name: str, state: str) -> None:
        self.call(by, "store.save", workspace=saved(id_, name, state))

    @rule(by=CLIENTS, which=ANY)
    def remove(self, by: int, which: int) -> None:
        self.call(by, "store.remove", id=self.some_id(which))

    @rule(by=CLIENTS, wanted=st.lists(st.tuples(SAVED_IDS, st.none() | NAMES), min_size=1, max_size=4))
    def apply(self, by: int, wanted: list[tuple[str, str | None]]) -> None:
        """Some workspaces may be saved and removed, several times, in one commit."""
        changes: list[Json] = [
            {"remove": id_} if name is None else {"save": saved(id_, name, "active")} for id_, name in wanted
        ]
        self.call(by, "store.apply", changes=changes)

    @rule(by=CLIENTS, which=ANY)
    def back_up_and_restore(self, by: int, which: int) -> None:
        """Restore one of the copies, of which the newest holds what there is."""
        answer = self.call(by, "store.backup")
        if "result" in answer:
            self.copies.append(answer["result"]["name"])
        if self.copies:
            self.call(by, "store.restore", source=nth(self.copies, which))

    @rule(by=CLIENTS, which=ANY)
    def begin_session(self, by: int, which: int) -> None:
        self.call(by, "session.begin", workspaceId=self.some_id(which))

    # Undo

    @rule(by=CLIENTS, which=ANY, times=st.integers(1, 3))
    def undo_again(self, by: int, which: int, times: int) -> None:
        """An undo can be undone."""
        for _ in range(times):
            self.undo(by, which, "no")

    @rule(by=CLIENTS, which=ANY, guard=st.sampled_from(["right", "wrong"]))
    def undo(self, by: int, which: int, guard: str) -> None:
        entries = self.listed()
        newest_of = {entry["workspaceId"]: entry for entry in entries}
        entry = nth([*newest_of.values(), nth(entries, which)], which)  # mostly one that can be undone
        more = {} if guard == "no" else {"ifRevision": entry["revision"] + (guard == "wrong")}
        answer = self.call(by, "history.undo", revision=entry["revision"], **more)
        newest = next(each for each in reversed(entries) if each["workspaceId"] == entry["workspaceId"])
        if newest is not entry:
            assert refusal(answer) == (1005, newest["revision"])
        elif guard == "wrong":
            assert refusal(answer) == (1005, entry["revision"])
        elif "result" in answer:
            result, wanted = answer["result"], entry["before"]
            if wanted is not None:
                revision = self.clients[0].call("daemon.status")["revision"]
                wanted = {**wanted, "revision": revision, "updatedAt": result["updatedAt"]}
                assert result["updatedAt"] >= entry["before"]["updatedAt"]
            assert result == wanted
        else:
            self.check_refusal(answer, entry)

    def check_refusal(self, answer: Json, entry: Json) -> None:
        code, data = answer["error"]["code"], answer["error"]["data"]
        if code == 1002:
            holder = self.clients[0].call("store.getById", id=data["id"])
            assert holder["id"] != entry["workspaceId"]
            assert holder["name"].casefold() == entry["before"]["name"].casefold()
        else:
            assert code == 1004
            assert entry["before"] is None or entry["before"]["state"] == "deleted"
            sessions = self.clients[0].call("session.list", workspaceId=entry["workspaceId"])
            assert len(sessions) == data["count"] > 0

    # What ends the daemon

    @rule(number=ENDINGS, name=NAMES, in_a_write=st.booleans())
    def restart(self, number: signal.Signals, name: str, *, in_a_write: bool) -> None:
        if in_a_write:
            self.clients[0].send(self.clients[0].request("workspace.create", name=name, rootPath="/srv"))
        assert self.daemon.stop(number) == (0 if number == signal.SIGTERM else -number)
        self.disconnect()
        self.daemon.start()
        self.connect()
        self.compare()

    # What must hold

    def listed(self) -> list[Json]:
        """The whole history, oldest first, by pages; what was known of it stays."""
        entries: list[Json] = []
        while page := self.clients[0].call(
            "history.list", limit=7, **({"before": entries[-1]["revision"]} if entries else {})
        ):
            assert len(page) <= 7
            entries += page
        entries.reverse()
        assert entries[: len(self.known)] == self.known
        self.known = entries
        return entries

    @rule()
    def compare(self) -> None:
        in_order = self.clients[0].call("store.getAll")
        wanted = {each["id"]: each for each in in_order}
        entries = self.listed()
        held: dict[str, Json] = {}
        last = 0
        for entry in entries:
            assert set(entry) == MEMBERS
            assert entry["before"] == held.get(entry["workspaceId"])
            assert entry["revision"] > last
            told = entry["after"] or entry["before"]
            assert (told["id"], told["name"]) == (entry["workspaceId"], entry["name"])
            assert entry["after"] is None or entry["after"]["revision"] == entry["revision"]
            last = entry["revision"]
            put(held, entry["workspaceId"], entry["after"])
        assert held == wanted
        self.compare_events(last, entries, wanted)

    def compare_events(self, last: int, entries: list[Json], wanted: dict[str, Json]) -> None:
        self.follower.follow(last)
        assert self.follower.held == wanted
        by_revision = {entry["revision"]: entry for entry in entries}
        changes = iter(entries)
        for event in self.follower.told:
            payload = event["payload"]
            entry = by_revision.get(event["revision"])
            if entry is not None:  # else one of several of a change, before its last
                assert entry is next(changes)
                told = [payload["workspace"], payload["previous"], payload["by"]]
                assert told == [entry["after"], entry["before"], entry["by"]]
                assert (event["correlationId"], event["peer"]) == (entry["correlationId"], entry["by"])
                assert event["timestamp"] == entry["at"]
        assert next(changes, None) is None
        fresh = Follower()
        fresh.connect(self.home.socket)
        fresh.follow(last)
        fresh.leave()
        numberless = [{**event, "sequence": 0} for event in fresh.told]
        assert numberless == [{**event, "sequence": 0} for event in self.follower.told]


def saved(id_: str, name: str, state: str) -> Json:
    times = {"createdAt": 5, "updatedAt": 6}
    return {"id": id_, "name": name, "rootPath": "/srv", "state": state, "projects": [], **times}


def nth(things: Sequence[T], which: int) -> T:
    return things[which % len(things)]


def refusal(answer: Json) -> tuple[int, int]:
    """The code of a refusal, and the revision that it names."""
    error = answer["error"]
    return error["code"], error["data"]["revision"]


HistoryModel.TestCase.settings = settings(
    deadline=None,
    max_examples=EXAMPLES,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyWorkIsInTheHistory = HistoryModel.TestCase
