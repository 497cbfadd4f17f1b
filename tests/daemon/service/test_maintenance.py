"""Backups and restores that clients ask for at the same time, at odd paths, and on disks that hang."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.serving import Client, Daemon, error_of, notification
from support.waiting import until
from workspaced.store.backups import Backups
from workspaced.store.disk import Disk

AT_ONCE = 8  # calls at paths that clients name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the daemon under test keeps its copies."""
    return tmp_path / "data" / "backups"


async def answers(client: Client, count: int) -> list[Any]:
    """The next answers of a client, in the order in which they come."""
    return [await client.receive() for _ in range(count)]


async def cancel(client: Client, id_: int) -> None:
    await client.send(msgspec.json.encode(notification("$/cancelRequest", {"id": id_})) + b"\n")


# At the same time


@pytest.mark.requirement("FR-005")
async def test_backups_that_two_clients_ask_for_at_once_are_all_made(daemon: Daemon, folder: Path) -> None:
    clients = [daemon.connect(), daemon.connect()]
    for _ in range(20):
        for client in clients:
            await client.request("store.backup")
    made = [answer["result"] for client in clients for answer in await answers(client, 20)]
    assert {each["name"] for each in made} == set(os.listdir(folder))


async def test_a_backup_that_nobody_waits_for_any_more_is_not_disturbed(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = threading.Event(), threading.Event()
    rename = Disk.rename

    def hang(disk: Disk, source: str, target: str, dir_fd: int) -> None:
        began.set()
        may_end.wait(30)
        rename(disk, source, target, dir_fd)

    monkeypatch.setattr(Disk, "rename", hang)
    first = await client.request("store.backup")
    await until(began.is_set)
    await cancel(client, first)
    assert (await client.receive())["id"] == first
    (under_way,) = os.listdir(folder)
    second = await client.request("store.backup")
    await wait_all_tasks_blocked(0.01)
    assert os.listdir(folder) == [under_way]
    assert await client.result("store.listBackups") == []
    may_end.set()
    answer = await client.receive()
    assert answer["id"] == second
    assert "result" in answer


@pytest.mark.requirement("FR-005")
async def test_what_a_killed_process_left_is_removed_and_what_is_under_way_is_not(
    client: Client, folder: Path
) -> None:
    """A copy may be made at a path in `backups/`, too, while another one is made there."""
    left, under_way = trio.Path(folder / ".workspaces-1.tmp"), trio.Path(folder / ".workspaces-2.tmp")
    await left.parent.mkdir(mode=0o700, parents=True)
    await left.touch()
    await client.result("store.backup")
    assert not await left.exists()
    await under_way.touch()
    await client.result("store.backup")
    assert await under_way.exists()


# At odd paths


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("store.backup", {"path": "/a\0b"}),
        ("store.backup", {"path": "/x/a\0b/c"}),
        ("store.backup", {"path": "/"}),
        ("store.backup", {"path": "//"}),
        ("store.backup", {"path": "/x/.."}),
        ("store.backup", {"path": "x"}),
        ("store.backup", {"path": ""}),
        ("store.previewRestore", {"source": "/x/a\0b"}),
        ("store.previewRestore", {"source": "/a\0b/c"}),
        ("store.previewRestore", {"source": "a\0b"}),
        ("store.previewRestore", {"source": ""}),
        ("store.previewRestore", {"source": "."}),
        ("store.previewRestore", {"source": ".."}),
        ("store.previewRestore", {"source": "/"}),
        ("store.restore", {"source": "/x/a\0b"}),
        ("store.restore", {"source": "a\0b"}),
    ],
)
async def test_what_can_not_be_the_path_of_a_copy_is_refused_with_its_param(
    client: Client, method: str, params: dict[str, str]
) -> None:
    code, message, data = await client.refusal(method, **params)
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": next(iter(params))})
    assert "\0" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a\0b", "NUL"),
        ("missing", "No such file"),
        (".", "not a regular file"),
        ("link", "symbolic link"),
        ("fifo", "not a regular file"),
        ("file/below", "Not a directory"),
    ],
)
async def test_a_file_that_can_not_be_salvaged_is_named(
    client: Client, tmp_path: Path, name: str, told: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    files = [str(tmp_path / "file"), f"{tmp_path}/{name}"]
    code, message, data = await client.refusal("store.salvage", files=files)
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": "files[1]"})
    assert told in message
    assert message.endswith(".")
    assert await client.result("store.salvage", files=files[:1]) == {"workspaces": [], "files": files[:1]}


# On disks that hang


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Calls at paths below /hung hang; the function ends them."""
    may_end = threading.Event()

    def hanging(really: Callable[..., Any]) -> Callable[..., Any]:
        def call(copies: Backups, path: object, *arguments: object) -> object:
            if str(path).startswith("/hung"):
                may_end.wait(30)
            return really(copies, path, *arguments)

        return call

    for name in ("read", "write_to"):
        monkeypatch.setattr(Backups, name, hanging(getattr(Backups, name)))
    return may_end.set


@pytest.mark.parametrize(
    ("method", "param"),
    [("store.backup", "path"), ("store.previewRestore", "source"), ("store.restore", "source")],
)
async def test_paths_that_hang_keep_nobody_from_what_is_at_others(
    daemon: Daemon, hung: Callable[[], None], tmp_path: Path, method: str, param: str
) -> None:
    client, other = daemon.connect(), daemon.connect()
    ids = {await client.request(method, **{param: f"/hung/{number}"}) for number in range(40)}
    refused = await answers(client, 40 - AT_ONCE)
    assert {answer["error"]["code"] for answer in refused} == {2004}
    assert "try again" in refused[0]["error"]["message"]
    for id_ in ids - {answer["id"] for answer in refused}:
        await cancel(client, id_)
    assert {answer["error"]["code"] for answer in await answers(client, AT_ONCE)} == {-32800}

    assert isinstance(await other.result("store.check"), dict)
    made: Any = await other.result("store.backup")
    assert await other.result("store.listBackups") == [made]
    assert isinstance(await other.result("store.previewRestore", source=made["name"]), dict)
    await other.result("store.salvage")
    target = str(tmp_path / "clone")
    code, *_ = await other.refusal(
        "project.clone", workspaceId="ws_01", gitUrl="file:///nowhere", targetDir=target
    )
    assert code == 3002  # so git was started

    copy = str(tmp_path / "copy")
    assert (await client.refusal("store.backup", path=copy))[0] == 2004  # threads were left at the others
    hung()
    while "error" in (answer := await client.call("store.backup", path=copy)):
        assert error_of(answer)[0] == 2004  # they are not back yet
    assert isinstance(await client.result("store.previewRestore", source=copy), dict)


async def test_a_disk_that_does_not_answer_is_told_in_time(
    client: Client, hung: Callable[[], None], autojump_clock: MockClock
) -> None:
    code, message, data = await client.refusal("store.previewRestore", source="/hung/copy")
    assert (code, data["errno"]) == (2003, errno.ETIMEDOUT)
    assert message == "The disk did not answer within 30 s."
    hung()
