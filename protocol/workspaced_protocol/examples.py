"""An example of each method: a real request and its answer, for the OpenRPC document and the reference page.

All examples start from the same store: `SHOP` is active with one project, `NOTES` is closed. A test sends each
request to a daemon with this store.
"""

from dataclasses import dataclass
from typing import Final

import workspaced_protocol
from workspaced_protocol.methods import METHODS

Json = dict[str, object]

HOME: Final = "/home/ada"
DATA_DIR: Final = f"{HOME}/.local/share/workspaced"
SOCKET: Final = "/run/user/1000/workspaced/workspaced.sock"
SESSION_ID: Final = "ss_01K0QZ8H3V6W9X2Y4Z5A7B8C9D"
MADE_WORKSPACE_ID: Final = "ws_01K0QZ7C2M4N6P8R0S2T4V6W8X"
MADE_PROJECT_ID: Final = "proj_01K0QZ9D5E7F9G1H3J5K7M9N1P"
BACKUP: Final = "workspaces-20250722T160000Z-r9.json"
COPY: Final = f"{HOME}/copies/monday.json"

_MADE_AT_MS: Final = 1753200000000
_NOW_MS: Final = 1753203600000

_WEB: Final[Json] = {
    "id": "proj_web",
    "workspaceId": "ws_shop",
    "rootPath": f"{HOME}/shop/web",
    "status": "active",
    "boundAt": _MADE_AT_MS,
}
SHOP: Final[Json] = {
    "id": "ws_shop",
    "name": "Shop",
    "rootPath": f"{HOME}/shop",
    "state": "active",
    "createdAt": _MADE_AT_MS,
    "updatedAt": _MADE_AT_MS,
    "revision": 8,
    "tags": ["customer", "web"],
    "metadata": {"editor.theme": "dark"},
    "projects": [_WEB],
}
NOTES: Final[Json] = {
    "id": "ws_notes",
    "name": "Notes",
    "rootPath": f"{HOME}/notes",
    "state": "closed",
    "createdAt": _MADE_AT_MS + 1,
    "updatedAt": _MADE_AT_MS + 1,
    "revision": 9,
    "projects": [],
}
SESSION: Final[Json] = {
    "id": SESSION_ID,
    "workspaceId": "ws_shop",
    "label": "editor",
    "pid": 4711,
    "startedAt": _NOW_MS,
    "exclusive": True,
}
_BLOG: Final[Json] = {
    "id": "ws_blog",
    "name": "Blog",
    "rootPath": f"{HOME}/blog",
    "state": "active",
    "createdAt": _NOW_MS,
    "updatedAt": _NOW_MS,
    "projects": [],
}


@dataclass(frozen=True)
class Example:
    """The params of a request and its result. If the result is abridged, `abridged` describes the rest."""

    params: Json
    result: object
    abridged: str = ""


def _changed(workspace: Json, **members: object) -> Json:
    """Return the workspace after a write."""
    return {**workspace, "updatedAt": _NOW_MS, "revision": 10, **members}


def _project(root_path: str, **members: object) -> Json:
    """Return a project that a call has just bound."""
    made = {"id": MADE_PROJECT_ID, "workspaceId": "ws_shop", "rootPath": root_path, **members}
    return {**made, "status": "active", "boundAt": _NOW_MS}


_REVISION: Final[Json] = {"revision": 10}
_STATUS: Final[Json] = {
    "version": workspaced_protocol.__version__,
    "protocol": workspaced_protocol.PROTOCOL_VERSION,
    "pid": 1234,
    "dataDir": DATA_DIR,
    "socket": SOCKET,
    "startedAt": _MADE_AT_MS,
    "revision": 9,
    "workspaces": 2,
    "sessions": 0,
    "connections": 1,
    "recovery": {"outcome": "fresh", "quarantined": [], "acknowledged": True},
    "store": {"state": "ok"},
    "commits": {"count": 2, "requests": 2, "p50Ms": 1.204, "p95Ms": 1.377},
}
_CLIENT: Final[Json] = {
    "connection": 1,
    "pid": 4711,
    "uid": 1000,
    "connectedAt": _NOW_MS,
    "requests": 1,
    "inFlight": {"count": 0, "oldest": []},
    "sessions": [],
}

_NOTED: Final[Json] = {
    "revision": 9,
    "at": _MADE_AT_MS + 1,
    "method": "store.save",
    "workspaceId": "ws_notes",
    "name": "Notes",
    "before": None,
    "after": NOTES,
    "by": {"pid": 4711, "uid": 1000, "program": "editor"},
    "correlationId": "cor_01K0QZ8H3V6W9X2Y4Z5A7B8C9D",
}

