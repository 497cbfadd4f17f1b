"""Files that are wrong as JSON or as a store, though no byte is torn; and those that only look so."""

import json
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from faults.full_store import (
    VERSION_1,
    VERSION_1_STATE,
    VERSION_2,
    VERSION_2_STATE,
    VERSION_3,
    VERSION_3_STATE,
    differs,
)
from support.documents import STORE_ID, checksum_by_the_rule, files_below, quarantined, sealed
from support.samples import workspace
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.contract import WrittenByNewerRelease
from workspaced.store.document import Corrupted, parse_document
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

TEXT: Final = VERSION_3.decode()
START: Final = '{"version":3,'
ID: Final = f'"storeId":"{STORE_ID}",'
WORKSPACE: Final = '"id":"ws_1",'
PROJECT: Final = '"id":"proj_0",'
RECOVERY: Final = '"outcome":"recovered",'


def put(after: str, member: str) -> bytes:
    """The file with one more piece of text, and the checksum that belongs to it."""
    assert TEXT.count(after) == 1
    return sealed(TEXT.replace(after, after + member)).encode()


def changed(old: str, new: str) -> bytes:
    """The file with one piece of text another, and the checksum that belongs to it."""
    assert old in TEXT
    return sealed(TEXT.replace(old, new, 1)).encode()


def without_checksum() -> bytes:
    return TEXT.rpartition(',"_checksum"')[0].encode() + b"}"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


NOT_JSON: Final = {
    "nothing": b"",
    "white space": b" \n\t\r\n",
    "zeros": bytes(4096),
    "UTF-16": TEXT.encode("utf-16"),
    "Latin-1": TEXT.encode("latin-1", "replace"),
    "a byte order mark": b"\xef\xbb\xbf" + VERSION_3,
    "an encoded surrogate": VERSION_3.replace("Ü".encode(), b"\xed\xa0\x80"),
    "a lone surrogate": changed("Ü", "\\ud800"),
    "a lone surrogate in an unknown member": put(START, '"x":"\\udc00",'),
    "NaN": changed("1772449264788", "NaN"),
    "Infinity": put(START, '"x":-Infinity,'),
    "a comment": put(START, "/* mine */"),
    "a comma too many": changed("]\n}" if "]\n}" in TEXT else '"projects":[]}', '"projects":[],}'),
    "quotes of another kind": VERSION_3.replace(b'"', b"'"),
    "two documents": VERSION_3 + VERSION_3,
    "something behind it": VERSION_3 + b"]",
    "brackets without end": b"[" * 1_000_000,
    "objects without end": b'{"version":' * 200_000,
}

