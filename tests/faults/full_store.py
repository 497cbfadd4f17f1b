"""A small store with all that a file can hold, to be damaged."""

from dataclasses import replace
from typing import Final

from msgspec import structs

from support.documents import STORE_ID, sealed, version_1_text
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced.store.document import Document, encode_document
from workspaced_protocol.models import ProjectBinding, Workspace


def _project(number: int, git_url: str | None = None) -> ProjectBinding:
    return ProjectBinding(
        id=f"proj_{number}",
        workspace_id="ws_1",
        root_path="/srv/größe, {日本}",
        git_url=git_url,
        status="stale" if number else "active",
        bound_at=1_772_150_000_000,
    )


WORKSPACES: Final = (
    Workspace(
        id="ws_1",
        name='Ünï "quoted" \\ 日本 🚀',
        root_path="/srv/[1], 2:3",
        state="active",
        created_at=1_772_449_264_788,
        updated_at=1_773_234_583_997,
        revision=17,
        projects=(_project(0), _project(1, "https://git.example.com/team/p.git")),
    ),
    Workspace(
        id="ws_2",
        name="tab\tline\nnull\0 \u2028",
        root_path="/",
        state="closed",
        created_at=1_772_449_264_789,
        updated_at=0,
        revision=3,
        projects=(),
    ),
    Workspace(
        id="ws_3",
        name='"_checksum":"0","version":1',
        root_path="/a b",
        state="deleted",
        created_at=1_772_449_264_790,
        updated_at=9,
        revision=0,
        projects=(),
    ),
)

VERSION_3_STATE: Final = State.of(
    WORKSPACES,
    revision=21,
    request_keys={"key ä": "ws_1", "_checksum": None},
    recovery=RecoveryNotice(
        "recovered", "workspaces.json is corrupted", ("/data/quarantine/é",), 1_773_234_584_000
    ),
    store_id=STORE_ID,
)
VERSION_3: Final = encode_document(VERSION_3_STATE)
VERSION_2: Final = sealed(
    VERSION_3.decode().replace(f'{{"version":3,"storeId":"{STORE_ID}",', '{"version":2,', 1)
).encode()
VERSION_2_STATE: Final = replace(VERSION_3_STATE, store_id="")
VERSION_1: Final = version_1_text(WORKSPACES).encode()
VERSION_1_STATE: Final = State.of(structs.replace(workspace, revision=0) for workspace in WORKSPACES)


def differs(document: Document, state: State) -> bool:
    """Whether the file does not hold just what `state` does."""
    found = document.state
    return (
        found.store_id,
        found.revision,
        found.recovery,
        dict(found.request_keys),
        found.workspaces(),
    ) != (
        state.store_id,
        state.revision,
        state.recovery,
        dict(state.request_keys),
        state.workspaces(),
    )
