"""A history that a later release wrote beside a store of today's format: no start and no subscriber fails on it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from support.daemon_process import Home, running_daemon
from support.raw_connection import RawConnection
from workspaced_protocol.datadir import HISTORY

pytestmark = pytest.mark.requirement("FR-005")

CRC_BYTES = len(b',"crc":"00000000"}')


def rewritten(home: Home, change: Callable[[bytes], bytes]) -> None:
    """Change each line of the history, and give it the checksum that belongs to it."""
    seed = crc32(json.loads(home.primary.read_bytes())["storeId"].encode())
    path = home.data_dir / HISTORY
    texts = [change(line[:-CRC_BYTES]) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(b'%b,"crc":"%08x"}\n' % (text, crc32(text, seed)) for text in texts))


def closed_and_opened(home: Home) -> str:
    """Leave a store whose history has five changes of a workspace, and return its id."""
    (home.root / "project").mkdir()
    with running_daemon(home), RawConnection(home.socket) as client:
        id_ = str(client.create("Alpha")["id"])
        client.call("project.bind", workspaceId=id_, rootPath=str(home.root / "project"))
        client.call("workspace.close", id=id_)
        client.call("workspace.open", id=id_)
        client.call("workspace.update", id=id_, name="Beta")
    return id_


@pytest.mark.parametrize(
    ("change", "missed_to"),
    [
        (lambda text: text.replace(b'"status":"active"', b'"status":"moved"'), 5),
        (lambda text: text.replace(b'"projects":[', b'"parts":['), 5),
        (lambda text: re.sub(rb'"before":\{.*?\]\}', b'"before":5', text), 5),
        (lambda text: re.sub(rb'"after":\{.*?\]\}', b'"after":null', text), 1),
        (lambda text: text.replace(b"workspace.open", b"workspace.reopen"), None),
        (lambda text: text.replace(b'"projects":[', b'"colour":"red","projects":['), None),
    ],
    ids=["status", "projects", "number", "no workspace", "method", "member"],
)
def test_what_this_release_can_not_tell_is_a_gap(
    tmp_path: Path, change: Callable[[bytes], bytes], missed_to: int | None
) -> None:
    home = Home(tmp_path)
    id_ = closed_and_opened(home)
    rewritten(home, change)
    with running_daemon(home) as daemon, RawConnection(home.socket) as client:
        client.call("events.subscribe", since=0)
        first = client.notified()
        if missed_to is None:
            assert first["topic"] == "workspace.created"
        else:
            assert (first["topic"], first["payload"]) == ("events.gap", {"from": 1, "to": missed_to})
            assert "of another release" in daemon.stderr
        assert "Traceback" not in daemon.stderr
        client.call("history.list")
        client.call("workspace.update", id=id_, name="Gamma")


def test_an_undo_to_what_this_release_does_not_know_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    id_ = closed_and_opened(home)
    rewritten(home, lambda text: text.replace(b'"state":"active"', b'"state":"resting"'))
    with running_daemon(home), RawConnection(home.socket) as client:
        refusal = client.refused(1001, "history.undo", revision=5)
        assert "another release of the daemon wrote it" in refusal["message"]
        assert client.call("workspace.get", id=id_)["name"] == "Beta"
