"""The published examples, with a real daemon: those of the contract, and the Python of the documents."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.daemon_process import Home
from support.git_samples import make_repository
from support.raw_connection import RawConnection, wait_for_connections
from support.repository import ROOT
from support.waiting import PATIENCE_SECONDS
from workspaced_protocol import examples as e

# What differs from one daemon, and one moment, to the next. Each is compared by its type alone.
TIMES = {"at", "createdAt", "updatedAt", "boundAt", "startedAt", "madeAt", "connectedAt", "lastUsedAt"}
COUNTS = {"revision", "pid", "uid", "connection", "connections", "requests", "commits", "score"}
VARYING = TIMES | COUNTS

_numbers = itertools.count()


class Exchange:
    """A daemon that holds the examples' store, with what they name on this machine in place of it."""

    def __init__(self, connection: RawConnection, home: Home) -> None:
        self.connection = connection
        self.user = home.root / f"ada{next(_numbers)}"
        self.here = {e.DATA_DIR: str(home.data_dir), e.SOCKET: str(home.socket), e.HOME: str(self.user)}
        for name in ("shop/web", "shop/api", "notes", "copies"):
            (self.user / name).mkdir(parents=True)
        wait_for_connections(connection, 1)  # until the sessions of the last example are gone with its own
        for workspace in connection.call("store.getAll"):
            connection.call("store.remove", id=workspace["id"])
        for workspace in (e.SHOP, e.NOTES):
            connection.call("store.save", workspace=self.localised(workspace))

    def localised(self, value: object) -> Any:
        return self._replaced(value, self.here)

    def published(self, value: object) -> Any:
        return self._replaced(value, {ours: theirs for theirs, ours in self.here.items()})

    def _replaced(self, value: object, replacements: dict[str, str]) -> Any:
        text = json.dumps(value)
        for old, new in replacements.items():
            text = text.replace(old, new)
        return json.loads(text)

    def prepare(self, method: str) -> None:
        """Bring about what an example names beyond the store."""
        if method in ("session.end", "session.list"):
            session = self.connection.call(
                "session.begin", workspaceId="ws_shop", label="editor", exclusive=True
            )
            self.here[e.SESSION_ID] = session["id"]
        elif method in ("store.previewRestore", "store.restore"):
            self.connection.call("store.backup", path=self.localised(e.COPY))
        elif method == "store.listBackups":
            self.here[e.BACKUP] = self.connection.call("store.backup")["name"]
        elif method == "history.list":
            self.connection.call("daemon.hello", **e.EXAMPLES["daemon.hello"].params)
            self.connection.call("store.remove", id="ws_notes")
            self.connection.call("store.save", workspace=self.localised(e.NOTES))
        elif method == "workspace.usage":
            self.connection.call("workspace.touch", id="ws_shop")
        elif method == "project.clone":
            make_repository(Path(self.localised(f"{e.HOME}/mirrors/tools")))


@pytest.fixture
def exchange(connection: RawConnection, shared_home: Home) -> Exchange:
    return Exchange(connection, shared_home)


def levelled(value: Any, known_ids: set[str]) -> Any:
    """The value with the type in place of what varies, and the prefix in place of an id that was just made."""
    if isinstance(value, list):
        return [levelled(item, known_ids) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _levelled_member(name, member, known_ids) for name, member in value.items()}


def _levelled_member(name: str, member: Any, known_ids: set[str]) -> Any:
    if name in VARYING:
        return type(member).__name__
    if name == "correlationId" or (name == "id" and member not in known_ids):
        return member.partition("_")[0]
    return levelled(member, known_ids)


@pytest.mark.parametrize("method", e.EXAMPLES)
def test_an_example_is_what_a_daemon_answers(exchange: Exchange, method: str) -> None:
    example = e.EXAMPLES[method]
    exchange.prepare(method)
    params = exchange.localised(example.params)
    for name in {"ifRevision", "revision"} & set(params):  # that of the store, in which others were before
        params[name] = exchange.connection.revision()
    result = exchange.published(exchange.connection.call(method, **params))
    if example.abridged:
        assert isinstance(example.result, dict)
        result = {name: result[name] for name in example.result}
    known_ids = {"ws_shop", "ws_notes", "ws_blog", "proj_web", e.SESSION_ID} - (
        {e.SESSION_ID} if method == "session.begin" else set()
    )
    assert levelled(result, known_ids) == levelled(example.result, known_ids)


_PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FOLLOWS_EVENTS = re.compile(r"^ *for event in events:", re.MULTILINE)


PYTHON_EXAMPLES = {
    f"{name}-{number}": code
    for name in ("README.md", "docs/integrate/python.md")
    for number, code in enumerate(_PYTHON_BLOCK.findall((ROOT / name).read_text("utf-8")), start=1)
    if "def test_" not in code  # those are run by pytest: see test_plugin.py
}


@pytest.mark.parametrize("code", PYTHON_EXAMPLES.values(), ids=PYTHON_EXAMPLES)
def test_a_python_example_runs(connection: RawConnection, shared_home: Home, code: str) -> None:
    for workspace in connection.call("store.getAll"):
        connection.call("store.remove", id=workspace["id"])
    if 'create("shop"' not in code:
        connection.create("shop", "/home/ada/shop")
    program = [sys.executable, "-W", "error", "-u", "-c", code]
    environment = os.environ | {"HOME": str(shared_home.root), "WORKSPACED_SOCKET": str(shared_home.socket)}
    if not _FOLLOWS_EVENTS.search(code):
        subprocess.run(program, env=environment, timeout=PATIENCE_SECONDS, check=True)
        return
    # It follows the events until somebody ends it.
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE) as example:
        assert example.stdout is not None
        try:
            while not any("subscription" in client for client in connection.call("daemon.clients")):
                assert example.poll() is None
            connection.create("Seen")
            assert b"workspace.created" in example.stdout.readline()
        finally:
            example.kill()
