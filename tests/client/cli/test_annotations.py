"""Tags, metadata and exclusive sessions on the command line, and in the files that it reads and writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from client.cli.workspacectl import Ctl
from support.daemon_process import DaemonProcess

METADATA = {"editor.size": 13, "editor.minus": -0.0, "notes": {"nul": "\0", "list": [1, None, 1e300]}}


def annotated(daemon: DaemonProcess, name: str = "alpha", **more: Any) -> str:
    with daemon.client() as client:
        tags, metadata = more.get("tags", ["b", "a"]), more.get("metadata", METADATA)
        return client.workspaces.create(name, f"/srv/{name}", tags=tags, metadata=metadata).id


def test_create_and_update_set_tags_and_metadata(ctl: Ctl) -> None:
    made = ctl(
        "create", "alpha", "/", "--tag", "web", "--tag", "Late", "--meta", 'a.b={"c":[1]}', "--json"
    ).json
    assert (made["tags"], made["metadata"]) == (["Late", "web"], {"a.b": {"c": [1]}})
    result = ctl("update", "alpha", "--meta", "a.b=null", "--meta", 'x="a=b"')
    assert (result.code, result.out, result.err) == (0, "Updated workspace “alpha”.\n", "")
    shown = ctl("show", "alpha", "--json").json
    assert (shown["tags"], shown["metadata"]) == (["Late", "web"], {"x": "a=b"})
    assert ctl("update", "alpha", "--tag", "one", "--json").json["tags"] == ["one"]
    assert "tags" not in ctl("update", "alpha", "--no-tags", "--json").json


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--meta", "key"), "KEY=JSON"),
        (("--meta", "=1"), "KEY=JSON"),
        (("--meta", "k=dark"), "is no JSON"),
        (("--meta", "k=NaN"), "is no JSON"),
        (("--meta", "k="), "is no JSON"),
        (("--meta", "k=" + "[" * 5000), "is nested"),
        (("--meta", 'k={"a":1,"a":2}'), "twice"),
        (("--meta", "k=1e400"), "no number of 64 bits"),
        (("--meta", "k=18446744073709551616"), "integer of more than 64 bits"),
        (("--meta", "k=" + "9" * 5000), "integer of more than 64 bits"),
        (("--meta", "k=1", "--meta", "k=2"), "twice"),
        (("--tag", "a", "--no-tags"), "not both"),
    ],
)
def test_what_can_not_be_meant_is_wrong_usage(ctl: Ctl, arguments: tuple[str, ...], said: str) -> None:
    result = ctl("update", "alpha", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert len(result.err) < 500


@pytest.mark.parametrize("arguments", [("--tag", ""), ("--tag", "a\nb"), ("--meta", f"{'k' * 129}=1")])
def test_what_the_daemon_refuses_is_one_line(ctl: Ctl, arguments: tuple[str, ...]) -> None:
    result = ctl("create", "alpha", "/", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: `")
    assert result.err.count("\n") == 1


def test_the_list_has_a_column_only_where_there_are_tags(ctl: Ctl, daemon: DaemonProcess) -> None:
    annotated(daemon, "alpha", tags=[])
    assert ctl("list").out.splitlines()[0].split() == ["NAME", "STATE", "PROJECTS", "PATH", "ID"]
    annotated(daemon, "beta", tags=["web", "a\u202eb"])
    header, alpha, beta = ctl("list").out.splitlines()
    assert header.split() == ["NAME", "STATE", "PROJECTS", "TAGS", "PATH", "ID"]
    assert alpha.split()[:4] == ["alpha", "active", "0", "/srv/alpha"]
    assert "a\\u202eb, web" in beta
    assert [each["name"] for each in ctl("list", "--tag", "WEB", "--json").json] == ["beta"]
    assert ctl("list", "--tag", "no such tag").err == "No workspace matches: `workspacectl list` shows all.\n"


def test_show_has_both_and_no_secret(ctl: Ctl, daemon: DaemonProcess) -> None:
    annotated(daemon, "plain", tags=[], metadata={})
    assert "Tags" not in ctl("show", "plain").out
    assert "Metadata" not in ctl("show", "plain").out
    secrets = {
        "app.url": "https://ada:hunter2@host/x?token=hunter2",
        "app": {"apiKey": "hunter2", "list": ["https://hunter2x9z@host"], "n": "\x1b[31m"},
        "ci.TOKEN": "hunter2",
    }
    annotated(daemon, metadata=secrets)
    shown = ctl("show", "alpha").out
    assert "Tags      a, b\n" in shown
    (line,) = [each for each in shown.splitlines() if each.startswith("Metadata")]
    assert json.loads(line.partition("  ")[2]) == {
        "app.url": "https://ada@host/x",
        "app": {"apiKey": "***", "list": ["https://host"], "n": "\x1b[31m"},
        "ci.TOKEN": "***",
    }
    assert "hunter2" not in shown
    assert "\x1b" not in shown
    # For programs, it is what is stored.
    assert ctl("show", "alpha", "--json").json["metadata"] == secrets


def test_sessions_show_which_is_exclusive(ctl: Ctl, daemon: DaemonProcess) -> None:
    id_ = annotated(daemon)
    with daemon.client() as client:
        client.sessions.begin(id_, label="reader")
        assert "EXCLUSIVE" not in ctl("sessions").out
        client.sessions.begin(id_, label="editor", exclusive=True)
        header, *rows = ctl("sessions").out.splitlines()
        assert header.split()[:3] == ["WORKSPACE", "LABEL", "EXCLUSIVE"]
        assert [row.split()[1:3] for row in rows] == [["reader", "-"], ["editor", "yes"]]
        assert [each.get("exclusive") for each in ctl("sessions", "--json").json] == [None, True]


def test_an_export_as_json_is_imported_with_both(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    id_ = annotated(daemon)
    before = ctl("show", "alpha", "--json").json
    path = str(tmp_path / "all.json")
    result = ctl("export", "--all", "--format", "json", "-o", path)
    assert (result.code, result.err) == (0, "")
    with daemon.client() as client:
        client.store.remove(id_)
    assert ctl("import", path, "--yes").code == 0
    after = ctl("show", "alpha", "--json").json
    assert json.dumps({**after, "revision": 0}) == json.dumps({**before, "revision": 0})


@pytest.mark.parametrize("format_", ["helios-v1", "code-workspace"])
def test_other_formats_leave_them_out_and_say_so(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, format_: str
) -> None:
    annotated(daemon)
    path = tmp_path / "alpha.code-workspace"
    result = ctl("export", "alpha", "--format", format_, "-o", str(path), "--quiet")
    assert (result.code, result.out) == (0, "")
    assert result.err == (
        f"warning: {format_} has no tags and no metadata: those of 1 workspace are left out. The format json has them.\n"
    )
    assert "editor.size" not in path.read_text()
    assert '"tags"' not in path.read_text()
    annotated(daemon, "plain", tags=[], metadata={})
    assert ctl("export", "plain", "--format", format_, "-o", str(tmp_path / "plain")).err == ""


def test_an_import_changes_neither_of_what_is_there(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    annotated(daemon)
    before = ctl("show", "alpha", "--json").json
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{**before, "tags": ["other"], "metadata": {"other": 1}}]))
    assert "it is there already" in ctl("import", str(path)).out
    assert ctl("show", "alpha", "--json").json == before


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ('"tags": ["a", "b", ""]', "tags[2]` must have 1 to 64 characters"),
        ('"tags": ["a", "A"]', "tags[1]` differs"),
        (f'"tags": {json.dumps([str(n) for n in range(33)])}', "tags` has 33 tags"),
        (f'"metadata": {{"k": "{"x" * 17_000}"}}', "metadata` takes 17,"),
        ('"metadata": {"": 1}', "metadata` has an empty key"),
        ('"metadata": {"a": 1e400}', "metadata.a` holds 1e400"),
        ('"metadata": {"a": [1, 1e-400]}', "metadata.a[1]` holds 1e-400"),
        ('"metadata": {"a": 18446744073709551616}', "metadata.a` holds an integer of more than 64 bits"),
        (f'"metadata": {{"a": {"9" * 30}}}', "metadata.a` holds an integer of more than 64 bits"),
        ('"metadata": {"a": NaN}', "metadata.a` is NaN"),
        ('"metadata": {"a": 1, "a": 1}', "metadata.a` appears twice"),
        (f'"metadata": {{"a": {"[" * 64 + "]" * 64}}}', "metadata` is nested more than 64"),
        (f'"metadata": {{"a": {"[" * 500 + "]" * 500}}}', "metadata` is nested more than 64"),
        ('"metadata": [1]', "metadata` is wrong"),
    ],
)
def test_an_import_leaves_out_what_the_daemon_would_refuse(
    ctl: Ctl, tmp_path: Path, annotations: str, reason: str
) -> None:
    plain = {"rootPath": "/srv", "state": "active", "createdAt": 1, "updatedAt": 1, "projects": []}
    good = json.dumps({"id": "ws_good", "name": "good", **plain})
    bad = json.dumps({"id": "ws_bad", "name": "bad", **plain})[:-1] + f", {annotations}}}"
    path = tmp_path / "all.json"
    path.write_text(f"[{good}, {bad}]")
    result = ctl("import", str(path), "--yes", "--json")
    assert [each["name"] for each in result.json["added"]] == ["good"]
    (skipped,) = result.json["skipped"]
    assert f"[1].{reason}" in skipped["reason"]
