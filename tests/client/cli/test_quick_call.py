"""A call with what Python has loaded anyway, and the whole client where that does not do."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.cli.workspacectl import ctl_for
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, HungUp, Peer
from support.daemon_process import DaemonProcess
from workspaced_client.cli.base import quick_call as quick
from workspaced_client.cli.base.quick_call import decoded, quick_call

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_json_is_read_as_by_json(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert decoded(text) == json.loads(text)
    assert math.isnan(decoded("NaN"))


@pytest.mark.parametrize("text", ["", "{", '"\\x"', "[1,]", "nul"])
def test_another_text_is_an_error_and_no_value(text: str) -> None:
    with pytest.raises((ValueError, StopIteration)):
        decoded(text)


@given(st.text(), st.text())
def test_what_is_sent_is_json(text: str, key: str) -> None:
    value = {key: text, "tags": [text], "limit": 3}
    assert json.loads(quick._encoded(value)) == value  # noqa: SLF001 - what a socket would get


def test_a_large_answer_comes_in_parts(daemon: DaemonProcess) -> None:
    socket = str(daemon.socket)
    with daemon.client() as client:
        made = [
            client.workspaces.create(f"large {each}", "/srv", metadata={"a.b": "é" * 8_000}).id
            for each in range(12)
        ]
        answers = quick_call(socket, [("workspace.list", {}), ("workspace.get", {"id": made[0]})], 5)
        for id_ in made:
            client.store.remove(id_)
    assert answers is not None
    assert [each["id"] for each in answers[0]] == made
    assert answers[1]["name"] == "large 0"


def hang_up(peer: Peer) -> None:
    peer.request()
    raise HungUp


def refuse(peer: Peer) -> None:
    peer.refuse(peer.request().id, -32601, "There is no such method.")


ODD: dict[str, Callable[[Peer], object]] = {
    "an error": refuse,
    "the end": hang_up,
    "no JSON": lambda peer: peer.send(b"220 mail.example.org\n"),
    "no object": lambda peer: peer.send(b"[1]\n"),
    "no UTF-8": lambda peer: peer.send(b'{"id":0,"result":"\xff"}\n'),
    "an answer without an id": lambda peer: peer.send(b'{"result":1}\n'),
    "an id that was not given": lambda peer: peer.send(b'{"id":[],"result":1}\n'),
    "half an answer": lambda peer: peer.send(b'{"id":0,"res'),
    "silence": lambda peer: peer.request(),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_no_answer(serve: Serve, odd: str) -> None:
    def script(peer: Peer) -> None:
        ODD[odd](peer)
        peer.request()  # until the caller hangs up

    assert quick_call(str(serve(script)), [("daemon.ping", {})], 0.1) is None


def test_nothing_listens_or_the_path_is_no_path(socket_dir: Path) -> None:
    for path in (str(socket_dir / "none"), "/" + "x" * 300, str(socket_dir)):
        assert quick_call(path, [("daemon.ping", {})], 0.1) is None


def test_a_name_that_is_no_text_is_not_sent(daemon: DaemonProcess) -> None:
    assert quick_call(str(daemon.socket), [("workspace.get", {"name": "\udcff"})], 1) is None


def test_a_daemon_that_is_slow_now_and_then_is_asked_again(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaced_client.cli.base.asking.QUICK_SECONDS", 0.05)
    connections: list[Peer] = []
    found: dict[str, Any] = {"workspace.list": [], "daemon.status": {**STATUS, "recovery": CLEAN}}

    def script(peer: Peer) -> None:
        connections.append(peer)
        peer.hello()
        while True:
            request = peer.request()
            if len(connections) > 1:
                peer.answer(request, found[request.method])

    result = ctl_for(serve(script), capsys)("list")
    assert (result.code, result.err.split(".")[0]) == (0, "There are no workspaces")
    assert len(connections) == 2
