"""Salvage: the workspaces in damaged files that are whole by themselves."""

import json
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from workspaced.store.disk import Disk
from workspaced.store.files import Directory
from workspaced_protocol import unknown
from workspaced_protocol.models import Workspace

# In both versions of the format, a workspace begins with its id. White space may stand between.
_WORKSPACE_START: Final = re.compile(r'\{\s*"id"\s*:\s*"ws_')


def salvage(data: bytes) -> list[Workspace]:
    """Return the whole workspaces in a damaged text, in the order of the text."""
    text = data.decode("utf-8", "surrogateescape")
    found: list[Workspace] = []
    for start in _WORKSPACE_START.finditer(text):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, start.start())
            # The strict encoder refuses strings with damaged characters.
            workspace, _ = unknown.decode(msgspec.json.encode(value), Workspace)
        except (ValueError, RecursionError):
            continue
        found.append(workspace)
    return found


def salvage_files(paths: Iterable[str]) -> list[Workspace]:
    """Return the newest version of each workspace in these files. Missing files are skipped.

    Raises StoreUnusable or OSError for a file that can't be read.
    """
    newest: dict[str, Workspace] = {}
    for path in map(Path, paths):
        try:
            with closing(Directory.open(Disk(), path.parent, create=False)) as folder:
                content = folder.read(path.name)
        except FileNotFoundError:
            continue
        for workspace in salvage(content.data) if content else ():
            known = newest.get(workspace.id)
            if known is None or _age(known) < _age(workspace):
                newest[workspace.id] = workspace
    return list(newest.values())


def _age(workspace: Workspace) -> tuple[int, int]:
    return workspace.revision, workspace.updated_at
