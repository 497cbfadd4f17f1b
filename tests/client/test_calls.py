"""Calls and their answers, through each client: what is sent, and what is made of what comes back."""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from client.conftest import Connect
from client.fake_server import (
    CLEAN,
    HELLO,
    PATIENCE_SECONDS,
    STATUS,
    Peer,
    Request,
    answering,
    greeting,
    line,
)
from workspaced_client import (
    BadAnswer,
    Change,
    Hello,
    ProjectBinding,
    ResolvedPath,
    Session,
    Unsendable,
    UsedAfterFork,
    Workspace,
    WorkspaceUsage,
)
from workspaced_protocol import PROTOCOL_VERSION

WORKSPACE = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/alpha",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 2,
    "revision": 3,
    "projects": [
        {"id": "proj_1", "workspaceId": "ws_1", "rootPath": "/alpha/p", "status": "stale", "boundAt": 4}
    ],
}
ALPHA = Workspace(
    id="ws_1",
    name="Alpha",
    root_path="/alpha",
    state="active",
    created_at=1,
    updated_at=2,
    revision=3,
    projects=(
        ProjectBinding(id="proj_1", workspace_id="ws_1", root_path="/alpha/p", status="stale", bound_at=4),
    ),
)
SESSION = {"id": "ss_1", "workspaceId": "ws_1", "label": None, "pid": 7, "startedAt": 5}


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/editor", "x"], "editor"),
        (["/lib/tool/__main__.py"], "tool"),
        (["-c"], Path(sys.executable).name),
        ([""], Path(sys.executable).name),
        (["bad\udcff"], "bad?"),
    ],
)
def test_says_hello_with_the_programs_name(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, argv: list[str], name: str
) -> None:
    monkeypatch.setattr("sys.argv", argv)
    asked: list[Request] = []

    def script(peer: Peer) -> None:
        asked.append(peer.request())
        peer.answer(asked[0], HELLO)
        peer.answer(peer.expect("daemon.status"), {**STATUS, "recovery": CLEAN})

    connect(script)
    assert asked[0].method == "daemon.hello"
    assert asked[0].params == {"client": name, "protocol": PROTOCOL_VERSION}


def test_results_become_models(connect: Connect) -> None:
    results: dict[str, object] = {
        "daemon.hello": HELLO,
        "daemon.ping": "pong",
        "workspace.get": WORKSPACE,
        "workspace.list": [WORKSPACE, WORKSPACE],
        "workspace.delete": None,
        "workspace.resolve": {
            "workspace": WORKSPACE,
            "project": WORKSPACE["projects"][0],  # type: ignore[index]  # WORKSPACE is a dict of many types
            "relativePath": "src",
        },
        "workspace.touch": None,
        "workspace.usage": [{"workspaceId": "ws_1", "lastUsedAt": 7, "score": 1.5}],
        "session.begin": SESSION,
        "store.getById": None,
        "store.getByName": WORKSPACE,
        "store.flush": {"revision": 12},
        "store.apply": {"revision": 13},
    }
    client = connect(answering(lambda request: results[request.method]))
    assert client.daemon.hello() == Hello(
        server="workspaced", version="9.9.9", protocol=1, capabilities=("x",)
    )
    client.daemon.ping()
    assert client.workspaces.get("ws_1") == ALPHA
    assert client.workspaces.list() == [ALPHA, ALPHA]
    client.workspaces.delete("ws_1")
    assert client.workspaces.resolve("/alpha/p/src") == ResolvedPath(
        workspace=ALPHA, project=ALPHA.projects[0], relative_path="src"
    )
    client.workspaces.touch("ws_1")
    assert client.workspaces.usage() == [WorkspaceUsage(workspace_id="ws_1", last_used_at=7, score=1.5)]
    assert client.sessions.begin("ws_1") == Session(
        id="ss_1", workspace_id="ws_1", label=None, pid=7, started_at=5
    )
    assert client.store.get_by_id("ws_2") is None
    assert client.store.get_by_name("alpha") == ALPHA
    assert client.store.flush() == 12
    assert client.store.apply([]) == 13


