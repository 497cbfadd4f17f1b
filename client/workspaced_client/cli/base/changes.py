"""The changes of workspaces in words: what differs, and the author. Names and paths are escaped."""

import os
from collections.abc import Iterable
from typing import Final

from workspaced_client import Peer, ProjectBinding, Workspace
from workspaced_client.cli.base.output import count, shown, shown_name
from workspaced_client.cli.base.places import shown_place

_STATES: Final = {"active": "opened", "closed": "closed", "deleted": "marked as deleted"}
_WAYS_BACK: Final = {"history.undo": "undo", "store.restore": "restore"}
_MOST_KEYS: Final = 3  # of metadata; more are counted


def summary(before: Workspace | None, after: Workspace | None, here: str | None, method: str = "") -> str:
    """Return what differs, such as `name: alpha -> beta; closed`; None stands for no workspace.

    A `method` that brings back an earlier state is told too. `here` is this machine.
    """
    way_back = _WAYS_BACK.get(method)
    if after is None:
        text = f"deleted{_with_projects(before)}"
    elif before is None:
        verb = "brought back" if way_back else "created"
        text = f"{verb} at {shown_place(after, here)}{_with_projects(after)}"
    else:
        text = "; ".join(_differences(before, after, here)) or "saved without a visible change"
    return f"{text} ({way_back})" if way_back else text


def author(peer: Peer, here: str | None, *, names_process: bool = True) -> str:
    """Return the program of a client, if it gave its name, its process, and its user and machine if these are others."""
    words = [shown_name(peer.program)] if peer.program else []
    if names_process:
        words.append(f"pid {peer.pid}")
    if peer.uid != os.getuid():
        words.append(f"uid {peer.uid}")
    if peer.machine != here and peer.machine is not None:
        words.append(f"on {shown(peer.machine)}")
    return ", ".join(words)


def _with_projects(workspace: Workspace | None) -> str:
    return f", with {count(len(workspace.projects), 'project')}" if workspace and workspace.projects else ""


def _differences(before: Workspace, after: Workspace, here: str | None) -> list[str]:
    words: list[str] = []
    if before.name != after.name:
        words.append(f"name: {shown_name(before.name)} -> {shown_name(after.name)}")
    if (before.root_path, before.machine) != (after.root_path, after.machine):
        words.append(f"path: {shown_place(before, here)} -> {shown_place(after, here)}")
    if before.state != after.state:
        words.append(_STATES[after.state])
    words += _projects(before, after, here)
    if before.tags != after.tags:
        words.append(f"tags: {_tags(before)} -> {_tags(after)}")
    return words + _metadata(before, after)


def _tags(workspace: Workspace) -> str:
    return ", ".join(map(shown_name, workspace.tags)) or "none"


def _projects(before: Workspace, after: Workspace, here: str | None) -> list[str]:
    old, new = ({project.id: project for project in each.projects} for each in (before, after))
    both = [(old[id_], now) for id_, now in new.items() if id_ in old]
    return [
        *_of("bound {}", (now for id_, now in new.items() if id_ not in old), here),
        *_of("unbound {}", (was for id_, was in old.items() if id_ not in new), here),
        *_of("{} became stale", (now for was, now in both if was.status != now.status == "stale"), here),
        *_of("{} became active", (now for was, now in both if was.status != now.status == "active"), here),
        *_of("changed {}", (now for was, now in both if was.status == now.status and was != now), here),
    ]


def _of(words: str, projects: Iterable[ProjectBinding], here: str | None) -> list[str]:
    """Return what happened to these projects: one is named, more are counted."""
    places = [shown_place(project, here) for project in projects]
    if not places:
        return []
    return [words.replace("{}", places[0] if len(places) == 1 else count(len(places), "project"))]


def _metadata(before: Workspace, after: Workspace) -> list[str]:
    """Return the keys that differ; their values may be secrets."""
    keys = sorted(
        key
        for key in before.metadata.keys() | after.metadata.keys()
        if before.metadata.get(key, ...) != after.metadata.get(key, ...)
    )
    if not keys:
        return []
    more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return [f"metadata: {', '.join(shown_name(key) for key in keys[:_MOST_KEYS])}{more}"]
