"""The params of each method as promised, kept by hand so that a change of the table is noticed; and fitting values."""

import json

from msgspec import Raw

# protocol.md, Methods: params in their order, `?` for an optional one. Every method that changes
# what is stored takes requestKey. What a later release adds stands behind it.
CONTRACT = {
    "daemon.hello": "client protocol",
    "daemon.ping": "",
    "daemon.status": "",
    "rpc.discover": "",
    "workspace.create": "name rootPath requestKey? tags? metadata?",
    "workspace.open": "id ifRevision? requestKey?",
    "workspace.close": "id ifRevision? requestKey?",
    "workspace.update": "id name? rootPath? ifRevision? requestKey? tags? metadata?",
    "workspace.delete": "id ifRevision? requestKey?",
    "workspace.get": "id? name?",
    "workspace.list": "state? tags? sort? limit?",
    "workspace.resolve": "path",
    "workspace.touch": "id",
    "workspace.usage": "",
    "history.list": "workspaceId? before? limit?",
    "history.undo": "revision ifRevision? requestKey?",
    "project.bind": "workspaceId rootPath requestKey?",
    "project.clone": "workspaceId gitUrl targetDir? requestKey?",
    "project.unbind": "workspaceId projectId requestKey?",
    "project.check": "workspaceId requestKey?",
    "session.begin": "workspaceId label? exclusive?",
    "session.end": "id",
    "session.list": "workspaceId?",
    "store.getAll": "",
    "store.getById": "id",
    "store.getByName": "name",
    "store.save": "workspace ifRevision? requestKey?",
    "store.remove": "id requestKey?",
    "store.apply": "changes ifRevision? requestKey?",
    "store.flush": "requestKey?",
    "store.check": "",
    "store.acknowledgeRecovery": "requestKey?",
    "events.subscribe": "topics? since?",
    "events.unsubscribe": "",
    # Who is connected, copies of the store, and what damage left of it.
    "daemon.clients": "",
    "store.backup": "path?",
    "store.listBackups": "",
    "store.previewRestore": "source",
    "store.restore": "source ifRevision? requestKey?",
    "store.salvage": "files?",
}


def names_of(method: str) -> list[str]:
    """The method's params in the contract's order."""
    return [name.removesuffix("?") for name in CONTRACT.get(method, "").split()]


def required_of(method: str) -> list[str]:
    """Those that a call can't do without."""
    return [name for name in CONTRACT.get(method, "").split() if not name.endswith("?")]


BINDING = {
    "id": "proj_1",
    "workspaceId": "ws_1",
    "rootPath": "/a",
    "status": "active",
    "boundAt": 3,
}
WORKSPACE: dict[str, object] = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 2,
    "projects": [BINDING],
}

# A value that fits, for each param by its name.
FITTING: dict[str, object] = {
    "client": "editor",
    "protocol": 1,
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "workspaceId": "ws_1",
    "projectId": "proj_1",
    "gitUrl": "https://example.org/a.git",
    "targetDir": "/a/b",
    "label": "shell",
    "state": "closed",
    "sort": "recent",
    "ifRevision": 7,
    "workspace": WORKSPACE,
    "changes": [{"save": WORKSPACE}, {"remove": "ws_2"}],
    "topics": ["workspace.*"],
    "since": 7,
    "before": 7,
    "limit": 7,
    "revision": 7,
    "path": "/a/copy.json",
    "source": "/a/copy.json",
    "files": ["/a/damaged.json"],
    "requestKey": "key-1",
    "tags": ["a"],
    "metadata": {"editor.theme": "dark"},
    "exclusive": True,
}


def raw(value: object) -> Raw:
    """The value as JSON; bytes are JSON already."""
    return Raw(value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode())
