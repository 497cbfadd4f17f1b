"""Damage to the bytes of a file: it is found, or has changed nothing, and the other file serves instead."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faults.full_store import (
    VERSION_1,
    VERSION_1_STATE,
    VERSION_2,
    VERSION_2_STATE,
    VERSION_3,
    VERSION_3_STATE,
    differs,
)
from support.documents import STORE_ID
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.document import Corrupted, NewerVersion, encode_document, parse_document
from workspaced_protocol.checksum import checksum
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

pytestmark = pytest.mark.requirement("FR-006", "T012")

FILES = pytest.mark.parametrize(
    ("sound", "state"),
    [(VERSION_3, VERSION_3_STATE), (VERSION_2, VERSION_2_STATE), (VERSION_1, VERSION_1_STATE)],
    ids=["version 3", "version 2", "version 1"],
)
STRUCTURE: Final = frozenset(b'{}[]:,"\\')
INSERTED: Final = (b"\0", b" ", b'"', b"\\", b",", b"}", b"0", b"\xff", "é".encode(), b"\xef\xbb\xbf")


def flipped(sound: bytes) -> Iterator[bytes]:
    """Each byte another: structure every other, the rest some that matter."""
    for at, value in enumerate(sound):
        others = range(256) if value in STRUCTURE else (value ^ 1, value ^ 0x20, value ^ 0x80, *b'\0 \n"09\\')
        for other in others:
            if other != value:
                yield sound[:at] + bytes([other]) + sound[at + 1 :]


def truncated(sound: bytes) -> Iterator[bytes]:
    """Every shorter length."""
    for length in range(len(sound)):
        yield sound[:length]


def removed(sound: bytes) -> Iterator[bytes]:
    """Pieces missing, from the front and the middle."""
    for at in range(len(sound)):
        for length in (1, 2, 3, 16, 200):
            yield sound[:at] + sound[at + length :]


def inserted(sound: bytes) -> Iterator[bytes]:
    """Bytes too many, everywhere."""
    for at in range(len(sound) + 1):
        for piece in INSERTED:
            yield sound[:at] + piece + sound[at:]


def repeated(sound: bytes) -> Iterator[bytes]:
    """Pieces twice in a row; with the first length, bytes twice."""
    for at in range(len(sound)):
        for length in (1, 2, 5, 64):
            yield sound[: at + length] + sound[at:]


def swapped(sound: bytes) -> Iterator[bytes]:
    """Neighbours in the wrong order, and blocks in each other's place."""
    for at in range(len(sound) - 1):
        yield sound[:at] + sound[at + 1 : at + 2] + sound[at : at + 1] + sound[at + 2 :]
    for at in range(0, len(sound) - 256, 128):
        yield sound[:at] + sound[at + 128 : at + 256] + sound[at : at + 128] + sound[at + 256 :]


def overwritten(sound: bytes) -> Iterator[bytes]:
    """Blocks of zeros, or of another revision of the same store."""
    older = encode_document(State.of(VERSION_3_STATE.workspaces()[:2], 20, store_id=STORE_ID))
    for size in (1, 16, 128, 512):
        for at in range(0, len(sound), size):
            yield sound[:at] + bytes(len(sound[at : at + size])) + sound[at + size :]
            if older[at : at + size] != sound[at : at + size]:
                yield sound[:at] + older[at : at + size] + sound[at + size :]


Damage = Callable[[bytes], Iterator[bytes]]
ALL: Final[tuple[Damage, ...]] = (flipped, truncated, removed, inserted, repeated, swapped, overwritten)


def is_found(data: bytes, state: State) -> bool:
    """Whether the damage is found; where it is not, it has changed nothing that matters."""
    try:
        document = parse_document(data)
    except Corrupted:
        return True
    assert not differs(document, state), f"wrong data from {data!r}"
    sound = {3: VERSION_3, 2: VERSION_2, 1: VERSION_1}[document.version]
    if document.version == 1 and document.unknown_members:
        # The one name that nothing guards: in version 1 the checksum may be missing.
        assert checksum(data)[0] is None
    else:
        assert b"".join(data.split()) == b"".join(sound.split()), f"taken for sound: {data!r}"
    return False


@FILES
@pytest.mark.usefixtures("measured_once")
@pytest.mark.parametrize("damage", ALL, ids=lambda damage: damage.__name__)
def test_damage_is_found_or_has_changed_nothing(sound: bytes, state: State, damage: Damage) -> None:
    count = found = 0
    for data in damage(sound):
        count += data != sound
        found += is_found(data, state)
    assert found > 0.75 * count > 100


_EDITS = st.lists(
    st.tuples(
        st.integers(0, len(VERSION_3)), st.integers(0, 40), st.binary(max_size=6) | st.sampled_from(INSERTED)
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(_EDITS)
def test_no_damage_gives_wrong_data(edits: list[tuple[int, int, bytes]]) -> None:
    data = VERSION_3
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    try:
        is_found(data, VERSION_3_STATE)
    except NewerVersion:
        assert b'"version":3,"storeId"' not in data


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=200)
    | st.text(alphabet='{}[]:,"\\ \nversion123_checksumwkspa', max_size=200).map(str.encode)
)
def test_what_was_never_a_store_is_corrupted(data: bytes) -> None:
    with pytest.raises(Corrupted) as corrupted:
        parse_document(data)
    assert corrupted.value.message
    assert re.fullmatch(r"[a-z0-9-]+", corrupted.value.kind), "it becomes a part of a file's name"


@pytest.mark.requirement("FR-007", "T013")
@pytest.mark.parametrize("damaged", [PRIMARY, SNAPSHOT])
@pytest.mark.parametrize("damage", ALL, ids=lambda damage: damage.__name__)
def test_a_start_recovers_from_the_other_file(tmp_path: Path, damage: Damage, damaged: str) -> None:
    other = SNAPSHOT if damaged == PRIMARY else PRIMARY
    samples = list(damage(VERSION_3))
    for number, data in enumerate(samples[5 :: len(samples) // 4]):
        data_dir = tmp_path / str(number)
        data_dir.mkdir()
        (data_dir / damaged).write_bytes(data)
        (data_dir / other).write_bytes(VERSION_3)
        with closing(create_json_store(data_dir)) as store:
            assert store.get_all() == VERSION_3_STATE.workspaces()
            assert store.state.request_keys == VERSION_3_STATE.request_keys
            assert store.state.store_id == STORE_ID
            copies = [path.read_bytes() for path in (data_dir / "quarantine").glob("*")]
            assert copies == ([data] if is_found(data, VERSION_3_STATE) else [])
        for name in (PRIMARY, SNAPSHOT):
            assert (
                parse_document((data_dir / name).read_bytes()).state.workspaces()
                == VERSION_3_STATE.workspaces()
            )