NOT_THE_SCHEMA: Final = {
    "an array": b"[]",
    "a string": b'"store"',
    "null": b"null",
    "no members": b"{}",
    "no version": changed('"version":3,', ""),
    "version 0": changed('"version":3', '"version":0'),
    "version -2": changed('"version":3', '"version":-2'),
    "version 2.0": changed('"version":3', '"version":3.0'),
    "version true": changed('"version":3', '"version":true'),
    "version as text": changed('"version":3', '"version":"2"'),
    "no revision": changed('"revision":21,', ""),
    "a negative revision": changed('"revision":21', '"revision":-1'),
    "a huge revision": changed('"revision":21', '"revision":' + "9" * 400),
    "a revision past 2**53": changed('"revision":21', f'"revision":{2**53}'),
    "a fraction": changed("1772449264788", "1772449264788.5"),
    "a huge exponent": changed("1772449264788", "1e999"),
    "no workspaces": changed('"workspaces":', '"workspace":'),
    "workspaces as an object": b'{"version":1,"workspaces":{}}',
    "a workspace that is none": b'{"version":1,"workspaces":[[]]}',
    "no name": changed('"name":"Ünï', '"Name":"Ünï'),
    "null for a name": changed('"name":"\\"_checksum', '"name":null,"x":"\\"_checksum'),
    "an unknown state": changed('"state":"closed"', '"state":"open"'),
    "an unknown status": changed('"status":"stale"', '"status":"fresh"'),
    "an id with a space": changed('"ws_2"', '"ws 2"'),
    "an id with a line feed": changed('"ws_2"', '"ws_2\\n"'),
    "a project's id for a workspace": changed('"id":"ws_2"', '"id":"proj_2"'),
    "request keys as a list": changed('{"key ä":"ws_1","_checksum":null}', '["key ä"]'),
    "an unknown outcome": changed(RECOVERY, '"outcome":"lost",'),
    "a workspace id twice": changed('"id":"ws_3"', '"id":"ws_2"'),
    "a member twice": put(START, '"revision":21,'),
    "workspaces twice": put(START, '"workspaces":[],'),
    "a workspace's member twice": put(WORKSPACE, '"name":"Another",'),
    "a project's member twice": put(PROJECT, '"status":"stale",'),
    "a request key twice": put('"key ä":"ws_1",', '"key ä":"ws_2",'),
    "a notice's member twice": put(RECOVERY, '"outcome":"dataLoss",'),
    "a member twice, once escaped": put(WORKSPACE, '"n\\u0061me":"Another",'),
    "unknown members that nest too deeply": put(START, f'"x":{nested(100_000)},'),
    "no checksum": without_checksum(),
    "checksum null": without_checksum()[:-1] + b',"_checksum":null}',
    "another checksum": VERSION_3.replace(b'"_checksum":"', b'"_checksum":"0'),
    "a checksum of nothing": VERSION_3[: VERSION_3.rindex(b'"', 0, -4)] + b'""}',
    "the checksum in capitals": TEXT[:-70].encode()
    + TEXT[-70:].upper().replace("_CHECKSUM", "_checksum").encode(),
    "the checksum under an escaped name": VERSION_3.replace(b'"_checksum":"', b'"_\\u0063hecksum":"'),
    "a checksum of version 1 under an escaped name": VERSION_1.replace(
        b'"_checksum": "', b'"_\\u0063hecksum": "'
    ),
    "version 1 with the checksum of another": VERSION_1.replace(b'"/a b"', b'"/a c"'),
    "version 1 in version 2": VERSION_1.replace(b'"version": 1', b'"version": 2'),
    "version 1 in version 3": VERSION_1.replace(b'"version": 1', b'"version": 3'),
    "version 2 in version 1": VERSION_2.replace(b'"version":2', b'"version":1'),
    "version 2 in version 3": VERSION_2.replace(b'"version":2', b'"version":3'),
    "version 3 in version 1": VERSION_3.replace(b'"version":3', b'"version":1'),
    "version 3 in version 2": VERSION_3.replace(b'"version":3', b'"version":2'),
    "version 4 by one damaged digit": VERSION_3.replace(b'"version":3', b'"version":4'),
    "version 33 by one digit too many": VERSION_3.replace(b'"version":3', b'"version":33'),
    "version 6 by one damaged digit of version 2": VERSION_2.replace(b'"version":2', b'"version":6'),
    "version 9 by one damaged digit of version 1": VERSION_1.replace(b'"version": 1', b'"version": 9'),
    "version 2, sealed as 3": sealed(VERSION_2.decode().replace('"version":2', '"version":3')).encode(),
    "version 2 without a checksum": VERSION_2.rpartition(b',"_checksum"')[0] + b"}",
    "no store id": changed(ID, ""),
    "null for a store id": changed(ID, '"storeId":null,'),
    "a number for a store id": changed(ID, '"storeId":17,'),
    "an empty store id": changed(ID, '"storeId":"",'),
    "a store id less one character": changed(ID, ID.replace("F", "")),
    "a store id and one character": changed(ID, ID.replace("F", "FF")),
    "a store id with a line feed": changed(ID, ID.replace('F"', 'F\\n"')),
    "a store id in lower case": changed(ID, ID.lower().replace("storeid", "storeId")),
    "a store id that is no ULID": changed(ID, ID.replace("F", "U")),
    "a store id past the largest ULID": changed(ID, ID.replace("st_0", "st_8")),
    "a workspace's id for a store id": changed(ID, ID.replace("st_", "ws_")),
    "a store id twice": put(START, ID),
}


@pytest.mark.requirement("FR-006", "FR-007", "T012", "T013")
@pytest.mark.parametrize(
    "data", [pytest.param(data, id=name) for name, data in {**NOT_JSON, **NOT_THE_SCHEMA}.items()]
)
def test_what_is_wrong_is_told_and_the_other_file_serves(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Corrupted) as corrupted:
        parse_document(data)
    (tmp_path / PRIMARY).write_bytes(data)
    (tmp_path / SNAPSHOT).write_bytes(VERSION_3)
    with closing(create_json_store(tmp_path)) as store:
        assert store.get_all() == VERSION_3_STATE.workspaces()
        assert store.recovery.reason is not None
        assert corrupted.value.message in store.recovery.reason
        assert len(store.recovery.reason) < 1000
    assert list(quarantined(tmp_path).values()) == [data]


def with_checksum_at(place: int, indent: int | None) -> bytes:
    """The sample, its members in order, with the checksum as the member of this number."""
    members = list(json.loads(TEXT).items())[:-1]
    members.insert(place, ("_checksum", "CHECKSUM"))
    text = json.dumps(dict(members), indent=indent, ensure_ascii=False)
    return text.replace("CHECKSUM", checksum_by_the_rule(text)).encode()


