"""The marks of machines in a store that is migrated: whose paths are whose, in its workspaces and in its history.

The strategy: a store of one machine has no marks, one that machines share has them on each path. They are put into the
JSON texts, and taken out again, with all else left as it stands, so that there and back again gives the same bytes.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec
from msgspec import Raw, structs

from workspaced.domain.entries import Entry
from workspaced.domain.history import History
from workspaced.domain.records import Record
from workspaced.domain.state import State
from workspaced_protocol import unknown
from workspaced_protocol.models import Workspace

_Members = dict[str, Raw]
_decode = msgspec.json.Decoder(_Members).decode
_decode_list = msgspec.json.Decoder(list[_Members]).decode
_encode = msgspec.json.Encoder().encode


def marked(state: State, machine: str) -> State:
    """Return the state with the mark of this machine on each path, and on each change, that has none."""
    mark = Raw(_encode(machine))

    def put(members: _Members) -> _Members:
        if "machine" in members:
            return members
        after: _Members = {}
        for name, value in members.items():
            if name == "projects":  # in a workspace it stands before them
                after["machine"] = mark
            after[name] = value
        return after if "machine" in after else after | {"machine": mark}

    return _changed(state, put, lambda name: name or machine)


def unmarked(state: State, machine: str) -> State:
    """Return the state without the marks of this machine; those of others stay."""
    mark = _encode(machine)

    def take(members: _Members) -> _Members:
        return {name: value for name, value in members.items() if name != "machine" or bytes(value) != mark}

    return _changed(state, take, lambda name: None if name == machine else name)


def _changed(
    state: State, change: Callable[[_Members], _Members], of_author: Callable[[str | None], str | None]
) -> State:
    def text(before: bytes) -> bytes:
        members = _decode(before)
        if "projects" in members:
            members["projects"] = Raw(_encode([change(each) for each in _decode_list(members["projects"])]))
        return _encode(change(members))

    def entry(before: Entry) -> Entry:
        return structs.replace(
            before,
            before=None if before.before is None else text(before.before),
            after=None if before.after is None else text(before.after),
            by=structs.replace(before.by, machine=of_author(before.by.machine)),
        )

    texts = [text(record.json) for record in state.ordered]
    records = [Record(unknown.decode(each, Workspace)[0], each) for each in texts]
    history = History.of([entry(each) for each in state.history.entries], state.history.complete_since)
    after = State.of_records(records, state.revision, state.request_keys, state.recovery, state.store_id)
    return replace(after, history=history)
