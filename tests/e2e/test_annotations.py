"""Tags and metadata through everything that a workspace goes through: kills, copies, damage, clients of Python."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.conftest import NewName, StartDaemon
from support.daemon_process import DaemonProcess
from support.documents import workspace_json
from support.raw_connection import RawConnection
from support.waiting import wait_until
from workspaced_client import Claimed, Client, InvalidParams, Unsendable, Workspace

DEEP: dict[str, Any] = {"x": []}
for _ in range(31):
    DEEP = {"x": [DEEP]}
METADATA: dict[str, Any] = {
    "numbers": [0, -0.0, 1.0, 1, True, 2**53 - 1, -(2**53) + 1, 5e-324, 1.7976931348623157e308, 0.1, 1e22],
    "texts": ["", "\0", "\n", "\u2028", "😀", "</script>", '"_checksum":"x"'],
    "app.previous": {**workspace_json(900, 2), "name": "No workspace of its own"},
    "more": [{**workspace_json(901), "name": "Nor this"}],
    "_checksum": "0",
    "version": 9,
    "k" * 128: None,
}
TAGS = ["a b", "{", "É", "日本語"]


@pytest.fixture
def daemon(start: StartDaemon) -> DaemonProcess:
    return start()


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[Client]:
    with daemon.client() as client:
        yield client


@pytest.fixture
def guest(shared_daemon: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that this module's tests share."""
    with shared_daemon.client() as client:
        yield client


def text(workspace: Workspace) -> str:
    """All that an app knows of it but the revision, so that 1, 1.0 and True differ."""
    return json.dumps([workspace.tags, workspace.metadata, workspace.name, workspace.updated_at])


def make(client: Client) -> tuple[str, str]:
    made = [
        client.workspaces.create("Deep", "/deep", metadata=DEEP),
        client.workspaces.create("Wide", "/wide", tags=TAGS, metadata=METADATA),
    ]
    assert [json.dumps(each.metadata) for each in made] == [json.dumps(DEEP), json.dumps(METADATA)]
    deep, wide = (text(each) for each in made)
    return deep, wide


def both(client: Client) -> tuple[str, str]:
    return text(client.workspaces.get(name="Deep")), text(client.workspaces.get(name="Wide"))


def test_they_outlive_the_process(daemon: DaemonProcess, client: Client) -> None:
    given = make(client)
    for end in (daemon.kill, daemon.stop):
        end()
        daemon.start()
        assert both(client) == given
    assert client.daemon.status().recovery.outcome == "clean"
    assert not client.store.check().primary.corrupted
    client.workspaces.update(client.workspaces.get(name="Deep").id, tags=["new"])
    daemon.restart()
    assert both(client)[1] == given[1]


def test_a_copy_brings_them_back(daemon: DaemonProcess, client: Client) -> None:
    given = make(client)
    name = client.store.backup().name
    assert client.store.preview_restore(name).changed == ()
    wide = client.workspaces.get(name="Wide")
    client.workspaces.update(wide.id, tags=[], metadata=dict.fromkeys(METADATA))
    assert client.workspaces.get(wide.id).metadata == {}
    assert [text(each) for each in client.store.preview_restore(name).changed] == [given[1]]
    client.store.restore(name)
    assert both(client) == given
    daemon.restart()
    assert both(client) == given


@pytest.mark.parametrize("damage", [b"\n],", b'"Deep"'])
def test_salvage_brings_back_those_that_are_whole_and_nothing_from_inside(
    daemon: DaemonProcess, client: Client, damage: bytes
) -> None:
    given = make(client)
    daemon.stop()
    for file in (daemon.home.primary, daemon.home.snapshot):
        file.write_bytes(file.read_bytes().replace(damage, b"\x01" * len(damage)))
    daemon.start()
    assert client.daemon.status().recovery.outcome == "dataLoss"
    found = {each.name: text(each) for each in client.store.salvage().workspaces}
    whole = {"Deep": given[0], "Wide": given[1]} if b"Deep" not in damage else {"Wide": given[1]}
    assert found == whole