EXAMPLES: Final[dict[str, Example]] = {
    "daemon.hello": Example(
        {"client": "editor", "protocol": workspaced_protocol.PROTOCOL_VERSION},
        {
            "server": "workspaced",
            "version": workspaced_protocol.__version__,
            "protocol": workspaced_protocol.PROTOCOL_VERSION,
            "capabilities": sorted(METHODS),
        },
    ),
    "daemon.ping": Example({}, "pong"),
    "daemon.status": Example({}, _STATUS),
    "daemon.clients": Example({}, [_CLIENT]),
    "workspace.create": Example(
        {
            "name": "Blog",
            "rootPath": f"{HOME}/blog",
            "requestKey": "2f6c1a9e",
            "tags": ["Web", "web", "private"],
            "metadata": {"blog.drafts": 3},
        },
        {
            **_BLOG,
            "id": MADE_WORKSPACE_ID,
            "revision": 10,
            "tags": ["Web", "private"],
            "metadata": {"blog.drafts": 3},
        },
    ),
    "workspace.open": Example({"id": "ws_notes", "ifRevision": 9}, _changed(NOTES, state="active")),
    "workspace.close": Example({"id": "ws_shop"}, _changed(SHOP, state="closed")),
    "workspace.update": Example(
        {
            "id": "ws_shop",
            "name": "Web shop",
            "metadata": {"editor.theme": None, "editor.font": {"size": 13}},
        },
        _changed(SHOP, name="Web shop", metadata={"editor.font": {"size": 13}}),
    ),
    "workspace.delete": Example({"id": "ws_notes"}, None),
    "workspace.get": Example({"name": "shop"}, SHOP),
    "workspace.list": Example({"tags": ["web"], "sort": "name"}, [SHOP]),
    "workspace.resolve": Example(
        {"path": f"{HOME}/shop/web/src/main.py"},
        {"workspace": SHOP, "project": _WEB, "relativePath": "src/main.py"},
    ),
    "workspace.touch": Example({"id": "ws_shop"}, None),
    "workspace.usage": Example({}, [{"workspaceId": "ws_shop", "lastUsedAt": _NOW_MS, "score": 1.0}]),
    "history.list": Example({"workspaceId": "ws_notes", "limit": 1}, [_NOTED]),
    "history.undo": Example({"revision": 9}, None),
    "project.bind": Example(
        {"workspaceId": "ws_shop", "rootPath": f"{HOME}/shop/api"},
        _changed(SHOP, projects=[_WEB, _project(f"{HOME}/shop/api")]),
    ),
    "project.clone": Example(
        {"workspaceId": "ws_shop", "gitUrl": f"file://{HOME}/mirrors/tools"},
        _changed(
            SHOP, projects=[_WEB, _project(f"{HOME}/shop/tools", gitUrl=f"file://{HOME}/mirrors/tools")]
        ),
    ),
    "project.unbind": Example(
        {"workspaceId": "ws_shop", "projectId": "proj_web"}, _changed(SHOP, projects=[])
    ),
    "project.check": Example({"workspaceId": "ws_shop"}, SHOP),
    "session.begin": Example({"workspaceId": "ws_shop", "label": "editor", "exclusive": True}, SESSION),
    "session.end": Example({"id": SESSION_ID}, None),
    "session.list": Example({"workspaceId": "ws_shop"}, [SESSION]),
    "store.getAll": Example({}, [SHOP, NOTES]),
    "store.getById": Example({"id": "ws_shop"}, SHOP),
    "store.getByName": Example({"name": "no such name"}, None),
    "store.save": Example({"workspace": _BLOG}, {**_BLOG, "revision": 10}),
    "store.remove": Example({"id": "ws_notes"}, None),
    "store.apply": Example({"changes": [{"save": _BLOG}, {"remove": "ws_notes"}]}, _REVISION),
    "store.flush": Example({}, {"revision": 9}),
    "store.check": Example({}, {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}),
    "store.acknowledgeRecovery": Example({}, None),
    "store.backup": Example(
        {"path": COPY}, {"name": "monday.json", "path": COPY, "madeAt": _NOW_MS, "revision": 9}
    ),
    "store.listBackups": Example(
        {},
        [{"name": BACKUP, "path": f"{DATA_DIR}/backups/{BACKUP}", "madeAt": _MADE_AT_MS, "revision": 9}],
    ),
    "store.previewRestore": Example(
        {"source": COPY}, {"revision": 9, "added": [], "changed": [], "removed": []}
    ),
    "store.restore": Example({"source": COPY}, _REVISION),
    "store.salvage": Example({}, {"workspaces": [], "files": []}),
    "events.subscribe": Example({"topics": ["workspace.*", "project.bound"]}, {"revision": 9}),
    "events.unsubscribe": Example({}, None),
    "rpc.discover": Example(
        {},
        {"openrpc": "1.3.2"},
        "The document also has the members `info`, `methods` and `components`.",
    ),
}
"""The examples by method name."""

if missing := METHODS.keys() ^ EXAMPLES.keys():
    raise ValueError(
        f"each row of methods.py has one example in examples.py, in the same order: {sorted(missing)}"
    )