def test_sends_what_was_given_and_leaves_out_what_was_not(connect: Connect) -> None:
    asked: list[Request] = []

    def reply(request: Request) -> object:
        asked.append(request)
        others: dict[str, object] = {
            "store.apply": {"revision": 1},
            "session.begin": SESSION,
            "workspace.resolve": {"workspace": WORKSPACE, "relativePath": ""},
        }
        return others.get(request.method, WORKSPACE)

    client = connect(answering(reply))
    client.workspaces.create("Straße\n😀", Path("/alpha"))
    client.workspaces.update("ws_1", root_path=Path("/beta"))
    client.workspaces.update("ws_1", name="", if_revision=0)
    client.workspaces.get(name="alpha")
    client.workspaces.resolve(Path("/alpha"))
    client.sessions.begin("ws_1")
    client.store.save(ALPHA, if_revision=9)
    client.store.apply([Change(save=ALPHA), Change(remove="ws_2")])
    assert [request.params for request in asked] == [
        {"name": "Straße\n😀", "rootPath": "/alpha"},
        {"id": "ws_1", "rootPath": "/beta"},
        {"id": "ws_1", "name": "", "ifRevision": 0},
        {"name": "alpha"},
        {"path": "/alpha"},
        {"workspaceId": "ws_1"},
        {"workspace": WORKSPACE, "ifRevision": 9},
        {"changes": [{"save": WORKSPACE}, {"remove": "ws_2"}]},
    ]


def test_call_takes_and_gives_plain_values(connect: Connect) -> None:
    client = connect(answering(lambda request: [request.method, request.params, None, 1.5, True]))
    assert client.call("some.method", {"a": [1, None], "b": {}}) == [
        "some.method",
        {"a": [1, None], "b": {}},
        None,
        1.5,
        True,
    ]
    assert client.call("other") == ["other", {}, None, 1.5, True]


@pytest.mark.parametrize("value", [object(), "\ud800", {1: set("a"), "b": object}])
def test_params_that_are_no_json_are_refused_here(connect: Connect, value: object) -> None:
    client = connect(answering(lambda request: request.params))
    with pytest.raises(Unsendable, match=r"^some\.method was not sent") as caught:
        client.call("some.method", {"value": value})
    assert caught.value.method == "some.method"
    assert client.call("next") == {}


def test_a_method_that_is_no_text_is_refused_here(connect: Connect) -> None:
    client = connect(answering(lambda request: request.params))
    with pytest.raises(Unsendable):
        client.call("\ud800")
    assert client.call("next") == {}


def test_a_circle_is_refused_here(connect: Connect) -> None:
    client = connect(answering(lambda request: request.params))
    circle: dict[str, object] = {}
    circle["itself"] = circle
    with pytest.raises(Unsendable, match="nested too deeply, or contain themselves"):
        client.call("some.method", circle)


def test_members_of_a_newer_daemon_are_left_out(connect: Connect) -> None:
    project = {**WORKSPACE["projects"][0], "new": 1}  # type: ignore[index] # WORKSPACE is a dict of many types
    newer = {**WORKSPACE, "new": {"deep": [1]}, "projects": [project]}
    results: dict[str, object] = {
        "workspace.get": newer,
        "store.getAll": [newer],
        "store.getById": newer,
        "store.flush": {"revision": 1, "new": 2},
    }
    client = connect(answering(lambda request: results[request.method]))
    assert client.workspaces.get("ws_1") == ALPHA
    assert client.store.get_all() == [ALPHA]
    assert client.store.get_by_id("ws_1") == ALPHA
    assert client.store.flush() == 1


