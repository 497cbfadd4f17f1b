"""Stores of version 1, as older apps wrote them: read whole, and kept before the first write."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.daemon_process import DaemonProcess, new_home
from e2e.raw_connection import RawConnection
from e2e.store_files import checksum, project, verified, without_revision, workspace


def older(number: int) -> dict[str, Any]:
    """A workspace as version 1 has it: with no revision, and with a short id."""
    return {**without_revision([workspace(number, 10)])[0], "id": f"ws_7ma7rc{number:02d}"}


WORKSPACES = [older(number) for number in range(50)]
for each in WORKSPACES:
    each["projects"] = [project(each["id"], 100 * int(each["id"][-2:]) + at) for at in range(10)]
    each["name"] += ' — "quoted" \\ / \t'


def printed(with_checksum: bool = True, ascii_only: bool = False) -> bytes:
    """The file as an older app prints it: indented by two, its checksum at the end."""
    document: dict[str, Any] = {"version": 1, "workspaces": WORKSPACES}
    text = json.dumps(document, indent=2, ensure_ascii=ascii_only)
    if with_checksum:
        text = json.dumps(document | {"_checksum": checksum(text)}, indent=2, ensure_ascii=ascii_only)
    return text.encode()


TEXTS = {
    "with a checksum": printed(),
    "without a checksum": printed(with_checksum=False),
    "with escapes": printed(ascii_only=True),
}


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, Any]]:
    """What daemons give that find such a file, before and after their first write."""
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(TEXTS, pool.map(look, TEXTS.values()), strict=True))


def look(text: bytes) -> dict[str, Any]:
    with new_home() as home:
        home.data.mkdir(0o700)
        home.primary.write_bytes(text)
        home.snapshot.write_bytes(text)
        daemon = DaemonProcess(home.root, home.arguments())
        try:
            daemon.wait_ready(home.socket)
            with RawConnection(home.socket) as connection:
                status = connection.call("daemon.status")
                stored = connection.call("store.getAll")
                connection.create("Written by version 2")
                return {
                    "outcome": status["recovery"]["outcome"],
                    "stored": stored,
                    "document": verified(home.primary),
                    "snapshot": verified(home.snapshot),
                    "quarantined": home.quarantined(),
                    "check": connection.call("store.check"),
                }
        finally:
            daemon.close()


@pytest.mark.requirement("FR-005", "T015")
@pytest.mark.parametrize("case", TEXTS)
def test_it_is_read_whole(case: str, seen: dict[str, dict[str, Any]]) -> None:
    assert seen[case]["outcome"] == "clean"
    assert without_revision(seen[case]["stored"]) == WORKSPACES


@pytest.mark.parametrize("case", TEXTS)
def test_it_is_kept_in_quarantine_before_the_first_write(case: str, seen: dict[str, dict[str, Any]]) -> None:
    assert TEXTS[case] in seen[case]["quarantined"]


@pytest.mark.parametrize("case", TEXTS)
def test_the_first_write_makes_it_version_2(case: str, seen: dict[str, dict[str, Any]]) -> None:
    for document in (seen[case]["document"], seen[case]["snapshot"]):
        assert document["version"] == 2
        written = [each for each in document["workspaces"] if each["name"] != "Written by version 2"]
        assert len(document["workspaces"]) == len(WORKSPACES) + 1
        assert sorted(without_revision(written), key=lambda each: str(each["id"])) == WORKSPACES
    assert seen[case]["check"] == {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}
