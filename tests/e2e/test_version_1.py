"""Stores of version 1, as older apps wrote them: read whole, and kept before the first write."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.daemon_process import new_home, running_daemon
from support.documents import (
    project_json,
    quarantined,
    verified,
    version_1_text,
    without_revision,
    workspace_json,
)
from support.raw_connection import RawConnection


def older(number: int) -> dict[str, Any]:
    """A workspace as version 1 has it: with no revision, and with a short id."""
    return {**without_revision([workspace_json(number, 10)])[0], "id": f"ws_7ma7rc{number:02d}"}


WORKSPACES = [older(number) for number in range(50)]
for each in WORKSPACES:
    each["projects"] = [project_json(each["id"], 100 * int(each["id"][-2:]) + at) for at in range(10)]
    each["name"] += ' — "quoted" \\ / \t'


TEXTS = {
    "with a checksum": version_1_text(WORKSPACES).encode(),
    "without a checksum": version_1_text(WORKSPACES, checksum=False).encode(),
    "with escapes": version_1_text(WORKSPACES, ascii_only=True).encode(),
}


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, Any]]:
    """What daemons give that find such a file, before and after their first write."""
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(TEXTS, pool.map(look, TEXTS.values()), strict=True))


def look(text: bytes) -> dict[str, Any]:
    with new_home() as home:
        home.data_dir.mkdir(0o700)
        home.primary.write_bytes(text)
        home.snapshot.write_bytes(text)
        with running_daemon(home), RawConnection(home.socket) as connection:
            status = connection.call("daemon.status")
            stored = connection.call("store.getAll")
            connection.create("Written by version 3")
            return {
                "outcome": status["recovery"]["outcome"],
                "stored": stored,
                "document": verified(home.primary),
                "snapshot": verified(home.snapshot),
                "quarantined": quarantined(home.data_dir).values(),
                "check": connection.call("store.check"),
            }


@pytest.mark.requirement("FR-005", "T015")
@pytest.mark.parametrize("case", TEXTS)
def test_it_is_read_whole(case: str, seen: dict[str, dict[str, Any]]) -> None:
    assert seen[case]["outcome"] == "clean"
    assert without_revision(seen[case]["stored"]) == WORKSPACES


@pytest.mark.parametrize("case", TEXTS)
def test_it_is_kept_in_quarantine_before_the_first_write(case: str, seen: dict[str, dict[str, Any]]) -> None:
    assert TEXTS[case] in seen[case]["quarantined"]


@pytest.mark.parametrize("case", TEXTS)
def test_the_first_write_makes_it_version_3(case: str, seen: dict[str, dict[str, Any]]) -> None:
    for document in (seen[case]["document"], seen[case]["snapshot"]):
        assert document["version"] == 3
        written = [each for each in document["workspaces"] if each["name"] != "Written by version 3"]
        assert len(document["workspaces"]) == len(WORKSPACES) + 1
        assert sorted(without_revision(written), key=lambda each: str(each["id"])) == WORKSPACES
    assert seen[case]["check"] == {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}
