"""What doctor says of a store in etcd: what `workspaced etcd` finds, and what the daemon does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from client.cli.doctor_checks import doctor_for, expect, without_daemon
from support.daemon_process import running_daemon
from support.etcd import Cluster, needs_etcd
from support.etcd_stores import prefix_of
from workspaced_client.cli.doctor import environment, etcd
from workspaced_protocol.datadir import DATABASE, JOINED, MIGRATION, PRIMARY
from workspaced_protocol.models import FileCheck, StoreCheck

Program = Callable[[str], Path]

FOUND = [
    {"name": "http://a:1", "status": "ok", "message": "etcd 3.4 answers.", "advice": None},
    {
        "name": "http://b:1",
        "status": "problem",
        "message": "etcd refuses connections.",
        "advice": "Start it.",
    },
]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Makes a `workspaced` of these lines of sh, which doctor asks."""

    def make(text: str) -> Path:
        path = tmp_path / "workspaced"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setattr(etcd, "executable", lambda: path)
        return path

    return make


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A directory that has joined a store in etcd."""
    path = tmp_path / "data"
    path.mkdir(0o700)
    (path / JOINED).write_text("{}")
    (path / JOINED).chmod(0o600)
    return path


def test_what_workspaced_finds_is_told_in_place_of_files(
    data_dir: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program(f"test \"$*\" = 'etcd --json --data-dir {data_dir}' && echo '{json.dumps(FOUND)}'; exit 74")
    checks = without_daemon(data_dir, capsys)
    expect(checks["http://a:1"], "ok", "etcd 3.4 answers.")
    expect(checks["http://b:1"], "problem", "etcd refuses connections.", "Start it.")
    assert not {PRIMARY, DATABASE}.intersection(checks)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo 'workspaced: urllib3 is not installed.' >&2; exit 78", "urllib3 is not installed."),
        ("exit 3", "workspaced ended with 3."),
        ("echo '[{}]'", "workspaced ended with 0."),
    ],
)
def test_where_it_can_not_look_its_own_line_is_told(
    data_dir: Path, program: Program, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    program(text)
    expect(without_daemon(data_dir, capsys)["etcd"], "problem", message, "no daemon starts until then")


def test_files_of_another_kind_beside_the_setting_are_told(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: dict[str, object] = {
        "file": None,
        "settings": {"store": {"value": "etcd"}},
        "unknownVariables": [],
    }
    told = {"etcd": "[]", "config": json.dumps(shown)}
    path = program("\n".join(f"test $1 = {word} && echo '{text}'" for word, text in told.items()))
    monkeypatch.setattr(environment, "executable", lambda: path)
    (tmp_path / "data").mkdir(0o700)
    (tmp_path / "data" / PRIMARY).write_text("{}")
    checks = without_daemon(tmp_path / "data", capsys)
    expect(
        checks["store"], "problem", "holds a JSON store, but the setting `store` is etcd", "migrate --to etcd"
    )


@pytest.mark.parametrize("other", [JOINED, DATABASE])
def test_two_stores_in_one_directory_are_told(
    data_dir: Path, program: Program, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    program("echo '[]'")
    (data_dir / JOINED).rename(data_dir / other)
    (data_dir / PRIMARY).write_text("{}")
    checks = without_daemon(data_dir, capsys)
    expect(
        checks["store"],
        "problem",
        f"holds two stores ({PRIMARY} and {other}).",
        "no daemon starts until then",
    )


def test_after_a_stopped_migration_the_store_that_serves_is_checked(
    data_dir: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program(f"echo '{json.dumps(FOUND)}'")
    (data_dir / MIGRATION).write_text('{"kind":"json","leaves":{}}')
    checks = without_daemon(data_dir, capsys)
    assert PRIMARY in checks
    assert "http://a:1" not in checks


@pytest.mark.parametrize(
    ("check", "message", "advice"),
    [
        (FileCheck(corrupted=True, reason="x"), "It is damaged: x.", "flush"),
        (FileCheck(corrupted=False, reason="missing: the key"), "It is missing: the key.", "flush"),
        (
            FileCheck(corrupted=False, reason="edited: it has a key"),
            "It is edited: it has a key.",
            "remove it",
        ),
        (
            FileCheck(corrupted=False, reason="unreadable: x"),
            "It is unreadable: x.",
            "nothing can be written",
        ),
    ],
)
def test_what_the_daemon_finds_of_its_keys_is_told(check: FileCheck, message: str, advice: str) -> None:
    none = FileCheck(corrupted=False, reason="none: etcd keeps copies")
    finding = etcd.check_by_daemon(StoreCheck(check, none))
    assert (finding.status, finding.message) == ("problem", message)
    assert advice in (finding.advice or "")


@needs_etcd
def test_a_daemon_whose_store_is_in_etcd_is_well(
    etcd: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "WORKSPACED_STORE": "etcd",
        "WORKSPACED_ETCD_ENDPOINTS": etcd.endpoints[0],
        "WORKSPACED_ETCD_PREFIX": prefix_of(tmp_path),
        "WORKSPACED_MACHINE": "devbox",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with running_daemon(environment=settings) as daemon:
        checks = doctor_for(daemon, capsys)()
        expect(checks["store in etcd"], "ok", "Valid")
        expect(checks[etcd.endpoints[0]], "ok", "answers within")
        expect(checks[prefix_of(tmp_path)], "ok", "at revision 0")
        assert PRIMARY not in checks
