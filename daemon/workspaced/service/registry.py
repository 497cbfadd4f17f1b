"""The registry of operations: each row of the method table with its handler."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from workspaced.service.daemon import DaemonOperations
from workspaced.service.history import HistoryOperations
from workspaced.service.locations import Locations
from workspaced.service.maintenance import Maintenance
from workspaced.service.projects import ProjectOperations
from workspaced.service.sessions import SessionOperations
from workspaced.service.store import StoreOperations
from workspaced.service.usage import Usage
from workspaced.service.workspaces import WorkspaceOperations
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS

# Any: the types of params and result depend on the method and its mode (see `requests`).
Handler = Callable[[Any, Any], Any]


class Operation(NamedTuple):
    """A method and its handler."""

    method: Method
    handler: Handler


def registry(
    daemon: DaemonOperations,
    workspaces: WorkspaceOperations,
    locations: Locations,
    usage: Usage,
    history: HistoryOperations,
    projects: ProjectOperations,
    sessions: SessionOperations,
    store: StoreOperations,
    maintenance: Maintenance,
) -> dict[str, Operation]:
    """Return the operation of every method, by name."""
    return _paired(
        {
            "daemon.hello": daemon.hello,
            "daemon.ping": daemon.ping,
            "daemon.status": daemon.status,
            "daemon.clients": daemon.clients,
            "workspace.create": workspaces.create,
            "workspace.open": workspaces.open,
            "workspace.close": workspaces.close,
            "workspace.update": workspaces.update,
            "workspace.delete": workspaces.delete,
            "workspace.get": workspaces.get,
            "workspace.list": workspaces.list_all,
            "workspace.resolve": locations.resolve,
            "workspace.touch": usage.touch,
            "workspace.usage": usage.usage,
            "history.list": history.list_entries,
            "history.undo": history.undo,
            "project.bind": projects.bind,
            "project.clone": projects.clone,
            "project.unbind": projects.unbind,
            "project.check": projects.check,
            "session.begin": sessions.begin,
            "session.end": sessions.end,
            "session.list": sessions.list_all,
            "store.getAll": store.get_all,
            "store.getById": store.get_by_id,
            "store.getByName": store.get_by_name,
            "store.save": store.save,
            "store.remove": store.remove,
            "store.apply": store.apply,
            "store.flush": store.flush,
            "store.check": maintenance.check,
            "store.acknowledgeRecovery": store.acknowledge_recovery,
            "store.backup": maintenance.backup,
            "store.listBackups": maintenance.list_backups,
            "store.previewRestore": maintenance.preview_restore,
            "store.restore": maintenance.restore,
            "store.salvage": maintenance.salvage,
            "events.subscribe": daemon.subscribe,
            "events.unsubscribe": daemon.unsubscribe,
            "rpc.discover": daemon.discover,
        }
    )


def _paired(handlers: Mapping[str, Handler]) -> dict[str, Operation]:
    if missing := METHODS.keys() - handlers.keys():
        raise ValueError(f"methods.py has rows without a handler in registry.py: {sorted(missing)}")
    if unknown := handlers.keys() - METHODS.keys():
        raise ValueError(f"registry.py has handlers without a row in methods.py: {sorted(unknown)}")
    return {name: Operation(method, handlers[name]) for name, method in METHODS.items()}
