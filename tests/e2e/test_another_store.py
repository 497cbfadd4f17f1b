"""Another store in the place of the daemon's: every write is refused, everything tells it, and nothing is written over it."""

import errno
import json
from collections.abc import Callable

import pytest

from support.daemon_process import Home, running_daemon
from support.documents import quarantined, store_text, verified, workspace_json
from support.raw_connection import RawConnection

OTHER_ID = "st_01KJQ3AX4MZZZZZZZZZZZZZZZZ"
THEIRS = store_text([workspace_json(1), workspace_json(2)], revision=1, store_id=OTHER_ID)
OLD_COPY = store_text([workspace_json(1), workspace_json(2)], revision=1, version=2)


def by_mount(home: Home, text: str) -> None:
    """Another directory takes the place of the data directory."""
    home.data_dir.rename(home.root / "below")
    home.data_dir.mkdir(0o700)
    home.primary.write_text(text)
    home.snapshot.write_text(text)


def by_mv(home: Home, text: str) -> None:
    """As a user restores a copy, of one file alone."""
    (home.root / "copy").write_text(text)
    (home.root / "copy").rename(home.primary)


@pytest.mark.requirement("FR-005", "T015")
@pytest.mark.parametrize("put", [by_mount, by_mv])
@pytest.mark.parametrize("text", [THEIRS, OLD_COPY], ids=["another id", "version 2"])
def test_writes_are_refused_and_it_is_told_until_it_is_gone(
    home: Home, put: Callable[[Home, str], None], text: str
) -> None:
    with running_daemon(home), RawConnection(home.socket) as connection:
        kept = connection.create("Alpha")
        for _ in range(3):
            connection.call("workspace.update", id=kept["id"], name="Beta")
            kept = connection.call("workspace.update", id=kept["id"], name="Alpha")
        revision = connection.revision()
        ours = home.primary.read_bytes()
        put(home, text)
        for method, params in (
            ("workspace.create", {"name": "Gamma", "rootPath": "/x"}),
            ("workspace.delete", {"id": kept["id"]}),
            ("store.save", {"workspace": workspace_json(9)}),
            ("store.apply", {"changes": [{"remove": kept["id"]}]}),
            ("store.flush", {}),
        ):
            refused = connection.refused(2003, method, **params)
            assert refused["errno"] == errno.ESTALE
            assert f"{home.primary} is now another store" in refused["message"]
            assert "Nothing is written over it" in refused["message"]
            assert home.primary.read_text() == text
        assert (connection.call("store.getAll"), connection.revision()) == ([kept], revision)
        status = connection.call("daemon.status")["store"]
        assert status["state"] == "degraded"
        assert "is now another store" in status["lastError"]
        check = connection.call("store.check")["primary"]
        assert check["corrupted"] is False
        assert check["reason"].startswith("another store's")
        assert not quarantined(home.data_dir)
        # It is moved away, as the message says.
        if put is by_mount:
            home.data_dir.rename(home.root / "above")
            (home.root / "below").rename(home.data_dir)
        else:
            home.primary.rename(home.root / "moved")
        connection.create("Gamma")
        assert connection.call("daemon.status")["store"] == {"state": "ok"}
        assert verified(home.primary)["storeId"] == json.loads(ours)["storeId"]
        assert connection.call("store.check") == {
            "primary": {"corrupted": False},
            "snapshot": {"corrupted": False},
        }


@pytest.mark.requirement("FR-005", "FR-007")
@pytest.mark.parametrize("put", [by_mount, by_mv])
def test_a_restart_serves_it_and_nothing_is_lost(home: Home, put: Callable[[Home, str], None]) -> None:
    with running_daemon(home), RawConnection(home.socket) as connection:
        connection.create("Alpha")
        connection.call("workspace.create", name="Beta", rootPath="/b")
        put(home, THEIRS)
        refused = connection.refused(2003, "store.flush")
        assert "restart the daemon to serve that store" in refused["message"]
        ours = home.snapshot.read_bytes()
    with running_daemon(home), RawConnection(home.socket) as connection:
        assert [each["id"] for each in connection.call("store.getAll")] == [
            each["id"] for each in json.loads(THEIRS)["workspaces"]
        ]
        recovery = connection.call("daemon.status")["recovery"]
        if put is by_mount:
            assert recovery["outcome"] == "clean"
            return
        assert (recovery["outcome"], recovery["acknowledged"]) == ("recovered", False)
        assert "another store's" in recovery["reason"]
        assert list(quarantined(home.data_dir).values()) == [ours]
        assert sorted(each["name"] for each in connection.call("store.salvage")["workspaces"]) == [
            "Alpha",
            "Beta",
        ]
        connection.create("Gamma")
        assert verified(home.primary)["storeId"] == OTHER_ID
