"""The operations that the protocol offers: what each method reads, or the command that it submits."""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import structs

import workspaced_protocol
from workspaced.domain import bulk, commands, sessions
from workspaced.domain.commands import Command
from workspaced.domain.errors import NotFound, Refused
from workspaced.domain.ids import IdFactory
from workspaced.domain.state import encode
from workspaced.events import Cause, EventHub
from workspaced.host.git import Git, Report
from workspaced.host.path_checks import PathChecker
from workspaced.service.callers import PROGRAM_CHARACTERS, Caller, Callers
from workspaced.service.gathering import Ready
from workspaced.service.maintenance import Json, Maintenance
from workspaced.service.projects import ProjectOperations
from workspaced.store.contract import WorkspaceStore
from workspaced.writer.actor import Writer
from workspaced.writer.pending import Reply
from workspaced_protocol import params as p
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import DaemonStatus, Hello, RecoveryStatus, Session, StoreRevision
from workspaced_protocol.openrpc import openrpc_document

SERVER_NAME: Final = "workspaced"


class ProtocolUnsupported(Refused):
    """The client speaks a protocol that this daemon does not."""

    code = ErrorCode.PROTOCOL_UNSUPPORTED

    def __init__(self, asked: int) -> None:
        spoken = workspaced_protocol.PROTOCOL_VERSION
        super().__init__(
            f"Protocol {asked} is not supported: this daemon speaks protocols {spoken} to {spoken}.",
            minimum=spoken,
            maximum=spoken,
        )


