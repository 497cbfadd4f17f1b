"""What `workspaced etcd` tells of members, of the way to them, and of the store there."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.etcd import Cluster, etcd_cluster, needs_etcd
from support.etcd_stores import open_etcd_store, prefix_of
from support.scripted_etcd import HEADER, ScriptedEtcd, http
from support.waiting import wait_until
from workspaced import cli
from workspaced.store.etcd import copying, inspecting
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import EtcdError
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.inspecting import Finding, inspect
from workspaced.store.etcd.messages import MemberStatus, Put, Read

pytestmark = needs_etcd


@pytest.fixture(autouse=True)
def _many_revisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be no matter how much other tests have written to the same etcd, and whether they have compacted it."""
    monkeypatch.setattr(inspecting, "_UNCOMPACTED_REVISIONS", 2**53)


ALL_WELL = MemberStatus("3.5.1", 1024**2, None, True, [], 0.001, 0.2)


def found(address: EtcdAddress, joined_id: str | None = None) -> dict[str, Finding]:
    findings = [*inspect(address, joined_id)]
    names = [each.name for each in findings]
    assert len({*names}) == len(names)
    for each in findings:
        assert (each.advice is None) == (each.status == "ok")
        assert each.message.endswith(".")
        assert not each.message.endswith("..")
    return {each.name: each for each in findings}


@pytest.fixture
def address(etcd: Cluster, tmp_path: Path) -> EtcdAddress:
    return EtcdAddress(etcd.endpoints, prefix_of(tmp_path))


def test_a_member_and_the_store_there_are_told(address: EtcdAddress, tmp_path: Path) -> None:
    nothing = found(address)
    assert nothing[address.endpoints[0]].status == "ok"
    assert "Nothing is stored there yet" in nothing[address.prefix].message
    with closing(open_etcd_store(address.endpoints, tmp_path)) as store:
        store_id = store.state.store_id
    for joined in (None, store_id):
        assert found(address, joined)[address.prefix].message == f"The store {store_id} at revision 0."


def test_another_store_than_the_one_that_was_joined_is_a_problem(
    address: EtcdAddress, tmp_path: Path
) -> None:
    joined = "st_" + "0" * 26
    assert found(address, joined)[address.prefix].message == (
        f"Nothing is stored there, but this machine has joined {joined}."
    )
    open_etcd_store(address.endpoints, tmp_path).close()
    told = found(address, joined)[address.prefix]
    assert told.status == "problem"
    assert told.message.endswith(f"but this machine has joined {joined}.")


def test_keys_of_another_program_are_a_problem(address: EtcdAddress) -> None:
    with closing(Gateway(address)) as gateway:
        gateway.transact([], [Put(f"{address.prefix}theirs".encode(), b"")])
    told = found(address)[address.prefix]
    assert (told.status, "theirs" in told.message) == ("problem", True)


def test_a_member_that_does_not_answer_is_told_beside_the_others(address: EtcdAddress) -> None:
    nobody = "http://127.0.0.1:1"
    told = found(EtcdAddress((nobody, *address.endpoints), address.prefix))
    assert told[nobody].message == "etcd refuses connections."
    assert told[address.endpoints[0]].status == told[address.prefix].status == "ok"
    assert list(found(EtcdAddress((nobody,), address.prefix))) == [nobody]


def test_what_is_no_member_of_one_cluster_is_told(address: EtcdAddress) -> None:
    old = http({"header": HEADER, "version": "3.3.25"})
    with ScriptedEtcd(b"", status=old) as older, ScriptedEtcd(b"") as another:
        endpoints = (*address.endpoints, older.endpoint, another.endpoint)
        told = found(replace(address, endpoints=endpoints))
    assert told[address.endpoints[0]].status == told[address.prefix].status == "ok"
    assert told[older.endpoint].message == "etcd is too old (3.3.25)."
    assert told[another.endpoint].message == (
        f"etcd is a member of another cluster than {address.endpoints[0]} was."
    )


def test_what_etcd_does_not_let_one_write_is_told(tmp_path: Path) -> None:
    with etcd_cluster(arguments=("--max-txn-ops", "32", "--unsafe-no-fsync")) as cluster:
        address = EtcdAddress(cluster.endpoints)
        wait_until(lambda: found(address)[cluster.endpoints[0]].status == "ok", "the member does not serve")
        told = found(address)["writes below /workspaced/default/"]
        assert told.status == "problem"
        assert "--max-txn-ops" in (told.advice or "")
        with closing(Gateway(address)) as gateway:
            assert not gateway.read(Read(b"/", b"0")).items


