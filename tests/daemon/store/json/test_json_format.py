"""The store's files as text: one workspace a line, a checksum that anybody can verify, and their size."""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT, checksum_by_the_rule, sealed
from support.samples import commit, fifty_by_ten, project, workspace
from workspaced.domain import bulk
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import once
from workspaced.domain.draft import Draft
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.contract import commit_of
from workspaced.store.document import Corrupted, parse_document
from workspaced_protocol.models import Change


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def umask_0() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.mark.requirement("T011")
def test_the_file_is_as_the_format_says(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(2, name="Beta", state="closed"))
        store.save(
            workspace(
                1,
                name='日本語 “\\"/\n\u2028',
                projects=(project(1, "ws_01", "https://x/y.git"), project(2, "ws_01")),
            )
        )
    text = (data_dir / PRIMARY).read_text()
    first, alpha, beta, last, end = text.split("\n")
    assert first == f'{{"version":3,"storeId":"{store.state.store_id}","revision":2,"workspaces":['
    assert re.fullmatch("st_[0-7][0-9A-HJKMNP-TV-Z]{25}", store.state.store_id)
    assert alpha == (
        '{"id":"ws_01","name":"日本語 “\\\\\\"/\\n\u2028","rootPath":"/src","state":"active",'
        '"createdAt":1,"updatedAt":1,"revision":2,"projects":['
        '{"id":"proj_01","workspaceId":"ws_01","rootPath":"/src/repository 1",'
        '"gitUrl":"https://x/y.git","status":"stale","boundAt":1},'
        '{"id":"proj_02","workspaceId":"ws_01","rootPath":"/src/repository 2",'
        '"status":"active","boundAt":2}]},'
    )
    assert beta == (
        '{"id":"ws_02","name":"Beta","rootPath":"/src","state":"closed",'
        '"createdAt":2,"updatedAt":2,"revision":1,"projects":[]}'
    )
    assert last == f'],"_checksum":"{checksum_by_the_rule(text)}"}}'
    assert end == ""


@pytest.mark.requirement("T011")
def test_each_line_holds_one_workspace_of_many(data_dir: Path) -> None:
    changes = [Change(save=one) for one in fifty_by_ten()]
    with closing(create_json_store(data_dir)) as store:
        commit(store, bulk.apply(changes, None))
        expected = [one.id for one in store.get_all()]
    _, *lines, _, _ = (data_dir / PRIMARY).read_text().split("\n")
    assert [json.loads(line.removesuffix(","))["id"] for line in lines] == expected


