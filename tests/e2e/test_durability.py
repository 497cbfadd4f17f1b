"""What was answered outlives the process: SIGTERM, SIGKILL, and SIGKILL in the middle of writing."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Home, new_home
from support.documents import verified, without_revision, workspace_json
from support.raw_connection import RawConnection

UNICODE = (
    "日本語ワークスペース",
    "Ωμέγα 🚀👩‍👩‍👧",
    'q"uo\\te/\u2028\t',
    "caf\u00e9",
    "the\u0301",
    "\U0010ffff",
    "\x7f\x1f",
)


@dataclass
class Life:
    """What one daemon answered before it ended, and the next one after it started."""

    before: list[Any]
    revision: int
    after: list[Any] = field(default_factory=list[Any])
    status: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Story:
    """A store that was ended by SIGTERM, then by SIGKILL; the third daemon on it runs."""

    lives: dict[str, Life]
    keyed: dict[str, Any]
    connection: RawConnection


def ask(connection: RawConnection) -> tuple[list[Any], int]:
    return connection.call("store.getAll"), connection.revision()


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    lives: dict[str, Life] = {}
    keyed: dict[str, Any] = {}
    with new_home() as home, contextlib.ExitStack() as stack:
        daemon = DaemonProcess(home)
        stack.callback(daemon.close)

        def start() -> RawConnection:
            daemon.start()
            return stack.enter_context(RawConnection(home.socket))

        def remember(life: Life, connection: RawConnection) -> None:
            life.after = connection.call("store.getAll")
            life.status = connection.call("daemon.status")

        connection = start()
        connection.call("store.apply", changes=[{"save": workspace_json(number, 10)} for number in range(50)])
        for number, name in enumerate(UNICODE):
            root_path = f"/srv/{name.replace('/', '')}/{number}"
            # Control characters are refused in a new name: a workspace that an older release made may have them.
            saved = workspace_json(100 + number, name=name, rootPath=root_path)
            connection.call("store.save", workspace=saved)
        connection.call("workspace.close", id="ws_01HX" + f"{0:022d}")
        connection.call("store.remove", id="ws_01HX" + f"{1:022d}")
        lives["SIGTERM"] = Life(*ask(connection))
        assert daemon.stop() == 0

        connection = start()
        remember(lives["SIGTERM"], connection)
        connection.call("store.save", workspace=workspace_json(60, 3))
        renamed = connection.create("To be renamed")["id"]
        keyed["create"] = connection.request(
            "workspace.create", name="Keyed", rootPath="/k", requestKey="create 1"
        )
        keyed["id"] = connection.answer(keyed["create"])["result"]["id"]
        keyed["close"] = connection.request("workspace.close", id=keyed["id"], requestKey="close 1")
        connection.answer(keyed["close"])
        connection.call("workspace.update", id=renamed, name="Renamed ✓")
        lives["SIGKILL"] = Life(*ask(connection))
        daemon.kill()

        connection = start()
        remember(lives["SIGKILL"], connection)
        yield Story(lives, keyed, connection)


@pytest.mark.requirement("FR-005", "FR-006", "T011", "T015")
@pytest.mark.parametrize("ended_by", ["SIGTERM", "SIGKILL"])
def test_every_workspace_is_back_with_every_field(story: Story, ended_by: str) -> None:
    life = story.lives[ended_by]
    assert len(life.before) > 50
    assert life.after == life.before


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize("ended_by", ["SIGTERM", "SIGKILL"])
def test_the_revision_survives_and_the_start_is_clean(story: Story, ended_by: str) -> None:
    life = story.lives[ended_by]
    assert life.status["revision"] == life.revision
    assert life.status["recovery"]["outcome"] == "clean"
    assert life.status["recovery"]["quarantined"] == []


@pytest.mark.requirement("T015")
def test_unicode_names_and_paths_are_kept_as_given(story: Story) -> None:
    by_name = {each["name"]: each["rootPath"] for each in story.lives["SIGTERM"].after}
    for number, name in enumerate(UNICODE):
        assert by_name[name] == f"/srv/{name.replace('/', '')}/{number}"


def test_a_request_key_is_remembered_after_sigkill(story: Story) -> None:
    before = ask(story.connection)
    for name in ("create", "close"):
        answer = story.connection.answer(story.keyed[name])
        assert answer["result"]["id"] == story.keyed["id"]
        assert answer["result"]["state"] == "closed"
    assert ask(story.connection) == before


def test_revisions_go_on_where_they_were(story: Story) -> None:
    connection = story.connection
    before = connection.call("store.getById", id=workspace_json(60)["id"])
    revision = connection.revision()
    changed = connection.call(
        "workspace.update", id=before["id"], rootPath="/on", ifRevision=before["revision"]
    )
    assert changed["revision"] == revision + 1


@pytest.mark.requirement("NFR-004", "T011", "T012")
def test_the_files_have_the_written_form_and_are_small(home: Home, start: StartDaemon) -> None:
    start()
    workspaces = [workspace_json(number, 10) for number in range(50)]
    with RawConnection(home.socket) as connection:
        revision = connection.call("store.apply", changes=[{"save": each} for each in workspaces])["revision"]
        stored = connection.call("store.getAll")
    for path in (home.primary, home.snapshot):
        document = verified(path)
        assert list(document) == ["version", "storeId", "revision", "workspaces", "_checksum"]
        assert (document["version"], document["revision"]) == (3, revision)
        assert sorted(document["workspaces"], key=lambda each: int(each["createdAt"])) == stored
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len([line for line in lines if line.startswith('{"id":"ws_')]) == 50, "one workspace a line"
        assert path.stat().st_size < 150_000
    assert sum(path.stat().st_size for path in home.data_dir.rglob("*") if path.is_file()) < 1_000_000
    assert without_revision(stored) == without_revision(workspaces)


@pytest.mark.requirement("FR-005", "FR-007", "T015")
def test_sigkill_in_the_middle_of_writing_loses_nothing_answered(home: Home, start: StartDaemon) -> None:
    answered: dict[str, dict[str, Any]] = {}
    sent: dict[str, str] = {}
    for life in range(2):
        daemon = start()
        with RawConnection(home.socket) as connection:
            there = {each["id"]: each for each in connection.call("store.getAll")}
        assert answered.items() <= there.items()
        assert {each: there[each]["rootPath"] for each in there} == {each: sent[each] for each in there}
        answers = write_until_killed(daemon, home, life, sent)
        assert len(answers) >= 100
        answered = {**there, **answers}
    start()
    with RawConnection(home.socket) as connection:
        there = {each["id"]: each for each in connection.call("store.getAll")}
        status = connection.call("daemon.status")
        assert answered.items() <= there.items()
        assert {each: there[each]["rootPath"] for each in there} == {each: sent[each] for each in there}
        assert status["revision"] >= max(each["revision"] for each in there.values())
        assert status["recovery"]["outcome"] in ("clean", "recovered")
    assert list(home.data_dir.glob(".workspaces*.tmp")) == []


def write_until_killed(
    daemon: DaemonProcess, home: Home, life: int, sent: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Save from 4 connections, kill the daemon at the 100th answer; return what was answered, by id."""
    answered: dict[str, dict[str, Any]] = {}
    enough = threading.Event()

    def save(client: int) -> None:
        with RawConnection(home.socket) as connection, contextlib.suppress(EOFError, BrokenPipeError):
            for number in range(10_000):
                each = workspace_json(
                    number, 1, id=f"ws_{life}_{client}_{number}", name=f"{life} {client} {number}"
                )
                each["projects"][0]["workspaceId"] = each["id"]
                sent[each["id"]] = each["rootPath"]
                saved = connection.call("store.save", workspace=each)
                answered[saved["id"]] = saved
                if len(answered) >= 100:
                    enough.set()

    with ThreadPoolExecutor(4) as pool:
        saving = [pool.submit(save, client) for client in range(4)]
        assert enough.wait(30)
        daemon.kill()
    for each in saving:
        each.result()
    return answered