class Service:
    """What each method does, by mode: `reads` give JSON, `writes` a command, `tasks` JSON in their own time.

    A read may give the items of an array in place of the array, which need not be put together then. Writes
    that have to look at a disk first are in `prepared`, and hand over their command when they have. A task
    that writes gives its answer as soon as that is durable, before it ends.
    Reads see the last durable state, and never wait.
    """

    def __init__(
        self,
        store: WorkspaceStore,
        writer: Writer,
        hub: EventHub,
        maintenance: Maintenance,
        *,
        data_dir: str,
        socket: str,
        ids: IdFactory | None = None,
        paths: PathChecker | None = None,
        git: Git | None = None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._hub = hub
        self._ids = ids or IdFactory()
        projects = ProjectOperations(writer, self._ids, paths or PathChecker(), git or Git())
        maintenance.expect = projects.expect
        self._data_dir = data_dir
        self._socket = socket
        self._started_at_ms = _now_ms()
        self.callers = Callers()
        """Who is connected; the server tells."""
        # Any: each handler takes the params of its own method, as the method table declares them.
        self.reads: dict[str, Callable[[Any, Caller], Json | list[Json]]] = {
            "daemon.hello": self._hello,
            "daemon.ping": self._ping,
            "daemon.status": self._status,
            "daemon.clients": self._clients,
            "workspace.get": self._get,
            "workspace.list": self._list,
            "session.list": self._list_sessions,
            "store.getAll": self._get_all,
            "store.getById": self._get_by_id,
            "store.getByName": self._get_by_name,
            "events.subscribe": self._subscribe,
            "events.unsubscribe": self._unsubscribe,
            "rpc.discover": self._discover,
        }
        self.writes: dict[str, Callable[[Any, Caller], Command]] = {
            "workspace.create": self._create,
            "workspace.close": self._close,
            "workspace.update": self._update,
            "workspace.delete": self._delete,
            "project.unbind": projects.unbind,
            "session.begin": self._begin_session,
            "session.end": self._end_session,
            "store.save": self._save,
            "store.remove": self._remove,
            "store.apply": self._apply,
            "store.flush": lambda _params, _caller: bulk.flush,
            "store.acknowledgeRecovery": self._acknowledge_recovery,
        }
        self.prepared: dict[str, Callable[[Any, Ready], None]] = {
            "workspace.open": projects.open,
            "project.bind": projects.bind,
            "project.check": projects.check,
        }
        self.expected: dict[str, Callable[[Any], Callable[[], None]]] = {
            "store.save": lambda params: projects.expect([params.workspace]),
            "store.apply": lambda params: projects.expect(change.save for change in params.changes),
        }
        """The writes that may bind paths which nobody has looked at: those in `prepared` do so, from when one of
        these comes until it calls what is given back."""
        self.tasks: dict[str, Callable[[Any, Cause, Report, Reply], Awaitable[Json]]] = {
            "project.clone": projects.clone,
            **maintenance.tasks,
        }

    def new_correlation_id(self) -> str:
        """An id that ties a request to its log lines and events."""
        return self._ids.correlation()

    def status(self) -> DaemonStatus:
        """What `daemon.status` answers."""
        state = self._writer.state
        return DaemonStatus(
            version=workspaced_protocol.__version__,
            protocol=workspaced_protocol.PROTOCOL_VERSION,
            pid=os.getpid(),
            data_dir=self._data_dir,
            socket=self._socket,
            started_at=self._started_at_ms,
            revision=state.revision,
            workspaces=len(state.records),
            sessions=len(state.sessions),
            connections=len(self.callers),
            recovery=self._recovery(),
            store=self._writer.status,
            commits=self._writer.commit_statistics(),
        )

    def _recovery(self) -> RecoveryStatus:
        found = self._store.recovery
        is_pending = self._writer.state.recovery is not None
        return found if is_pending else structs.replace(found, acknowledged=True)

    def _hello(self, params: p.HelloParams, caller: Caller) -> Json:
        caller.program = params.client[:PROGRAM_CHARACTERS]
        if params.protocol != workspaced_protocol.PROTOCOL_VERSION:
            raise ProtocolUnsupported(params.protocol)
        capabilities = tuple(sorted({*self.reads, *self.writes, *self.prepared, *self.tasks}))
        return encode(Hello(SERVER_NAME, workspaced_protocol.__version__, params.protocol, capabilities))

    def _ping(self, _params: p.NoParams, _: Caller) -> Json:
        return b'"pong"'

    def _status(self, _params: p.NoParams, _: Caller) -> Json:
        return encode(self.status())

    def _clients(self, _params: p.NoParams, _: Caller) -> Json:
        return encode(self.callers.describe(self._writer.state.sessions))

    def _discover(self, _params: p.NoParams, _: Caller) -> Json:
        return encode(openrpc_document())

    def _get_all(self, _params: p.NoParams, _: Caller) -> list[Json]:
        return [record.json for record in self._writer.state.ordered]

    def _get(self, params: p.GetParams, _: Caller) -> Json:
        if params.id is not None:
            found = self._json_of(params.id)
            if found is None:
                raise NotFound(f"There is no workspace {params.id}.", id=params.id)
        else:
            found = self._json_named(params.name or "")
            if found is None:
                raise NotFound(f"There is no workspace named “{params.name}”.")
        return found

    def _list(self, params: p.ListParams, _: Caller) -> list[Json]:
        records = self._writer.state.ordered
        return [record.json for record in records if params.state in (None, record.workspace.state)]

    def _get_by_id(self, params: p.ByIdParams, _: Caller) -> Json:
        return self._json_of(params.id) or b"null"

    def _get_by_name(self, params: p.ByNameParams, _: Caller) -> Json:
        return self._json_named(params.name) or b"null"

    def _json_of(self, id_: str) -> Json | None:
        record = self._writer.state.records.get(id_)
        return record.json if record else None

    def _json_named(self, name: str) -> Json | None:
        workspace = self._writer.state.get_by_name(name)
        return self._json_of(workspace.id) if workspace else None

    def _list_sessions(self, params: p.ListSessionsParams, _: Caller) -> Json:
        sessions = [owned.session for owned in self._writer.state.sessions.values()]
        if params.workspace_id is not None:
            sessions = [session for session in sessions if session.workspace_id == params.workspace_id]
        return encode(sessions)

    def _subscribe(self, params: p.SubscribeParams, caller: Caller) -> Json:
        subscription = self._hub.subscribe(params.topics, params.since, caller.wake)
        self._unsubscribe(None, caller)
        caller.subscription = subscription
        caller.wake()
        return encode(StoreRevision(self._writer.state.revision))

    def _unsubscribe(self, _: object, caller: Caller) -> Json:
        if caller.subscription is not None:
            caller.subscription.close()
            caller.subscription = None
        return b"null"

    def _create(self, params: p.CreateParams, _: Caller) -> Command:
        command = commands.create(self._ids.workspace(), params.name, params.root_path, _now_ms())
        return commands.once(params.request_key, command)

    def _close(self, params: p.TransitionParams, _: Caller) -> Command:
        return commands.once(params.request_key, commands.close(params.id, params.if_revision, _now_ms()))

    def _update(self, params: p.UpdateParams, _: Caller) -> Command:
        command = commands.update(params.id, params.name, params.root_path, params.if_revision, _now_ms())
        return commands.once(params.request_key, command)

    def _delete(self, params: p.TransitionParams, _: Caller) -> Command:
        return commands.once(params.request_key, commands.delete(params.id, params.if_revision))

    def _begin_session(self, params: p.BeginSessionParams, caller: Caller) -> Command:
        caller.has_begun_sessions = True
        session = Session(self._ids.session(), params.workspace_id, params.label, caller.pid, _now_ms())
        return sessions.begin_session(session, caller.connection)

    def _end_session(self, params: p.EndSessionParams, caller: Caller) -> Command:
        return sessions.end_session(params.id, caller.connection)

    def _save(self, params: p.SaveParams, _: Caller) -> Command:
        return commands.once(params.request_key, commands.save(params.workspace, params.if_revision))

    def _remove(self, params: p.RemoveParams, _: Caller) -> Command:
        return commands.once(params.request_key, commands.remove(params.id))

    def _apply(self, params: p.ApplyParams, _: Caller) -> Command:
        command = bulk.apply(params.changes, params.if_revision)
        return commands.once(params.request_key, command, bulk.current_revision)

    def _acknowledge_recovery(self, params: p.WriteParams, _: Caller) -> Command:
        return commands.once(params.request_key, bulk.acknowledge_recovery)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
