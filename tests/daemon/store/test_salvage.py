"""What can still be read in damaged files: every whole workspace, none that is not whole."""

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from support.documents import PRIMARY, SNAPSHOT, STORE_ID
from support.samples import fifty_by_ten, project, workspace
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.document import encode_document
from workspaced.store.salvage import Salvaged, lists_all, salvage
from workspaced.store.sqlite import create_sqlite_store
from workspaced_protocol.datadir import DATABASE, DATABASE_LOG
from workspaced_protocol.models import Workspace

THREE = [workspace(n, name=f"“{n}” 日本 {{", projects=(project(n, f"ws_{n:02}"),)) for n in (1, 2, 3)]
DOCUMENT = encode_document(State.of(THREE, 3, store_id=STORE_ID))


@pytest.mark.requirement("FR-007")
@given(st.integers(0, len(DOCUMENT)))
def test_cut_anywhere_the_whole_ones_before_it_are_found(length: int) -> None:
    found = salvage(DOCUMENT[:length])
    assert found == THREE[: len(found)]
    ends = [DOCUMENT.index(f'"id":"ws_{n:02}"'.encode()) for n in (1, 2, 3)]
    assert len(found) <= sum(end < length for end in ends)
    if length >= len(DOCUMENT) - 80:  # no more than the checksum is cut
        assert len(found) == 3


@pytest.mark.requirement("FR-007")
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_a_damaged_byte_costs_one_workspace_at_most(position: int, flip: int) -> None:
    damaged = bytearray(DOCUMENT)
    damaged[position] ^= flip
    ids = [each.id for each in salvage(bytes(damaged))]
    line = DOCUMENT.count(b"\n", 0, position)  # workspaces are on lines 1 to 3
    assert {"ws_01", "ws_02", "ws_03"} - {f"ws_{line:02}"} <= set(ids)


def test_what_lies_within_a_whole_workspace_is_no_workspace() -> None:
    """As in members that a later release may add to a workspace."""
    inner = msgspec.json.encode(workspace(9))
    text = DOCUMENT.replace(b'"state":"active",', b'"state":"active","later":{"notes":[%b]},' % inner, 1)
    assert salvage(text[:-9]) == THREE


def test_version_1_is_read_too_whatever_its_white_space() -> None:
    old = {"version": 1, "workspaces": [msgspec.to_builtins(each) for each in fifty_by_ten()]}
    text = json.dumps(old, indent=4).encode()
    assert len(salvage(text[: len(text) // 2])) == 25 - 1 or len(salvage(text[: len(text) // 2])) == 25


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xfe", b'{"id":"ws_', b'{"id":"ws_1"}' * 100, b"[" * 100_000]
)
def test_what_holds_no_workspace_gives_none(data: bytes) -> None:
    assert salvage(data) == []


def test_text_that_is_not_utf8_is_not_brought_back() -> None:
    damaged = DOCUMENT.replace("日".encode(), b"\xe6\x97", 1)
    assert [each.id for each in salvage(damaged)] == ["ws_02", "ws_03"]


def test_the_newest_of_two_files_is_taken() -> None:
    def text(*workspaces: Workspace) -> bytes:
        # Not through a state, which would refuse nothing but give its own order.
        return b",".join(msgspec.json.encode(each) for each in workspaces)

    newer = structs.replace(THREE[0], name="Newer", revision=9)
    contents = [text(newer, THREE[1]), text(THREE[0], THREE[2])]
    for order in (contents, contents[::-1]):
        salvaged = Salvaged()
        for number, data in enumerate(order):
            salvaged.add(f"{number}", data)
        assert salvaged.workspaces == {each.id: each for each in (newer, THREE[1], THREE[2])}


LIST_END = DOCUMENT.index(b"\n]") + 2


@given(st.integers(0, len(DOCUMENT)))
def test_a_list_is_whole_up_to_its_end(length: int) -> None:
    assert lists_all(DOCUMENT[:length]) == (length >= LIST_END)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        (b"}", b"}", True),
        (b'"name":"', b'"name":"damaged ', True),  # only the checksum tells
        (b'"workspaces":[', b'"workspaces":[{},', False),
        (b'"state":"active"', b'"state":"odd"', False),
        (b"},\n", b"}\0\n", False),
        (b'"workspaces"', b'"workspacez"', False),
    ],
)
def test_a_list_with_a_broken_place_is_not_whole(before: bytes, after: bytes, whole: bool) -> None:
    assert lists_all(DOCUMENT.replace(before, after, 1)) == whole


