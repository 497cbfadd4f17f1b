"""A real daemon, driven by chance by several clients, stopped and killed, beside a plain model of what it holds.

The model is written from protocol.md: a dict of workspaces, the sessions of each client, the keys of the
requests that were applied. After each step, all of it is compared through one of the clients.
"""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec import structs

from support.daemon_process import DaemonProcess, new_home
from support.raw_connection import RawConnection
from support.waiting import wait_until
from workspaced_client import (
    ActiveSessions,
    Change,
    Client,
    DaemonError,
    InvalidState,
    NameConflict,
    NotFound,
    RevisionConflict,
    Session,
    Workspace,
)
from workspaced_client.events import Event, EventStream
from workspaced_protocol.events import ProjectBound, WorkspaceChanged, WorkspaceCreated

T = TypeVar("T")
Refusal = type[DaemonError] | None

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "8"))
"""How many runs; each starts a daemon, and has up to 40 steps. CONTRIBUTING.md tells of it."""

CLIENTS = st.integers(0, 2)
NAMES = st.sampled_from(["Alpha", "alpha", "Beta", "Größe", "GRÖSSE", "größe"])
PATHS = st.sampled_from(["/", "/srv/a", "/srv/ü"])
KEYS = st.none() | st.sampled_from(["k1", "k2", "k3"])
SAVED_IDS = st.sampled_from(["ws_a", "ws_b", "ws_c"])


