"""Paths belong to machines: two daemons on one shared store, each of which marks, checks and resolves its own paths alone."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec import structs

from support.documents import STORE_ID
from support.etcd import needs_etcd
from support.etcd_stores import open_etcd_store, prefix_of
from support.git_samples import make_repository
from support.samples import project, workspace
from support.serving import Client, Daemon, Json, Serve
from support.shared_store import SharedMemory
from support.waiting import until
from workspaced.domain.state import State
from workspaced.host.path_checks import look
from workspaced.store import WorkspaceStore
from workspaced.store.backups import Backups

_NAMES = ("laptop", "devbox")


class Machine(NamedTuple):
    """A machine of the shared store: its daemon and a client there."""

    daemon: Daemon
    client: Client

    async def sees(self, other: "Machine") -> None:
        """Wait until this machine has all that the other one has committed."""
        await until(
            lambda: self.daemon.writer.state.revision == other.daemon.writer.state.revision,
        )


@pytest.fixture(params=["memory", pytest.param("etcd", marks=needs_etcd)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sequence[WorkspaceStore]]:
    """The stores of the laptop and of the devbox: one store to both."""
    if request.param == "memory":
        memory = SharedMemory()
        yield [memory.open() for _ in _NAMES]
        return
    endpoints = request.getfixturevalue("etcd").endpoints
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                closing(open_etcd_store(endpoints, tmp_path / name, prefix=prefix_of(tmp_path), machine=name))
            )
            for name in _NAMES
        ]


@pytest.fixture
async def machines(serve: Serve, stores: Sequence[WorkspaceStore]) -> tuple[Machine, Machine]:
    """The laptop and the devbox of one user."""
    laptop, devbox = [await serve(store, machine=name) for name, store in zip(_NAMES, stores, strict=True)]
    return Machine(laptop, laptop.connect()), Machine(devbox, devbox.connect())


async def created(machine: Machine, root: Path, name: str = "Web") -> Json:
    made = await machine.client.result("workspace.create", name=name, rootPath=str(root))
    return dict(made)


def make(directory: Path) -> None:
    directory.mkdir(exist_ok=True)


async def bound(machine: Machine, workspace: Json, path: Path) -> Json:
    make(path)
    result = await machine.client.result("project.bind", workspaceId=workspace["id"], rootPath=str(path))
    return dict(result)


async def test_what_is_made_somewhere_carries_its_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    web = await created(devbox, tmp_path)
    assert web["machine"] == "devbox"
    await laptop.sees(devbox)
    web = await bound(laptop, web, tmp_path / "app")
    assert web["machine"] == "devbox"
    assert [each["machine"] for each in web["projects"]] == ["laptop"]
    repository = make_repository(tmp_path / "origin")
    target = str(tmp_path / "clone")
    web = await laptop.client.result(
        "project.clone", workspaceId=web["id"], gitUrl=str(repository), targetDir=target
    )
    assert [each["machine"] for each in web["projects"]] == ["laptop", "laptop"]
    for machine, name in ((laptop, "laptop"), (devbox, "devbox")):
        assert (await machine.client.result("daemon.status"))["machine"] == name


async def test_the_history_and_the_events_tell_on_which_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    await laptop.client.result("events.subscribe", topics=["workspace.created"])
    await created(devbox, tmp_path)
    (event,) = await laptop.client.notified()
    (entry,) = await laptop.client.result("history.list")
    assert event["payload"]["by"]["machine"] == event["peer"]["machine"] == "devbox"
    assert entry["by"] == event["payload"]["by"]


async def test_a_daemon_checks_only_paths_of_its_own_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    web = await bound(devbox, await created(devbox, tmp_path), tmp_path / "there")
    await laptop.sees(devbox)
    web = await bound(laptop, web, tmp_path / "here")
    for name in ("here", "there"):
        (tmp_path / name).rmdir()
    web = await laptop.client.result("project.check", workspaceId=web["id"])
    assert [(each["machine"], each["status"]) for each in web["projects"]] == [
        ("devbox", "active"),
        ("laptop", "stale"),
    ]
    await devbox.sees(laptop)
    await devbox.client.result("workspace.close", id=web["id"])
    web = await devbox.client.result("workspace.open", id=web["id"])
    assert [each["status"] for each in web["projects"]] == ["stale", "stale"]


async def test_one_path_of_two_machines_is_two_directories(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    """The test's machines share a disk: so the same path, the same directory even, is bound once on each."""
    laptop, devbox = machines
    web = await bound(devbox, await created(devbox, tmp_path), tmp_path / "app")
    await laptop.sees(devbox)
    web = await bound(laptop, web, tmp_path / "app")
    assert [each["machine"] for each in web["projects"]] == ["devbox", "laptop"]
    refused = await laptop.client.refusal(
        "project.bind", workspaceId=web["id"], rootPath=str(tmp_path / "app")
    )
    assert (refused.code, refused.data["id"]) == (1006, web["projects"][1]["id"])
    (tmp_path / "app").rmdir()
    web = await laptop.client.result("project.check", workspaceId=web["id"])
    assert [each["status"] for each in web["projects"]] == ["active", "stale"]