def test_an_empty_list_is_whole_and_an_empty_file_is_not() -> None:
    assert lists_all(encode_document(State(store_id=STORE_ID)))
    assert lists_all(b'{"version":1,"workspaces":[]}')
    assert not lists_all(b"")


# What a start finds


def lost_after(tmp_path: Path, *starts: tuple[bytes, bytes]) -> State:
    """The state after starts on these files, each over the one before."""
    state = State()
    for primary, snapshot in starts:
        (tmp_path / PRIMARY).write_bytes(primary)
        (tmp_path / SNAPSHOT).write_bytes(snapshot)
        with closing(create_json_store(tmp_path)) as store:
            state = store.state
    return state


CUT = DOCUMENT[: DOCUMENT.index(b'"id":"ws_03"')]
FLIPPED = DOCUMENT.replace(b'"_checksum":"', b'"_checksum":"0')
GARBAGE = b"not a store at all"


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize(
    ("starts", "count", "all_are_listed"),
    [
        ([(FLIPPED, FLIPPED)], 3, True),
        ([(GARBAGE, FLIPPED)], 3, True),
        ([(CUT, b"")], 2, False),
        ([(CUT, FLIPPED)], 3, True),
        ([(GARBAGE, GARBAGE)], 0, False),
        ([(CUT, GARBAGE), (GARBAGE, b"")], 2, False),
        ([(FLIPPED, FLIPPED), (GARBAGE, GARBAGE)], 3, False),
        ([(FLIPPED, DOCUMENT)], 0, True),  # recovered
        ([(GARBAGE, DOCUMENT)], 0, True),
        ([(DOCUMENT, FLIPPED)], 0, False),  # clean: nothing is asked of what a snapshot holds
    ],
)
def test_a_start_knows_what_can_be_brought_back_and_whether_that_is_all(
    tmp_path: Path, starts: list[tuple[bytes, bytes]], count: int, all_are_listed: bool
) -> None:
    state = lost_after(tmp_path, *starts)
    assert (state.salvageable_count(), state.lost.lists_all) == (count, all_are_listed)


def test_copies_that_were_pushed_out_by_newer_ones_do_not_count(tmp_path: Path) -> None:
    newer = [(b"%d" % number, b"%d too" % number) for number in range(8)]
    assert lost_after(tmp_path, (CUT, CUT), *newer[:7]).salvageable_count() == 2
    assert lost_after(tmp_path, *newer[7:]).salvageable_count() == 0


@pytest.mark.parametrize("obstacle", ["a directory", "a link", "a FIFO", "a file for the directory"])
def test_nothing_in_quarantine_prevents_a_start(tmp_path: Path, obstacle: str) -> None:
    lost_after(tmp_path, (CUT, GARBAGE))
    folder = tmp_path / "quarantine"
    copy = next(each for each in folder.iterdir() if each.read_bytes() == CUT)
    copy.unlink()
    if obstacle == "a directory":
        copy.mkdir()
    elif obstacle == "a link":
        copy.symlink_to("/nowhere")
    elif obstacle == "a FIFO":
        os.mkfifo(copy)
    else:
        shutil.rmtree(folder)
        folder.write_text("")
    with closing(create_json_store(tmp_path)) as store:
        assert store.recovery.outcome == "dataLoss"
        assert store.state.salvageable_count() == 0


@pytest.mark.requirement("FR-007")
def test_a_damaged_database_gives_the_newest_of_each_and_no_removed_one(tmp_path: Path) -> None:
    with closing(create_sqlite_store(tmp_path)) as store:
        for number in (1, 2, 3, 4):
            store.save(workspace(number))
        newest = store.save(workspace(1, name="Newest"))
        store.remove("ws_02")
        log = (tmp_path / DATABASE_LOG).read_bytes()
    database = (tmp_path / DATABASE).read_bytes()
    at = database.index(b'"name":"Workspace 3"')
    for data in (database, b"SQLite format 3\0" + b"\xff" * 84 + database[100:], log, log[: -len(log) // 9]):
        salvaged = Salvaged()
        salvaged.add("workspaces.db", data[:at] + b"X" + data[at + 1 :] if data is database else data)
        assert set(salvaged.workspaces) >= {"ws_03", "ws_04"}  # the history has the damaged one, too
        assert salvaged.workspaces["ws_01"].name in (newest.name, "Workspace 1")
    salvaged = Salvaged()
    for data in (database, log):
        salvaged.add("workspaces.db", data)
    assert set(salvaged.workspaces) == {"ws_01", "ws_03", "ws_04"}
    assert salvaged.workspaces["ws_01"] == newest
