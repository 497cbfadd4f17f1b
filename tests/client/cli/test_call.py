"""`workspacectl call`: any method, for scripts."""

import io
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from client.cli.workspacectl import WORKSPACECTL, Ctl, run_here, user_environment
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, Peer


def test_params_by_name_by_position_and_from_stdin(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ctl("call", "workspace.create", '{"name": "alpha", "rootPath": "/srv/a"}')
    assert (made.code, made.err) == (0, "")
    assert ctl("call", "workspace.get", json.dumps([made.json["id"]])).json == made.json
    text = b'{"name": "ALPHA"}\n'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert ctl("call", "workspace.get", "-").json == made.json
    assert ctl("call", "workspace.list").json == [made.json]
    assert ctl("call", "daemon.ping").json == "pong"


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "told"),
    [
        (("workspace.get", '{"name": "never"}'), 1, "notFound", "never"),
        (("workspace.get", '{"nmae": "x"}'), 1, "invalidParams", "`nmae` is unknown"),
        (("workspace.gett",), 1, "methodNotFound", "Did you mean “workspace.get”"),
        (("workspace.get", "{name}"), 2, "usage", "The params “{name}” are no JSON"),
        (("workspace.get", "3"), 2, "usage", "neither an object nor an array"),
        (("daemon.ping", "[1]"), 2, "usage", "daemon.ping takes 0 params (none), not 1."),
        (("later.method", "[1]"), 2, "usage", "give them by name, as an object"),
        (("workspace.get", '{"a": 1e999}'), 2, "usage", "can't be sent"),
        (
            ("workspace.get", r'{"name": "\ud800"}'),
            2,
            "usage",
            "`name` is a str with half of a surrogate pair",
        ),
        (("workspace.get", '"\udcff"'), 2, "usage", "can't decode byte 0xff"),
    ],
)
def test_errors_are_json(ctl: Ctl, arguments: tuple[str, ...], code: int, kind: str, told: str) -> None:
    result = ctl("call", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.error["kind"] == kind
    assert told in result.error["message"]


@pytest.mark.parametrize(("redirection", "told"), [("<&-", "it is closed"), ("0>/dev/null", "can't be read")])
def test_params_from_a_stdin_that_gives_none(tmp_path: Path, redirection: str, told: str) -> None:
    command = f'exec "$0" call daemon.ping - {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, WORKSPACECTL],
        stderr=subprocess.PIPE,
        env=user_environment(tmp_path),
        check=False,
    )
    assert done.returncode == 2
    assert told in json.loads(done.stderr)["message"]


def test_a_method_of_a_later_daemon_is_called(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("daemon.status"), {**STATUS, "recovery": CLEAN})
        peer.answer(peer.expect("later.method"), {"new": [1, None]})

    result = run_here(capsys, "--socket", str(serve(script)), "call", "later.method", '{"x": 1}')
    assert (result.code, result.json) == (0, {"new": [1, None]})