def test_a_client_of_python_reads_what_any_client_may_give(
    shared_daemon: DaemonProcess, guest: Client
) -> None:
    with RawConnection(shared_daemon.socket) as connection:
        for number, (key, value) in enumerate(METADATA.items()):
            given = {**workspace_json(number), "metadata": {key: value}, "tags": [f"tag {number}"]}
            stored = connection.call("store.save", workspace=given)
            read = guest.workspaces.get(stored["id"])
            assert json.dumps(read.metadata) == json.dumps({key: value})
            again = guest.store.save(read)
            assert json.dumps(again.metadata) == json.dumps(read.metadata)


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"a": float("nan")}, "metadata.a"),
        ({"a": [float("-inf")]}, "metadata.a[0]"),
        ({"a": 2**64}, "metadata.a"),
        ({"a": b"x"}, "metadata.a"),
        ({"a": {1: 2}}, "metadata.a"),
        ({"a": {1, 2}}, "metadata.a"),
        ({"a": "\ud800"}, "metadata.a"),
        ([1], "metadata"),
        ("text", "metadata"),
        ({"": 1}, "metadata"),
        ({"a": {"x": DEEP}}, "metadata"),
        ({"a": "é" * 9000}, "metadata"),
    ],
)
def test_what_is_no_metadata_is_refused_here_or_there(
    guest: Client, new_name: NewName, metadata: Any, path: str
) -> None:
    made = guest.workspaces.create(new_name(), "/x")
    whole = Workspace(
        id="ws_1",
        name="Never",
        root_path="/x",
        state="active",
        created_at=1,
        updated_at=1,
        metadata=metadata,
        projects=(),
    )
    calls: list[tuple[Callable[[], Workspace], str]] = [
        (lambda: guest.workspaces.create("Never", "/x", metadata=metadata), ""),
        (lambda: guest.workspaces.update(made.id, metadata=metadata), ""),
        (lambda: guest.store.save(whole), "workspace."),
    ]
    for call, prefix in calls:
        with pytest.raises((Unsendable, InvalidParams)) as caught:
            call()
        error = caught.value
        told = error.path if isinstance(error, InvalidParams) else str(error)
        assert f"{prefix}{path}" in (told or "")


def test_metadata_that_contains_itself_is_no_endless_call(guest: Client) -> None:
    endless: dict[str, Any] = {}
    endless["me"] = endless
    with pytest.raises(Unsendable, match="contain themselves"):
        guest.workspaces.create("Never", "/x", metadata=endless)


@pytest.mark.parametrize("tags", ["one text", 5, [1], [b"a"], [None]])
def test_what_are_no_tags_is_refused(guest: Client, tags: Any) -> None:
    with pytest.raises((Unsendable, InvalidParams), match="tags"):
        guest.workspaces.create("Never", "/x", tags=tags)
    with pytest.raises((Unsendable, InvalidParams), match="tags"):
        guest.workspaces.list(tags=tags)


def test_tags_come_in_any_iterable(guest: Client) -> None:
    for tags in ({"b", "a"}, ("a", "b", "B"), (tag for tag in "ba"), {"b": 1, "a": 2}):
        made = guest.workspaces.create("Iterable", "/x", tags=tags)
        assert [tag.lower() for tag in made.tags] == ["a", "b"]
        assert [each.id for each in guest.workspaces.list(tags=iter(["A"]))] == [made.id]
        guest.workspaces.delete(made.id)


def test_a_claim_lasts_as_long_as_its_connection(shared_daemon: DaemonProcess, guest: Client) -> None:
    made = guest.workspaces.create("Claimed", "/x")
    with shared_daemon.client() as holder:
        held = holder.sessions.begin(made.id, label="editor", exclusive=True)
        assert held.exclusive
        with pytest.raises(Claimed, match="“editor”") as caught:
            guest.sessions.begin(made.id, exclusive=True)
        assert caught.value.session == held
        assert caught.value.kind == "claimed"
        guest.sessions.begin(made.id)
    wait_until(lambda: not any(each.exclusive for each in guest.sessions.list(made.id)))
    assert guest.sessions.begin(made.id, exclusive=True).exclusive
