"""The folders that VS Code and its relatives (VSCodium, Cursor, Insiders…) opened lately, in `state.vscdb`.

The list is the value of `history.recentlyOpenedPathsList`
(`src/vs/platform/workspaces/electron-main/workspacesHistoryMainService.ts` in https://github.com/microsoft/vscode).
Since 1.55, it is a JSON object whose `entries` have a `folderUri`, a `fileUri`, or a `workspace` with the `configPath`
of a `.code-workspace` file, and a `remoteAuthority` if they are on another machine (`ISerializedRecentlyOpened` in
`src/vs/platform/workspaces/common/workspaces.ts`). It holds no times.
"""

from typing import Final

from workspaced_client.exchange.elsewhere import state_database
from workspaced_client.exchange.folders import Elsewhere, path_of
from workspaced_client.exchange.json_text import (
    Document,
    LeftOut,
    OtherFormat,
    Path,
    Unusable,
    field_name,
    parse,
)
from workspaced_client.exchange.json_types import is_list, is_object
from workspaced_client.exchange.listed import Listed, Listing

_KEY: Final = "history.recentlyOpenedPathsList"


def read(file: str, home: str) -> Listing:
    """Return the folders in a database; none if the editor has opened none yet. Raise Unusable."""
    value = state_database.read_value(file, _KEY)
    return Listing(()) if value is None else decode(file, value)


def decode(file: str, value: bytes) -> Listing:
    """Return the folders in `value`, the list in the database `file`. Raise Unusable."""
    try:
        document = parse(f"{file}, {_KEY}", value)
    except OtherFormat as error:
        raise Unusable(f"{file} holds no list of folders: its {_KEY} is not JSON.") from error
    entries = document.value.get("entries") if is_object(document.value) else None
    if not is_list(entries):
        raise document.wrong((), "has no list `entries`: only the format since VS Code 1.55 is known")
    projects: list[Listed] = []
    left_out: list[LeftOut] = []
    files = 0
    for index, entry in enumerate(entries):
        if is_object(entry) and isinstance(entry.get("fileUri"), str):
            files += 1
            continue
        written = _uri(entry)
        if written is None:
            place: Path = ("entries", index)
            left_out.append(LeftOut(field_name(place), document.shown(place), _problem(document, place)))
            continue
        try:
            remote = entry.get("remoteAuthority") if is_object(entry) else None
            if isinstance(remote, str):
                raise Elsewhere(f"it is on another machine ({remote})")
            projects.append(Listed(path_of(written)))
        except Elsewhere as error:
            left_out.append(LeftOut("", written, str(error)))
    if files:
        what = "1 file" if files == 1 else f"{files} files"
        left_out.append(LeftOut(what, file, "a workspace is made of directories"))
    return Listing(tuple(projects), tuple(left_out))


def _uri(entry: object) -> str | None:
    """Return the URI of a folder or of a `.code-workspace` file, if the entry is one."""
    if not is_object(entry):
        return None
    workspace = entry.get("workspace")
    uri = workspace.get("configPath") if is_object(workspace) else entry.get("folderUri")
    return uri if isinstance(uri, str) and uri else None


def _problem(document: Document, place: Path) -> str:
    return document.problem(
        place, "has neither a `folderUri`, a `fileUri` nor a `workspace` with a `configPath`"
    )