@pytest.mark.requirement("FR-006", "T012")
@pytest.mark.parametrize("write", ["nothing", "workspaces", "request keys"])
def test_the_checksum_is_by_the_rule(data_dir: Path, write: str) -> None:
    with closing(create_json_store(data_dir)) as store:
        if write == "workspaces":
            store.save(workspace(1, name='a "_checksum":"0", b', root_path="/ \t}{[]:,\\"))
        if write == "request keys":
            commit(store, once('"key" {,', workspaces_.remove("ws_99")))
        store.flush()
    text = (data_dir / PRIMARY).read_text()
    assert json.loads(text)["_checksum"] == checksum_by_the_rule(text)


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize(
    "layout", ["pretty", "tabs and CRLF", "one line", "checksum first", "checksum between"]
)
def test_a_reformatted_file_still_verifies(data_dir: Path, layout: str) -> None:
    with closing(create_json_store(data_dir)) as store:
        for one in fifty_by_ten()[:3]:
            store.save(one)
        store.save(workspace(4, name='a " \\ ", b', root_path='/ {"[ \\\\" : "_checksum":"0",'))
        commit(store, once('a "key" {', workspaces_.remove("ws_99")))
        before = store.state
    document = json.loads((data_dir / PRIMARY).read_text())
    checksum = document.pop("_checksum")
    match layout:
        case "checksum first":
            text = json.dumps({"_checksum": checksum, **document}, ensure_ascii=False)
        case "checksum between":
            text = json.dumps({"version": 3, "_checksum": checksum, **document}, ensure_ascii=False)
        case "one line":
            text = json.dumps({**document, "_checksum": checksum}, ensure_ascii=False, separators=(",", ":"))
        case _:
            text = json.dumps({**document, "_checksum": checksum}, ensure_ascii=False, indent=2)
            if layout == "tabs and CRLF":
                text = text.replace("  ", "\t").replace("\n", "\r\n")
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.warnings) == ("clean", [])
        assert store.get_all() == before.workspaces()
        assert store.state.revision == before.revision
        assert store.state.request_keys == before.request_keys
        assert store.state.store_id == before.store_id


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize(
    ("member", "path"),
    [
        ('{"version":3,"sort":["a",1.5e3],', "sort"),
        ('{"version":3,"options":{"_checksum":"0"},', "options"),
    ],
)
def test_unknown_members_are_no_corruption_but_a_warning_and_a_copy(
    data_dir: Path, member: str, path: str
) -> None:
    with closing(create_json_store(data_dir)) as store:
        saved = store.save(workspace(1))
    text = sealed((data_dir / PRIMARY).read_text().replace('{"version":3,', member))
    (data_dir / PRIMARY).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "clean"
        assert store.get_all() == [saved]
        (warning,) = store.warnings
        assert path in warning
        (copy,) = (data_dir / "quarantine").iterdir()
        assert str(copy) in warning
        assert store.recovery.quarantined == (str(copy),)
        assert copy.read_text() == text
        store.flush()
    assert path not in (data_dir / PRIMARY).read_text()


@pytest.mark.requirement("T012")
def test_primary_and_snapshot_are_the_same_text(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        for write in (lambda: store.save(workspace(1)), lambda: store.remove("ws_01"), store.flush):
            write()
            assert (data_dir / SNAPSHOT).read_bytes() == (data_dir / PRIMARY).read_bytes()


@pytest.mark.usefixtures("umask_0")
def test_files_are_the_users_own(tmp_path: Path) -> None:
    data_dir = tmp_path / "made" / "data"
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        (data_dir / PRIMARY).write_text("edited")
        store.save(workspace(2))
    found = {tmp_path / "made", *(tmp_path / "made").rglob("*")}
    assert {path.name for path in found if path.is_file()} > {PRIMARY, SNAPSHOT, "workspaced.lock"}
    assert {path.name for path in found if path.is_dir()} == {"made", "data", "quarantine"}
    for path in found:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.requirement("NFR-004", "T011")
def test_fifty_workspaces_of_ten_projects_take_less_than_150_kb(data_dir: Path) -> None:
    draft = Draft(State())
    draft.apply(bulk.apply([Change(save=one) for one in fifty_by_ten()], None)(draft))
    first = fifty_by_ten()[0]
    for number in range(300):
        # As many keys as are kept, of the length of a UUID, which is what clients make.
        key = f"01234567-89ab-cdef-0123-{number:012}"
        draft.apply(once(key, workspaces_.update(first.id, None, "/other", None, 1))(draft))
    with closing(create_json_store(data_dir)) as store:
        store.commit(commit_of(draft))
    for name in (PRIMARY, SNAPSHOT):
        assert (data_dir / name).stat().st_size < 150_000


@pytest.mark.requirement("FR-006", "T012")
def test_what_does_not_fit_the_schema_is_named() -> None:
    for text, message in (
        (b'{"version":1}', "object missing required field `workspaces`"),
        (
            b'{"version":1,"workspaces":[{"id":"x"}]}',
            "`workspaces[0]` is wrong: object missing required field `name`",
        ),
        (b'{"version":1,"workspaces":[1]}', "`workspaces[0]` is wrong: expected `object`, got `int`"),
    ):
        with pytest.raises(Corrupted) as caught:
            parse_document(text)
        assert (caught.value.kind, caught.value.message) == ("schema", message)