def test_a_password_that_others_can_read_is_told(address: EtcdAddress, tmp_path: Path) -> None:
    password = tmp_path / "pass word"
    password.write_text("secret")
    password.chmod(0o640)
    told = found(replace(address, user="ada", password_file=password))["etcd_password_file"]
    assert (told.status, told.message) == (
        "warning",
        f"Others on this machine can get at {password} (mode 0640).",
    )
    assert told.advice == f"chmod 600 '{password}'"
    password.chmod(0o600)
    assert "etcd_password_file" not in found(replace(address, user="ada", password_file=password))


@pytest.mark.parametrize(
    ("change", "name", "status", "message"),
    [
        ({"problems": ["alarm:NOSPACE"]}, "alarms at", "problem", "alarm:NOSPACE"),
        ({"latency_seconds": 0.5}, "latency of", "warning", "500 ms"),
        ({"database_bytes": 1200 * 1024**2}, "database of", "warning", "1,200.0 of 2,048 MiB"),
        ({"database_bytes": 6, "quota_bytes": 10}, "database of", "warning", "over half"),
        ({"clock_offset_seconds": -90.0}, "clock of", "warning", "90 s behind this machine's"),
        ({"clock_offset_seconds": 90.0}, "clock of", "warning", "90 s ahead of this machine's"),
    ],
)
def test_what_is_wrong_with_a_member_is_told(
    address: EtcdAddress,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    name: str,
    status: str,
    message: str,
) -> None:
    monkeypatch.setattr(Gateway, "member_status", lambda *_: ALL_WELL._replace(**change))
    told = found(address)[f"{name} {address.endpoints[0]}"]
    assert told.status == status
    assert message in told.message


def test_a_connection_that_others_can_read_is_told(
    address: EtcdAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "member_status", lambda *_: ALL_WELL)
    monkeypatch.setattr(Gateway, "read", refused)
    monkeypatch.setattr(copying, "there", lambda _: None)
    away = EtcdAddress(("http://devbox:2379", "http://localhost:1", "http://[::1]:1"), address.prefix)
    assert [each.name for each in inspect(away, None) if each.status == "warning"] == [
        "encryption to http://devbox:2379"
    ]


def refused(*_: object) -> object:
    raise EtcdError("", "", "", 0)


def test_an_etcd_that_forgets_nothing_is_told(address: EtcdAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    with etcd_cluster(arguments=["--unsafe-no-fsync"]) as own:  # the shared one is compacted by other tests
        address = replace(address, endpoints=own.endpoints)
        assert "compaction" not in found(address)
        monkeypatch.setattr(inspecting, "_UNCOMPACTED_REVISIONS", 0)
        assert "--auto-compaction-retention" in (found(address)["compaction"].advice or "")


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("WORKSPACED_SOCKET", "/tmp/none.sock")  # noqa: S108 - nobody listens there

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["etcd", "--data-dir", str(tmp_path / "data"), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_command_prints_it_for_people_and_for_programs(
    run: Callable[..., tuple[int, str, str]], address: EtcdAddress
) -> None:
    arguments = ("--etcd-endpoints", address.endpoints[0], "--etcd-prefix", address.prefix)
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].startswith(f"ok       {address.prefix}: Nothing is stored")
    code, out, err = run(*arguments, "--json")
    assert [each["status"] for each in json.loads(out)] == ["ok", "ok"]
    code, out, err = run("--etcd-endpoints", "http://127.0.0.1:1")
    assert (code, err) == (74, "")
    assert out.splitlines()[1].startswith("         -> Start etcd there")


def test_a_certificate_that_ends_soon_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gateway, "member_status", lambda *_: ALL_WELL)
    monkeypatch.setattr(Gateway, "read", refused)
    monkeypatch.setattr(copying, "there", lambda _: None)
    monkeypatch.setattr(inspecting, "_days_of_certificate", lambda *_: 3.2)
    told = {each.name: each for each in inspect(EtcdAddress(("https://devbox:1",)), None)}
    assert told["certificate of https://devbox:1"].message == "It is valid for 3 more days."
