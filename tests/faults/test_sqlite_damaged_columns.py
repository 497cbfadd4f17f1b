"""Damage in a SQLite store beside the texts that have hashes: in an index, in an id, and in the type of a value."""

from contextlib import closing
from pathlib import Path

import pytest

from faults.store_session import made
from support.samples import workspace
from workspaced.domain import commands, workspaces
from workspaced.store.sqlite import create_sqlite_store
from workspaced_protocol.datadir import DATABASE

pytestmark = pytest.mark.requirement("FR-007", "T013", "T015")

TEXT_OF_FIVE = 13 + 2 * 5
"""The type of a text of five bytes in the header of a SQLite record."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    data_dir = tmp_path / "data"
    with closing(create_sqlite_store(data_dir)) as store:
        for number in (1, 2, 3):
            command = commands.once(f"key {number}", workspaces.save(workspace(number), None))
            store.commit(made(store.state, command))
    return data_dir


@pytest.mark.parametrize(
    ("found", "put"),
    [
        pytest.param(b"ws_02\x02", b"ws_02\x03", id="an entry of the index that leads to another row"),
        pytest.param(b"ws_02\x02", b"ws_12\x02", id="an id in the index"),
        pytest.param(b'ws_02{"id"', b'ws_12{"id"', id="an id in the table"),
        pytest.param(b"key 2\x02", b"key 7\x02", id="a key in its index"),
    ],
)
def test_it_is_found_before_a_write_can_go_over_another_row(data_dir: Path, found: bytes, put: bytes) -> None:
    path = data_dir / DATABASE
    whole = path.read_bytes()
    assert whole.count(found) == 1
    path.write_bytes(whole.replace(found, put))
    with closing(create_sqlite_store(data_dir)) as store:
        assert store.recovery.outcome == "recovered"
        assert [each.name for each in store.get_all()] == ["Workspace 1", "Workspace 2", "Workspace 3"]
        assert [*store.state.request_keys] == ["key 1", "key 2", "key 3"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x00\x00%c%c" % (TEXT_OF_FIVE, TEXT_OF_FIVE), id="a row without columns"),
        pytest.param(b"\x04\x00\x00%c" % TEXT_OF_FIVE, id="no key"),
        pytest.param(b"\x04\x00%c\x01" % TEXT_OF_FIVE, id="a number for a workspace"),
    ],
)
def test_a_request_key_that_is_no_text_costs_the_keys_alone(data_dir: Path, header: bytes) -> None:
    path = data_dir / DATABASE
    whole = path.read_bytes()
    found = b"\x04\x00%c%ckey 2ws_02" % (TEXT_OF_FIVE, TEXT_OF_FIVE)
    assert whole.count(found) == 1
    path.write_bytes(whole.replace(found, header + b"key 2ws_02"))
    with closing(create_sqlite_store(data_dir)) as store:
        assert store.recovery.outcome == "recovered"
        assert [each.name for each in store.get_all()] == ["Workspace 1", "Workspace 2", "Workspace 3"]
        assert not store.state.request_keys