def test_members_of_a_newer_daemon_do_not_keep_a_client_from_connecting(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        hello = peer.expect("daemon.hello")
        peer.send(line({"jsonrpc": "2.0", "id": hello.id, "result": {**HELLO, "new": {"a": [1]}}, "new": 1}))
        newer = {**STATUS, "recovery": {**CLEAN, "new": 1}, "store": {"state": "ok", "new": None}, "new": [1]}
        peer.answer(peer.expect("daemon.status"), newer)
        peer.answer(peer.expect("daemon.status"), newer)

    assert connect(script).daemon.status().store.state == "ok"


@pytest.mark.parametrize("result", [{"id": "ws_1"}, [], None, {**WORKSPACE, "state": 1}])
def test_a_result_of_another_shape_fails_its_call_alone(connect: Connect, result: object) -> None:
    client = connect(answering(lambda request: result if request.method == "workspace.open" else WORKSPACE))
    with pytest.raises(BadAnswer, match=r"^workspace\.open got an answer that makes no sense") as caught:
        client.workspaces.open("ws_1")
    assert caught.value.outcome_unknown
    assert client.workspaces.close("ws_1") == ALPHA


def test_answers_split_byte_by_byte(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        for _ in range(2):
            request = peer.request()
            for byte in line({"jsonrpc": "2.0", "id": request.id, "result": "é\n" * 20}):
                peer.send(bytes([byte]))

    client = connect(greeting(script))
    assert client.call("a") == "é\n" * 20
    assert client.call("b") == "é\n" * 20


def test_a_long_answer_comes_whole(connect: Connect) -> None:
    many = [{**WORKSPACE, "id": f"ws_{number}", "name": "n" * 1000} for number in range(5000)]
    client = connect(answering(lambda _request: many))
    found = client.store.get_all()
    assert [workspace.id for workspace in found] == [workspace["id"] for workspace in many]


def test_several_answers_and_more_in_one_piece(connect: Connect) -> None:
    asked = [Event(), Event()]

    def script(peer: Peer) -> None:
        first = peer.request()
        asked[0].set()
        second = peer.request()
        answers = [line({"jsonrpc": "2.0", "id": call.id, "result": call.method}) for call in (second, first)]
        notification = line({"jsonrpc": "2.0", "method": "event", "params": {}})
        together = notification + b"\n \n" + b"".join(answers) + notification
        peer.send(together[:-5])
        peer.send(together[-5:])
        peer.answer(peer.request(), "third")

    client = connect(greeting(script))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.call, "first")
        assert asked[0].wait(PATIENCE_SECONDS)
        second = pool.submit(client.call, "second")
        assert first.result() == "first"
        assert second.result() == "second"
    assert client.call("third") == "third"


def test_a_slow_call_does_not_delay_another(connect: Connect) -> None:
    slow_asked = Event()

    def script(peer: Peer) -> None:
        slow = peer.expect("slow")
        slow_asked.set()
        for _ in range(3):
            peer.answer(peer.expect("fast"), "fast")
        peer.expect("now")
        peer.answer(slow, "slow")

    client = connect(greeting(script))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(client.call, "slow")
        assert slow_asked.wait(PATIENCE_SECONDS)
        for _ in range(3):
            assert client.call("fast") == "fast"
        now = pool.submit(client.call, "now", timeout_seconds=0.01)
        assert slow.result() == "slow"
        assert now.exception() is not None


def test_many_threads_get_each_its_own_answers(connect: Connect) -> None:
    threads, calls = 16, 50
    shuffled = random.Random(7)

    def script(peer: Peer) -> None:
        held: list[Request] = []
        while True:
            if held and not peer.has_more():
                request = held.pop(shuffled.randrange(len(held)))
                peer.answer(request, request.params)
            else:
                held.append(peer.request())

    client = connect(greeting(script))

    def caller(thread: int) -> list[object]:
        return [client.call("echo", {"of": [thread, number]}) for number in range(calls)]

    with ThreadPoolExecutor(threads) as pool:
        for thread, results in enumerate(pool.map(caller, range(threads))):
            assert results == [{"of": [thread, number]} for number in range(calls)]


def test_a_request_is_one_line(connect: Connect) -> None:
    lines: list[bytes] = []

    def script(peer: Peer) -> None:
        data = b""
        while not data.endswith(b"\n"):
            data += peer.socket.recv(65536)
        lines.append(data)
        peer.send(line({"jsonrpc": "2.0", "id": json.loads(data)["id"], "result": None}))

    connect(greeting(script)).call("a\nb", {"c\nd": "e\r\nf"})
    assert lines[0].count(b"\n") == 1
    assert json.loads(lines[0])["params"] == {"c\nd": "e\r\nf"}


def test_a_child_process_is_refused(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(answering(lambda request: request.method))
    with monkeypatch.context() as patched:
        patched.setattr("os.getpid", lambda: -1)
        with pytest.raises(UsedAfterFork):
            client.call("in the child")
    assert client.call("in the parent") == "in the parent"
