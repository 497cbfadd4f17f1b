"""Salvage: the workspaces in damaged files, documents and databases, that are whole by themselves."""

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from workspaced.domain.records import Lost, RecoveryNotice
from workspaced.store.contract import StoreUnusable
from workspaced.store.database_salvage import is_database, salvage_database
from workspaced.store.disk import Disk
from workspaced.store.files import Content, Directory
from workspaced.store.quarantine import copies_of_damage
from workspaced_protocol import unknown
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT
from workspaced_protocol.json_limits import is_too_deep
from workspaced_protocol.models import Workspace

# In all versions of the format, a workspace begins with its id. White space may stand between. Behind a colon it would be
# a value in some app's metadata.
_WORKSPACE_START: Final = re.compile(r'(?<!:)(?<!: )\{\s*"id"\s*:\s*"ws_')
_LIST_START: Final = re.compile(r'"workspaces"\s*:\s*\[\s*')
_BETWEEN: Final = re.compile(r"\s*,\s*")
_LIST_END: Final = re.compile(r"\s*\]")


def salvage(data: bytes) -> list[Workspace]:
    """Return the whole workspaces in a damaged text, in the order of the text."""
    text = _text(data)
    found: list[Workspace] = []
    at = 0
    while (start := _WORKSPACE_START.search(text, at)) is not None:
        whole = _workspace_at(text, start.start())
        if whole is None:
            at = start.end()
        else:
            workspace, at = whole  # not into it: its metadata may hold another one
            found.append(workspace)
    return found


def lists_all(data: bytes) -> bool:
    """Return whether the list of workspaces is whole in a damaged text: each of them, and the list's end."""
    text = _text(data)
    start = _LIST_START.search(text)
    if start is None:
        return False
    at = start.end()
    if _LIST_END.match(text, at):
        return True
    while (found := _workspace_at(text, at)) is not None:
        _, at = found
        if _LIST_END.match(text, at):
            return True
        between = _BETWEEN.match(text, at)
        if between is None:
            return False
        at = between.end()
    return False


class Salvaged:
    """The whole workspaces in the files read so far, the newest version of each by id; and the files."""

    def __init__(self) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self.files: list[str] = []
        self._removed: dict[str, int] = {}  # the revisions of removals that a database tells of

    def add(self, file: str, data: bytes) -> None:
        """Add the workspaces of one more file."""
        self.files.append(file)
        if is_database(data):
            found, removed = salvage_database(data)
        else:
            found, removed = salvage(data), {}
        for workspace in found:
            known = self.workspaces.get(workspace.id)
            if known is None or _age(known) < _age(workspace):
                self.workspaces[workspace.id] = workspace
        for id_, revision in removed.items():
            self._removed[id_] = max(revision, self._removed.get(id_, 0))
        for id_, revision in self._removed.items():
            if id_ in self.workspaces and self.workspaces[id_].revision < revision:
                del self.workspaces[id_]


def salvage_file(path: str, salvaged: Salvaged) -> None:
    """Add a file that a user names. Raises FileNotFoundError, OSError or StoreUnusable."""
    with closing(Directory.open(Disk(), Path(path).parent, create=False)) as folder:
        content = folder.read(Path(path).name)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    salvaged.add(path, content.data)


def salvage_quarantine(quarantine: Path, named: Sequence[str]) -> Salvaged:
    """Return the workspaces in quarantine: in the copies that recoveries made, and in those `named`."""
    salvaged = Salvaged()
    for name, data in _copies(Disk(), quarantine, named, every=True):
        salvaged.add(str(quarantine / name), data)
    return salvaged


def find_lost(disk: Disk, quarantine: Path, notice: RecoveryNotice) -> Lost:
    """Return what the damaged files in quarantine hold, for the notice of a start.

    After a loss, all copies of damage count: the notice of an earlier loss may be lost with the store.
    """
    is_loss = notice.outcome == "dataLoss"
    salvaged = Salvaged()
    whole: set[str] = set()
    for name, data in _copies(disk, quarantine, notice.quarantined, every=is_loss):
        salvaged.add(name, data)
        if lists_all(data):
            whole.add(name)
    starts = _by_start([Path(path).name for path in notice.quarantined])
    return Lost(
        salvaged.workspaces,
        # What serves after `recovered` is verified, so only what is readable in the other file can be missing.
        lists_all=not is_loss or (bool(starts) and all(whole.intersection(names) for names in starts)),
    )


def _copies(
    disk: Disk, quarantine: Path, named: Iterable[str], *, every: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the copies in quarantine, oldest first: those `named` by path, and with `every` all of damage.

    Each is read when its turn comes: together they may be larger than the memory. One that is gone or can't be
    read is left out.
    """
    names = {Path(path).name for path in named}  # the data directory may have been moved since
    # Salvage is help: nothing in quarantine may prevent a start.
    with suppress(OSError), closing(Directory.open(disk, quarantine, create=False)) as folder:
        if every:
            names.update(copies_of_damage(folder))
        for name in sorted(names):
            content: Content | None = None
            with suppress(StoreUnusable):
                content = folder.read(name)
            if content is not None:
                yield name, content.data


def _by_start(copies: Sequence[str]) -> list[list[str]]:
    """Return the copies of each start together: that of the primary, then that of the snapshot."""
    starts: list[list[str]] = []
    for copy in copies:
        follows = starts and len(starts[-1]) == 1 and starts[-1][0].endswith(f"-{PRIMARY}")
        if follows and copy.endswith(f"-{SNAPSHOT}"):
            starts[-1].append(copy)
        else:
            starts.append([copy])
    return starts


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _workspace_at(text: str, start: int) -> tuple[Workspace, int] | None:
    """Return the whole workspace that begins there, and its end; or None."""
    try:
        _, end = json.JSONDecoder(parse_int=str).raw_decode(text, start)
        # Its own text: what that reader made of it may be another value, as of 1e400. Damaged characters are not UTF-8.
        whole = text[start:end].encode("utf-8", "surrogateescape")
        workspace, _ = unknown.decode(whole, Workspace)
    except (ValueError, RecursionError):
        return None
    return None if is_too_deep(workspace.metadata) else (workspace, end)


def _age(workspace: Workspace) -> tuple[int, int]:
    return workspace.revision, workspace.updated_at
