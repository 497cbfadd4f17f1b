"""Every kind of damage to the files: what the daemon starts with, what it says of it, what it keeps."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Home, new_home, running_daemon
from support.documents import quarantined, store_text, verified, with_checksum, workspace_json
from support.raw_connection import RawConnection

WORKSPACES = [workspace_json(number, projects=3) for number in range(5)]
OLDER = WORKSPACES[:3]
SOUND = store_text(WORKSPACES, revision=7).encode()
BEHIND = store_text(OLDER, revision=6).encode()
CLEAN = {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}


def rewritten(before: str, after: str) -> bytes:
    """The sound file with some of its text replaced, and a checksum that is right for that."""
    body = SOUND.decode()
    assert before in body
    return with_checksum(body[: body.index(',"_checksum"')].replace(before, after, 1) + "}").encode()


DAMAGES = {
    "empty": b"",
    "truncated": SOUND[: len(SOUND) // 2],
    "not UTF-8": SOUND.replace("Übung 1".encode(), b"\xfcbung 1"),
    "invalid JSON": b"{" + SOUND,
    "checksum mismatch": SOUND.replace(b"/home/dev/code", b"/home/dev/c0de", 1),
    "not the schema": rewritten('"rootPath":', '"rootPaht":'),
    "duplicate ids": rewritten(WORKSPACES[1]["id"], WORKSPACES[0]["id"]),
}
VERSION_1 = '{"version":1,"workspaces":[],"_checksum":"' + "0" * 64 + '"}'
UNLIKE_OURS = b"not a store at all"


@dataclass(frozen=True)
class Case:
    """The files that a daemon finds (None: there is none), and what it must start with."""

    primary: bytes | None
    snapshot: bytes | None
    outcome: str
    workspaces: list[dict[str, Any]]
    kept: tuple[bytes, ...] = ()  # what must be in quarantine


CASES = {
    **{name: Case(damaged, BEHIND, "recovered", OLDER, (damaged,)) for name, damaged in DAMAGES.items()},
    "primary missing": Case(None, BEHIND, "recovered", OLDER),
    "version 1, checksum mismatch": Case(
        VERSION_1.encode(), BEHIND, "recovered", OLDER, (VERSION_1.encode(),)
    ),
    "snapshot missing": Case(SOUND, None, "clean", WORKSPACES),
    "snapshot damaged": Case(SOUND, UNLIKE_OURS, "clean", WORKSPACES, (UNLIKE_OURS,)),
    "snapshot newer": Case(BEHIND, SOUND, "any", WORKSPACES, (BEHIND,)),
    "both damaged": Case(SOUND[:-9], UNLIKE_OURS, "dataLoss", [], (SOUND[:-9], UNLIKE_OURS)),
    "missing, snapshot damaged": Case(None, UNLIKE_OURS, "dataLoss", [], (UNLIKE_OURS,)),
    "reformatted": Case(SOUND.replace(b",", b",\n    "), BEHIND, "clean", WORKSPACES),
    "unknown members": Case(
        rewritten('"rootPath":', '"colour":"red","rootPath":'),
        BEHIND,
        "clean",
        WORKSPACES,
        (rewritten('"rootPath":', '"colour":"red","rootPath":'),),
    ),
}


@dataclass
class Seen:
    """What was seen of a daemon from outside: at once, and after its first write."""

    status: dict[str, Any]
    workspaces: list[Any]
    check: dict[str, Any]
    primary: bytes
    snapshot: bytes
    quarantined: list[bytes]
    quarantined_after_write: list[bytes]
    names_after_write: list[str]
    stderr: str


SeenOf = Callable[[str], Seen]


def look(case: Case) -> Seen:
    with new_home() as home:
        home.data_dir.mkdir(0o700)
        for path, content in ((home.primary, case.primary), (home.snapshot, case.snapshot)):
            if content is not None:
                path.write_bytes(content)
        with running_daemon(home) as daemon, RawConnection(home.socket) as connection:
            return observe(home, daemon, connection)


def observe(home: Home, daemon: DaemonProcess, connection: RawConnection) -> Seen:
    status = connection.call("daemon.status")
    workspaces = connection.call("store.getAll")
    check = connection.call("store.check")
    primary, snapshot = (
        path.read_bytes() if path.exists() else b"" for path in (home.primary, home.snapshot)
    )
    named = [Path(path).read_bytes() for path in status["recovery"]["quarantined"]]
    connection.create("After")
    names = sorted(each["name"] for each in verified(home.primary)["workspaces"])
    after_write = list(quarantined(home.data_dir).values())
    daemon.kill()
    return Seen(status, workspaces, check, primary, snapshot, named, after_write, names, daemon.stderr)


@pytest.fixture(scope="module")
def seen() -> SeenOf:
    """Give what was seen of a case; a case that failed fails the tests of it alone."""
    with ThreadPoolExecutor(3) as pool:
        looks = {name: pool.submit(look, case) for name, case in CASES.items()}
    return lambda name: looks[name].result()


def fields(workspaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(workspaces, key=lambda each: str(each["id"]))


@pytest.mark.requirement("FR-006", "FR-007", "T012", "T013", "T015")
@pytest.mark.parametrize("case", CASES)
def test_it_starts_with_what_could_be_had(case: str, seen: SeenOf) -> None:
    expected = CASES[case]
    assert fields(seen(case).workspaces) == fields(expected.workspaces)
    assert seen(case).status["workspaces"] == len(expected.workspaces)
    if expected.outcome != "any":
        assert seen(case).status["recovery"]["outcome"] == expected.outcome


@pytest.mark.requirement("FR-007", "T013")
@pytest.mark.parametrize("case", CASES)
def test_what_was_damaged_or_superseded_is_kept_whole(case: str, seen: SeenOf) -> None:
    for content in CASES[case].kept:
        assert content in seen(case).quarantined_after_write
    if CASES[case].outcome in ("recovered", "dataLoss"):
        assert set(CASES[case].kept) == set(seen(case).quarantined), "status names each file in quarantine"


@pytest.mark.requirement("FR-007", "T013")
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.workspaces])
def test_both_files_are_sound_at_once(case: str, seen: SeenOf, tmp_path: Path) -> None:
    assert seen(case).check == CLEAN
    for content in (seen(case).primary, seen(case).snapshot):
        path = tmp_path / "file"
        path.write_bytes(content)
        document = verified(path)
        for each in document["workspaces"]:
            each.pop("colour", None)
        assert fields(document["workspaces"]) == fields(CASES[case].workspaces)


@pytest.mark.parametrize("case", CASES)
def test_the_next_write_works(case: str, seen: SeenOf) -> None:
    assert seen(case).names_after_write == sorted(
        ["After", *(each["name"] for each in CASES[case].workspaces)]
    )


@pytest.mark.requirement("FR-006", "T012")
def test_each_kind_of_damage_has_its_own_reason(seen: SeenOf) -> None:
    reasons = {case: seen(case).status["recovery"]["reason"] for case in DAMAGES}
    assert all(isinstance(reason, str) and reason for reason in reasons.values())
    assert len(set(reasons.values())) == len(DAMAGES), reasons
    assert "rootPath" in reasons["not the schema"] or "rootPaht" in reasons["not the schema"]


@pytest.mark.requirement("T013")
@pytest.mark.parametrize("case", [*DAMAGES, "primary missing"])
def test_a_recovery_is_logged_as_a_warning(case: str, seen: SeenOf) -> None:
    lines = [line for line in seen(case).stderr.splitlines() if "warning" in line]
    assert lines, seen(case).stderr
    if case in DAMAGES:
        assert any(seen(case).status["recovery"]["reason"] in line for line in lines), lines


@pytest.mark.requirement("T013", "T015")
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.outcome == "dataLoss"])
def test_a_loss_is_logged_as_an_error_and_waits_to_be_acknowledged(case: str, seen: SeenOf) -> None:
    assert "error" in seen(case).stderr
    assert seen(case).status["recovery"]["acknowledged"] is False
    assert seen(case).status["recovery"]["reason"]


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.outcome == "clean"])
def test_a_sound_primary_keeps_its_revision(case: str, seen: SeenOf) -> None:
    assert seen(case).status["revision"] == 7


@pytest.mark.requirement("FR-007", "T013")
def test_the_notice_of_a_loss_outlives_restarts_until_it_is_acknowledged(
    home: Home, start: StartDaemon
) -> None:
    home.data_dir.mkdir(0o700)
    home.primary.write_bytes(UNLIKE_OURS)
    daemon = start()
    with RawConnection(home.socket) as connection:
        first = connection.call("daemon.status")["recovery"]
        assert (first["outcome"], first["acknowledged"]) == ("dataLoss", False)
        assert [Path(path).read_bytes() for path in first["quarantined"]] == [UNLIKE_OURS]
        assert connection.call("store.getAll") == []
        connection.create("Written since")
    daemon.restart(signal.SIGKILL)
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.status")["recovery"] == first
    daemon.restart()
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.status")["recovery"] == first
        assert connection.call("store.acknowledgeRecovery") is None
        assert connection.call("daemon.status")["recovery"]["acknowledged"] is True
    daemon.restart(signal.SIGKILL)
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.status")["recovery"]["acknowledged"] is True
        assert [each["name"] for each in connection.call("store.getAll")] == ["Written since"]