SOUND: Final = {
    "indented": json.dumps(json.loads(TEXT), indent=2, ensure_ascii=False).encode(),
    "indented by tabs, CRLF": json.dumps(json.loads(TEXT), indent="\t", ensure_ascii=False)
    .replace("\n", "\r\n")
    .encode(),
    "on one line": json.dumps(json.loads(TEXT), ensure_ascii=False).encode(),
    "escaped, with the checksum of that": sealed(json.dumps(json.loads(TEXT), indent=2)).encode(),
    "checksum first": with_checksum_at(0, 2),
    "checksum second": with_checksum_at(1, None),
    "checksum in the middle": with_checksum_at(3, 4),
    "workspaces in another order": with_checksum_at(5, 1),
}


@pytest.mark.requirement("FR-005", "T011")
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in SOUND.items()])
def test_a_reformatted_file_is_the_same_store(tmp_path: Path, data: bytes) -> None:
    assert data != VERSION_3
    assert not differs(parse_document(data), VERSION_3_STATE)
    (tmp_path / PRIMARY).write_bytes(data)
    with closing(create_json_store(tmp_path)) as store:
        assert store.get_all() == VERSION_3_STATE.workspaces()
    assert quarantined(tmp_path) == {}
    assert (tmp_path / PRIMARY).read_bytes() == VERSION_3


@pytest.mark.requirement("FR-006", "T012")
def test_escapes_are_a_part_of_what_the_checksum_is_over() -> None:
    with pytest.raises(Corrupted, match="checksum"):
        parse_document(json.dumps(json.loads(TEXT), indent=2).encode())


@pytest.mark.requirement("FR-005", "T011")
@pytest.mark.parametrize("checksum", [True, False])
def test_version_1_needs_no_checksum(checksum: bool) -> None:
    content = json.loads(VERSION_1)
    if not checksum:
        del content["_checksum"]
    document = parse_document(json.dumps(content, ensure_ascii=False).encode())
    assert document.version == 1
    assert not differs(document, VERSION_1_STATE)


UNKNOWN: Final = {
    "colour": put(START, '"colour":"red",'),
    "workspaces[0].colour": put(WORKSPACE, '"colour":{"red":[1,2.5e9,{"name":3}]},'),
    "workspaces[0].projects[0].colour": put(PROJECT, '"colour":null,'),
    "recovery.colour": put(RECOVERY, f'"colour":{nested(20)},'),
}


@pytest.mark.requirement("FR-006", "T012")
@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT])
def test_unknown_members_are_told_and_kept_in_quarantine(tmp_path: Path, path: str, name: str) -> None:
    (tmp_path / name).write_bytes(UNKNOWN[path])
    (tmp_path / (SNAPSHOT if name == PRIMARY else PRIMARY)).write_bytes(VERSION_3)
    with closing(create_json_store(tmp_path)) as store:
        assert store.get_all() == VERSION_3_STATE.workspaces()
        (warning,) = store.warnings
        assert path in warning
        assert name in warning
        store.save(workspace(9))
    assert list(quarantined(tmp_path).values()) == [UNKNOWN[path]]
    assert b"colour" not in (tmp_path / name).read_bytes()


NEWER: Final = {
    "version 4": sealed('{"version":4,"data":{},"_checksum":""}').encode(),
    "version 4, laid out as 3": changed('"version":3', '"version":4'),
    "version 4 without a checksum": b'{"version":4}',
    "a huge version": b'{"version":%d,"_checksum":"%s"}' % (10**18, b"0" * 64),
}


@pytest.mark.requirement("FR-006", "T012")
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in NEWER.items()])
@pytest.mark.parametrize(
    "other", [None, VERSION_3, b"damaged"], ids=["alone", "beside version 3", "beside damage"]
)
@pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT])
def test_a_file_of_a_newer_release_is_not_touched(
    tmp_path: Path, data: bytes, other: bytes | None, name: str
) -> None:
    (tmp_path / name).write_bytes(data)
    if other is not None:
        (tmp_path / (SNAPSHOT if name == PRIMARY else PRIMARY)).write_bytes(other)
    (tmp_path / ".workspaces-1.tmp").write_text("left")
    before = files_below(tmp_path)
    for _ in range(2):
        with pytest.raises(WrittenByNewerRelease, match="version") as refused:
            create_json_store(tmp_path)
        assert str(tmp_path) in refused.value.message
    assert files_below(tmp_path) == before


def test_the_samples_are_sound() -> None:
    assert not differs(parse_document(VERSION_3), VERSION_3_STATE)
    assert not differs(parse_document(VERSION_2), VERSION_2_STATE)
    assert not differs(parse_document(VERSION_1), VERSION_1_STATE)
    assert differs(
        parse_document(VERSION_3), State.of(VERSION_3_STATE.workspaces(), VERSION_3_STATE.revision)
    )
