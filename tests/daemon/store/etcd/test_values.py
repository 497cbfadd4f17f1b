"""Changes as values in etcd: compressed, and read only where they are whole and of a sensible size."""

import zlib

from support.samples import fifty_by_ten
from workspaced.domain.entries import Entry
from workspaced.domain.records import encode
from workspaced.store.etcd.values import entry_of, history_value
from workspaced.store.stored_texts import entry_text
from workspaced_protocol.models import Peer

TEXT = encode(fifty_by_ten()[0])
CHANGE = Entry(
    revision=7,
    at_ms=1,
    method="workspace.update",
    workspace_id="ws_01",
    name="A",
    before=TEXT,
    after=TEXT,
    by=Peer(1, 2, machine="devbox"),
    correlation_id="cor_1",
)


def test_a_change_takes_less_than_its_workspace_and_reads_back() -> None:
    value = history_value(CHANGE)
    assert len(value) < len(TEXT) / 2
    assert entry_of(value) == CHANGE


def test_what_is_no_whole_change_is_not_read() -> None:
    whole = history_value(CHANGE)
    zeros = zlib.compress(bytes(64 * 1024 * 1024), 9)
    assert len(zeros) < 100_000
    for value in (b"", entry_text(CHANGE), whole[:-1], whole[:40], zlib.compress(b"{}"), zeros):
        assert entry_of(value) is None
