"""The namespaces: they have a call for every method of the contract, and are the same in both clients."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio
import msgspec
import pytest

from workspaced_client import Change, Workspace
from workspaced_client._async import api as async_api
from workspaced_client._async import store_api as async_store_api
from workspaced_client._sync import api, store_api
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import StoreRevision
from workspaced_protocol.params import Params

ALPHA = Workspace(
    id="ws_1", name="Alpha", root_path="/alpha", state="active", created_at=1, updated_at=2, projects=()
)

ARGUMENTS: dict[str, object] = {
    "before": 9,
    "changes": [Change(save=ALPHA), Change(remove="ws_2")],
    "files": [Path("/quarantine/a.json")],
    "exclusive": True,
    "git_url": "https://example.com/a.git",
    "id": "ws_1",
    "if_revision": 3,
    "label": "editor",
    "limit": 3,
    "metadata": {"editor.theme": "dark"},
    "name": "Alpha",
    "on_progress": None,
    "path": Path("/copy"),
    "project_id": "proj_1",
    "revision": 8,
    "root_path": Path("/alpha"),
    "source": Path("/copy"),
    "sort": "recent",
    "state": "active",
    "tags": ["web"],
    "target_dir": Path("/alpha/a"),
    "timeout_seconds": 60.0,
    "workspace": ALPHA,
    "workspace_id": "ws_1",
}


class Recorder:
    """Takes the place of a connection: notes what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Params, object]] = []

    def __call__(self, method: str, params: Params, result: Any, /, **_options: object) -> Any:
        self.calls.append((method, params, result))
        return StoreRevision(revision=0)

    async def asynchronous(self, method: str, params: Params, result: Any, /, **_options: object) -> Any:
        return self(method, params, result)


def public(namespace: object) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(namespace) if not name.startswith("_")}


def arguments(method: Callable[..., object]) -> dict[str, object]:
    names = set(inspect.signature(method).parameters)
    if names == {"id", "name"}:
        names = {"id"}  # one of the two
    return {name: ARGUMENTS[name] for name in names}


def blocking_calls() -> list[tuple[str, Params, object]]:
    recorder = Recorder()
    for group in (
        api.Workspaces,
        api.History,
        api.Projects,
        api.Sessions,
        store_api.Store,
        api.Daemon,
    ):
        for method in public(group(recorder)).values():
            method(**arguments(method))
    return recorder.calls


def async_calls() -> list[tuple[str, Params, object]]:
    recorder = Recorder()

    async def call_all() -> None:
        for group in (
            async_api.AsyncWorkspaces,
            async_api.AsyncHistory,
            async_api.AsyncProjects,
            async_api.AsyncSessions,
            async_store_api.AsyncStore,
            async_api.AsyncDaemon,
        ):
            for method in public(group(recorder.asynchronous)).values():
                await method(**arguments(method))

    anyio.run(call_all)
    return recorder.calls


CALLS = blocking_calls()


def test_every_method_has_a_call() -> None:
    asked = [method for method, _, _ in CALLS]
    # A subscription has a connection of its own: `events()` of the clients.
    streams = {"events.subscribe", "events.unsubscribe"}
    assert set(METHODS) - set(asked) - streams == set(), "these methods have no call in _async/api.py"
    assert sorted(asked) == sorted(set(asked) & set(METHODS))


def test_the_async_calls_are_the_same() -> None:
    assert async_calls() == CALLS


@pytest.mark.parametrize(("name", "params", "result"), CALLS, ids=[name for name, _, _ in CALLS])
def test_a_call_is_as_the_table_has_it(name: str, params: Params, result: object) -> None:
    method = METHODS[name]
    encoded = msgspec.json.encode(params)
    assert method.decode_params(msgspec.Raw(encoded)) == params
    left_out = {"requestKey", "name" if name == "workspace.get" else ""}
    assert set(msgspec.json.decode(encoded)) == set(method.param_names()) - left_out
    expected = type(None) if method.result is None else method.result
    assert result == expected or (name == "daemon.ping" and expected == Literal["pong"])


def test_get_takes_either_an_id_or_a_name() -> None:
    recorder = Recorder()
    workspaces = api.Workspaces(recorder)
    workspaces.get(name="Alpha")
    assert msgspec.json.encode(recorder.calls[0][1]) == b'{"name":"Alpha"}'
    for options in ({}, {"id": "ws_1", "name": "Alpha"}):
        with pytest.raises(ValueError, match="either `id` or `name`"):
            workspaces.get(**options)


class AppStore(Protocol):
    """The six methods that an app has of a store of its own, as the daemon's WorkspaceStore has them."""

    def get_all(self) -> list[Workspace]: ...
    def get_by_id(self, id_: str, /) -> Workspace | None: ...
    def get_by_name(self, name: str, /) -> Workspace | None: ...
    def save(self, workspace: Workspace, /) -> Workspace: ...
    def remove(self, id_: str, /) -> None: ...
    def flush(self) -> int: ...


def test_the_store_can_take_the_place_of_an_apps_own() -> None:
    recorder = Recorder()
    store: AppStore = store_api.Store(recorder)  # mypy compares the types
    store.get_all()
    store.get_by_id("ws_1")
    store.get_by_name("alpha")
    store.save(ALPHA)
    store.remove("ws_1")
    assert store.flush() == 0
    assert len(recorder.calls) == 6