async def test_a_daemon_does_not_look_at_a_path_of_another_machine(
    machines: tuple[Machine, Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it may lead to a disk that hangs."""
    laptop, devbox = machines
    web = await bound(devbox, await created(devbox, tmp_path), tmp_path / "there")
    await laptop.sees(devbox)
    looked_at: list[str] = []

    def note_and_look(path: str, resolve: bool) -> object:
        looked_at.append(path)
        return look(path, resolve)

    monkeypatch.setattr(laptop.daemon.paths, "look", note_and_look)
    await bound(laptop, web, tmp_path / "here")
    await laptop.client.result("project.check", workspaceId=web["id"])
    assert set(looked_at) == {str(tmp_path / "here")}


async def test_a_path_is_resolved_among_those_of_its_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    theirs = await created(devbox, tmp_path / "w", "Theirs")
    await laptop.sees(devbox)
    assert (await laptop.client.refusal("workspace.resolve", path=str(tmp_path / "w/x"))).code == 1001
    ours = await created(laptop, tmp_path / "w", "Ours")
    await devbox.sees(laptop)
    for machine, expected in ((laptop, ours), (devbox, theirs)):
        found = await machine.client.result("workspace.resolve", path=str(tmp_path / "w/x"))
        assert (found["workspace"]["id"], found["relativePath"]) == (expected["id"], "x")
    # A workspace that moves here is found here, and there no longer.
    await laptop.client.result("workspace.update", id=theirs["id"], rootPath=str(tmp_path / "w/x"))
    await devbox.sees(laptop)
    moved = await laptop.client.result("workspace.resolve", path=str(tmp_path / "w/x"))
    assert (moved["workspace"]["id"], moved["workspace"]["machine"]) == (theirs["id"], "laptop")
    assert (await devbox.client.refusal("workspace.resolve", path=str(tmp_path / "w/x"))).code == 1001


async def test_after_a_gap_a_path_is_resolved_among_those_of_its_machine(serve: Serve) -> None:
    memory = SharedMemory()
    stores = [memory.open() for _ in _NAMES]
    laptop, devbox = [
        Machine(daemon, daemon.connect())
        for daemon in [await serve(store, machine=name) for name, store in zip(_NAMES, stores, strict=True)]
    ]
    ours = await created(laptop, Path("/w/ours"), "Ours")
    assert (await laptop.client.result("workspace.resolve", path="/w/ours"))["workspace"]["id"] == ours["id"]
    stores[0].loses_track = True
    await created(devbox, Path("/w/theirs"), "Theirs")
    await laptop.sees(devbox)
    assert (await laptop.client.result("workspace.resolve", path="/w/ours"))["workspace"]["id"] == ours["id"]
    assert (await laptop.client.refusal("workspace.resolve", path="/w/theirs")).code == 1001


async def test_an_update_without_a_path_moves_nothing(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    web = await created(devbox, tmp_path)
    await laptop.sees(devbox)
    renamed = await laptop.client.result("workspace.update", id=web["id"], name="Site", tags=["a"])
    assert renamed["machine"] == "devbox"


async def test_an_app_that_knows_no_machines_keeps_them_by_saving(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    web = await bound(devbox, await created(devbox, tmp_path), tmp_path / "app")
    await laptop.sees(devbox)
    plain = {name: value for name, value in web.items() if name != "machine"}
    plain["projects"] = [
        {name: value for name, value in each.items() if name != "machine"} for each in web["projects"]
    ]
    saved = await laptop.client.result("store.save", workspace=plain)
    assert less_revision(saved) == less_revision(web)
    # A path that is new was typed here.
    added = {**plain["projects"][0], "id": "proj_2", "rootPath": "/elsewhere"}
    changed = {**plain, "rootPath": "/moved", "projects": [*plain["projects"], added]}
    await laptop.client.result("store.apply", changes=[{"save": changed}])
    saved = await laptop.client.result("workspace.get", id=web["id"])
    assert saved["machine"] == "laptop"
    assert [each["machine"] for each in saved["projects"]] == ["devbox", "laptop"]
    # A machine that is given is kept, as all that a client saves.
    saved = await laptop.client.result("store.save", workspace={**web, "machine": "server"})
    assert saved["machine"] == "server"


async def test_undo_puts_back_the_machine(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    laptop, devbox = machines
    web = await created(devbox, tmp_path)
    await laptop.sees(devbox)
    moved = await laptop.client.result("workspace.update", id=web["id"], rootPath=str(tmp_path))
    assert moved["machine"] == "laptop"
    undone = await laptop.client.result("history.undo", revision=moved["revision"])
    assert undone["machine"] == "devbox"
    await laptop.client.result("workspace.delete", id=web["id"])
    (entry,) = await laptop.client.result("history.list", limit=1)
    undone = await laptop.client.result("history.undo", revision=entry["revision"])
    assert undone["machine"] == "devbox"


async def test_a_clone_needs_a_directory_of_this_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    web = await created(devbox, tmp_path / "there")
    await laptop.sees(devbox)
    url = str(make_repository(tmp_path / "origin"))
    refused = await laptop.client.refusal("project.clone", workspaceId=web["id"], gitUrl=url)
    assert (refused.code, refused.data["path"]) == (-32602, "targetDir")
    assert refused.message == (
        f"The root path of workspace “Web” is on another machine (devbox:{tmp_path}/there): give `targetDir`, a directory of "
        "this machine."
    )
    assert not (tmp_path / "there").exists()
    cloned = await devbox.client.result("project.clone", workspaceId=web["id"], gitUrl=url)
    assert [each["rootPath"] for each in cloned["projects"]] == [f"{tmp_path}/there/origin"]


async def test_a_name_that_is_taken_says_on_which_machine(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    await created(devbox, tmp_path)
    await laptop.sees(devbox)
    refused = await laptop.client.refusal("workspace.create", name="web", rootPath="/src")
    assert refused.message == f"The name “web” is taken by “Web” at devbox:{tmp_path}: choose another."


@pytest.mark.parametrize("wrong", ["", "-oProxyCommand=x", "a b", "a:b", "ada@devbox", "é", "a\n", "x" * 254])
async def test_a_machine_that_is_no_host_name_is_refused(serve: Serve, wrong: str) -> None:
    client = (await serve()).connect()
    given = msgspec.to_builtins(workspace(projects=(project(1, "ws_01"),)))
    refused = await client.refusal("store.save", workspace={**given, "machine": wrong})
    assert (refused.code, refused.data["path"]) == (-32602, "workspace.machine")
    assert "expected a host name" in refused.message
    of_project = {**given, "projects": [{**given["projects"][0], "machine": wrong}]}
    refused = await client.refusal("store.save", workspace=of_project)
    assert (refused.code, refused.data["path"]) == (-32602, "workspace.projects[0].machine")
    assert await client.result("store.getAll") == []


async def test_a_backup_from_before_there_were_machines_comes_back_here(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    laptop, devbox = machines
    theirs = workspace(1, root_path="/src/a")
    source = str(tmp_path / "copy.json")
    Backups(tmp_path).write_to(Path(source), State.of((theirs, workspace(2)), store_id=STORE_ID))
    await devbox.client.result("store.save", workspace=msgspec.to_builtins(theirs))
    await laptop.sees(devbox)
    # The copy has what is stored, and one more: the stored one is no difference.
    preview = await laptop.client.result("store.previewRestore", source=source)
    assert [(each["id"], each["machine"]) for each in preview["added"]] == [("ws_02", "laptop")]
    assert (preview["changed"], preview["removed"]) == ([], [])
    await laptop.client.result("store.restore", source=source)
    stored = await laptop.client.result("store.getAll")
    assert [(each["id"], each["machine"]) for each in stored] == [("ws_01", "devbox"), ("ws_02", "laptop")]


async def test_in_a_store_of_its_own_a_machine_knows_its_paths_in_copies_of_a_shared_one(
    serve: Serve, tmp_path: Path
) -> None:
    """So the backups of a shared store that is lost are of use on each machine."""
    source = str(tmp_path / "copy.json")
    copied = tuple(
        structs.replace(workspace(number, root_path=f"/src/{name}"), machine=name)
        for number, name in ((1, "laptop"), (2, "devbox"))
    )
    Backups(tmp_path).write_to(Path(source), State.of(copied, store_id=STORE_ID))
    client = (await serve(host_name="laptop")).connect()
    await client.result("store.restore", source=source)
    stored = await client.result("store.getAll")
    assert [each.get("machine") for each in stored] == [None, "devbox"]
    assert (await client.result("workspace.resolve", path="/src/laptop"))["workspace"] == stored[0]
    assert (await client.refusal("workspace.resolve", path="/src/devbox")).code == 1001
    saved = await client.result("store.save", workspace={**stored[1], "machine": "laptop"})
    assert "machine" not in saved
    preview = await client.result("store.previewRestore", source=source)
    assert [each["id"] for each in preview["changed"]] == ["ws_02"]
    assert "machine" not in await client.result("daemon.status")


async def test_a_store_of_one_machine_tells_of_none(serve: Serve, tmp_path: Path) -> None:
    daemon = await serve()
    client = daemon.connect()
    web = await client.result("workspace.create", name="Web", rootPath=str(tmp_path))
    (tmp_path / "app").mkdir()
    await client.result("project.bind", workspaceId=web["id"], rootPath=str(tmp_path / "app"))
    for method in ("workspace.list", "history.list", "daemon.status"):
        assert '"machine"' not in msgspec.json.encode(await client.result(method)).decode()
    assert all(b'"machine"' not in record.json for record in daemon.writer.state.ordered)


def less_revision(workspace: Json) -> Json:
    return {name: value for name, value in workspace.items() if name != "revision"}