class Model(RuleBasedStateMachine):
    """The daemon, and what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.home = self.stack.enter_context(new_home())
        self.daemon = DaemonProcess(self.home)
        self.stack.callback(self.daemon.close)
        self.held: dict[str, Workspace] = {}
        self.keys: dict[str, str | None] = {}
        self.sessions: list[dict[str, str]] = [{}, {}, {}]
        self.clients: list[Client] = []
        self.events: EventStream | None = None
        self.expected: list[tuple[int, str, str]] = []

    @initialize()
    def begin(self) -> None:
        self.start()
        self.events = self.clients[0].events(["workspace.*", "project.bound"])
        self.stack.callback(self.events.close)

    def start(self) -> None:
        self.daemon.start()
        self.clients = [Client.connect(self.home.socket, reconnect=False) for _ in range(3)]
        for client in self.clients:
            self.stack.callback(client.close)

    def end(self, number: signal.Signals) -> None:
        assert self.daemon.stop(number) == (0 if number == signal.SIGTERM else -number)
        for client in self.clients:
            client.close()
        self.sessions = [{}, {}, {}]

    def teardown(self) -> None:
        self.stack.close()

    # What ends the daemon

    @rule(how=st.sampled_from(["stopped", "killed", "killed in a write"]), name=NAMES)
    def restart(self, how: str, name: str) -> None:
        if how == "killed in a write":
            self.kill_with_a_write_on_its_way(name)
        else:
            self.end(signal.SIGTERM if how == "stopped" else signal.SIGKILL)
            self.start()
        self.compare(0)

    def kill_with_a_write_on_its_way(self, name: str) -> None:
        """It happened or it did not, and then for good."""
        with RawConnection(self.home.socket) as app:
            app.send(app.request("workspace.create", name=name, rootPath="/srv"))
            self.end(signal.SIGKILL)
        self.start()
        for workspace in self.clients[0].workspaces.list():
            if workspace.id not in self.held:
                assert workspace.name == name
                assert self.holder(name) is None
                self.happened("workspace.created", workspace.id)
                self.clients[0].workspaces.delete(workspace.id)  # the next steps are the same either way
                self.happened("workspace.deleted", workspace.id)

    # Writes

    @rule(by=CLIENTS, name=NAMES, path=PATHS, key=KEYS)
    def create(self, by: int, name: str, path: str, key: str | None) -> None:
        refusal = None if self.holder(name) is None else NameConflict
        params: dict[str, object] = {"name": name, "rootPath": path}
        _applied, created = self.keyed(by, "workspace.create", params, key, refusal)
        if created is not None:
            self.held[created.id] = created
            assert (created.name, created.root_path, created.state) == (name, path, "active")
            assert created.projects == ()
            self.happened("workspace.created", created.id)

    @rule(by=CLIENTS, data=st.data(), key=KEYS, conditional=st.sampled_from(["no", "right", "wrong"]))
    def move(self, by: int, data: st.DataObject, key: str | None, conditional: str) -> None:
        kind, required, target = data.draw(
            st.sampled_from([("close", "active", "closed"), ("open", "closed", "active")])
        )
        id_, params, refusal = self.chosen(data, conditional)
        if refusal is None and self.held[id_].state != required:
            refusal = InvalidState
        _applied, moved = self.keyed(by, f"workspace.{kind}", params, key, refusal)
        if moved is not None:
            before = self.held[id_]
            statuses = {"projects": moved.projects} if kind == "open" else {}  # open looks at them
            self.replace(moved, structs.replace(before, state=target, **statuses))
            self.happened(f"workspace.{'opened' if kind == 'open' else 'closed'}", id_)

    @rule(by=CLIENTS, data=st.data(), name=st.none() | NAMES, path=PATHS, key=KEYS)
    def update(self, by: int, data: st.DataObject, name: str | None, path: str, key: str | None) -> None:
        id_, params, refusal = self.chosen(data, "no")
        params["rootPath"] = path
        if name is not None:
            params["name"] = name
            holder = self.holder(name)
            if refusal is None and holder not in (None, id_):
                refusal = NameConflict
        _applied, updated = self.keyed(by, "workspace.update", params, key, refusal)
        if updated is not None:
            before = self.held[id_]
            self.replace(updated, structs.replace(before, name=name or before.name, root_path=path))
            self.happened("workspace.updated", id_)

    @rule(by=CLIENTS, data=st.data(), key=KEYS)
    def delete(self, by: int, data: st.DataObject, key: str | None) -> None:
        id_, params, refusal = self.chosen(data, "no")
        if refusal is None and self.is_busy(id_):
            refusal = ActiveSessions
        applied, _none = self.keyed(by, "workspace.delete", params, key, refusal)
        if not applied:
            return
        del self.held[id_]
        self.happened("workspace.deleted", id_)

    @rule(by=CLIENTS, id_=SAVED_IDS, name=NAMES, path=PATHS)
    def save(self, by: int, id_: str, name: str, path: str) -> None:
        workspace = new_workspace(id_, name, path)
        refusal = NameConflict if self.holder(name) not in (None, id_) else None
        saved = self.refused(refusal, lambda: self.clients[by].store.save(workspace))
        if saved is not None:
            self.put_saved(saved, workspace)

    @rule(by=CLIENTS, id_=SAVED_IDS, name=NAMES, path=PATHS, removed=SAVED_IDS)
    def apply(self, by: int, id_: str, name: str, path: str, removed: str) -> None:
        """One is removed and one is saved, or neither."""
        workspace = new_workspace(id_, name, path)
        refusal: Refusal = None
        if self.is_busy(removed):
            refusal = ActiveSessions
        elif self.holder(name) not in (None, id_, removed):
            refusal = NameConflict
        changes = [Change(remove=removed), Change(save=workspace)]
        if self.refused(refusal, lambda: self.clients[by].store.apply(changes)) is None:
            return
        if removed in self.held:
            del self.held[removed]
            self.happened("workspace.deleted", removed)
        saved = self.clients[by].store.get_by_id(id_)
        assert saved is not None
        self.put_saved(saved, workspace)

    @rule(by=CLIENTS, data=st.data())
    def bind(self, by: int, data: st.DataObject) -> None:
        id_, _params, refusal = self.chosen(data, "no")
        directory = self.home.root / data.draw(st.sampled_from(["one", "two"]))
        directory.mkdir(exist_ok=True)
        before = self.held.get(id_)
        if before is not None and any(one.root_path == str(directory) for one in before.projects):
            self.refused(DaemonError, lambda: self.clients[by].projects.bind(id_, directory))
            return
        bound = self.refused(refusal, lambda: self.clients[by].projects.bind(id_, directory))
        if bound is not None and before is not None:
            new = bound.projects[-1]
            assert (new.root_path, new.status, new.git_url) == (str(directory), "active", None)
            self.replace(bound, structs.replace(before, projects=(*before.projects, new)))
            self.happened("project.bound", id_)

    # Sessions

    @rule(by=CLIENTS, data=st.data())
    def begin_session(self, by: int, data: st.DataObject) -> None:
        id_, _params, refusal = self.chosen(data, "no")
        if refusal is None and self.held[id_].state != "active":
            refusal = InvalidState
        begun: Session | None = self.refused(refusal, lambda: self.clients[by].sessions.begin(id_))
        if begun is not None:
            self.sessions[by][begun.id] = id_

    @rule(by=CLIENTS)
    def hang_up(self, by: int) -> None:
        """The sessions of a connection end with it."""
        self.clients[by].close()
        self.clients[by] = Client.connect(self.home.socket, reconnect=False)
        self.stack.callback(self.clients[by].close)
        gone, self.sessions[by] = self.sessions[by], {}
        # It is noticed when the daemon next reads from it, which is before this new client's answer, or soon after.
        sessions = self.clients[by].sessions
        wait_until(lambda: gone.keys().isdisjoint(session.id for session in sessions.list()))

    # What is compared

    @rule(by=CLIENTS)
    def compare(self, by: int) -> None:
        client = self.clients[by]
        in_order = sorted(self.held.values(), key=lambda one: (one.created_at, one.id))
        assert client.workspaces.list() == in_order
        assert client.store.get_all() == in_order
        for workspace in in_order:
            assert client.workspaces.get(name=workspace.name.upper()) == workspace
        sessions = {session.id: session.workspace_id for session in client.sessions.list()}
        assert sessions == {id_: at for of in self.sessions for id_, at in of.items()}

    @rule()
    def compare_events(self) -> None:
        """Every change once, in order, through every restart."""
        assert self.events is not None
        while self.expected:
            event = next(self.events)
            assert isinstance(event, Event), event
            assert isinstance(event.payload, WorkspaceCreated | WorkspaceChanged | ProjectBound)
            revision, *what = self.expected.pop(0)
            assert [event.topic, event.payload.workspace_id] == what
            assert event.revision <= revision

    # How

    def holder(self, name: str) -> str | None:
        """The workspace that has this name, compared without case."""
        return next((id_ for id_, one in self.held.items() if one.name.casefold() == name.casefold()), None)

    def is_busy(self, id_: str) -> bool:
        return any(id_ in of.values() for of in self.sessions)

    def chosen(self, data: st.DataObject, conditional: str) -> tuple[str, dict[str, object], Refusal]:
        """Some workspace, or one that there is not; its params so far, and what refuses them."""
        id_ = data.draw(st.sampled_from([*self.held, "ws_none"]))
        params: dict[str, object] = {"id": id_}
        if id_ not in self.held:
            return id_, params, NotFound
        if conditional != "no":
            params["ifRevision"] = self.held[id_].revision + (conditional == "wrong")
        return id_, params, RevisionConflict if conditional == "wrong" else None

    def refused(self, refusal: Refusal, deed: Callable[[], T]) -> T | None:
        """What the deed gives; None where it was refused, as it should be."""
        if refusal is None:
            return deed()
        with pytest.raises(refusal):
            deed()
        return None

    def keyed(
        self, by: int, method: str, params: dict[str, object], key: str | None, refusal: Refusal
    ) -> tuple[bool, Workspace | None]:
        """Whether the write was applied, and its answer. A key that was applied once changes nothing again."""
        if key is not None:
            params = {**params, "requestKey": key}
        if key is not None and key in self.keys:
            answer = self.clients[by].call(method, params)
            found = None if answer is None else msgspec.convert(answer, Workspace)
            assert found == self.held.get(self.keys[key] or "")
            return False, None
        with ExitStack() as stack:
            if refusal is not None:
                stack.enter_context(pytest.raises(refusal))
            answer = self.clients[by].call(method, params)
        if refusal is not None:
            return False, None
        result = None if answer is None else msgspec.convert(answer, Workspace)
        if key is not None:
            self.keys[key] = str(params["id"]) if result is None else result.id
        return True, result

    def replace(self, new: Workspace, wanted: Workspace) -> None:
        """A workspace has changed as wanted, at a later time and revision."""
        before = self.held[new.id]
        assert new == structs.replace(wanted, updated_at=new.updated_at, revision=new.revision)
        assert new.updated_at >= before.updated_at
        assert new.revision > before.revision
        self.held[new.id] = new

    def put_saved(self, saved: Workspace, given: Workspace) -> None:
        assert saved == structs.replace(given, revision=saved.revision)
        self.happened("workspace.updated" if saved.id in self.held else "workspace.created", saved.id)
        self.held[saved.id] = saved

    def happened(self, topic: str, id_: str) -> None:
        """There is to be an event of this, at the latest at the revision that the store has now."""
        self.expected.append((self.clients[0].daemon.status().revision, topic, id_))


def new_workspace(id_: str, name: str, path: str) -> Workspace:
    return Workspace(
        id=id_, name=name, root_path=path, state="active", created_at=5, updated_at=6, projects=()
    )


Model.TestCase.settings = settings(
    deadline=None,
    max_examples=EXAMPLES,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyCallsAndKills = pytest.mark.requirement("FR-001", "FR-002", "FR-005", "FR-006", "FR-008", "FR-009")(
    Model.TestCase
)
