"""`workspacectl watch`: the daemon's events, a line for each, until the user ends it."""

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from time import time as clock
from typing import Any, Final

import msgspec

from workspaced_client import Client, InvalidParams, WorkspacedError
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.changes import author, summary
from workspaced_client.cli.base.connecting import connect, connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import coloured, emit, on_terminal, shown, shown_name, shown_path, tell
from workspaced_client.cli.base.reading import did_you_mean
from workspaced_client.cli.base.shapes import elsewhere
from workspaced_client.events import Event, EventGap, EventStream
from workspaced_protocol.events import TOPICS, Changed

_COLOURS: Final = {
    "created": "green",
    "deleted": "red",
    "dataLoss": "red",
    "degraded": "red",
    "recovered": "yellow",
    "statusChanged": "yellow",
}
"""The colour for the last part of a topic."""

_LEFT_OUT: Final = ("workspaceId", "name", "projectId", "sessionId", "workspace", "previous", "by")
"""The members of a payload that a line does not repeat."""

_NAME_SECONDS: Final = 1.0  # the event is printed only after it


def watch(options: Options, topics: list[str], since: int | None) -> None:
    """Show events as they happen, until Ctrl-C."""
    with connected(options) as client:
        if since is not None and since > (revision := client.daemon.status().revision):
            tell(
                f"warning: The store is only at revision {revision}: {since} is in the future, or of another store."
            )
        told = _Teller(options, client)
        with _refusing_in_words(topics):
            stream = client.events(topics or None, since=since, on_lost=told.lost, on_found=told.found)
        with stream:
            if not options.quiet and not options.as_json:
                tell("Watching; Ctrl-C ends it.")
            _tell_all(stream, told)


@contextmanager
def _refusing_in_words(topics: list[str]) -> Generator[None]:
    """Ask whether a similar topic was meant, where the daemon has none of this name."""
    try:
        yield
    except InvalidParams as error:
        given = next((each for index, each in enumerate(topics) if error.path == f"topics[{index}]"), None)
        if given is None:
            raise
        kinds = dict.fromkeys(f"{topic.partition('.')[0]}.*" for topic in TOPICS)
        sure = [each for each in kinds if each == f"{given.rstrip('.*')}.*"]
        sure = sure or [topic for topic in TOPICS if topic.rpartition(".")[2].casefold() == given.casefold()]
        meant = did_you_mean(given, (*kinds, *TOPICS), sure)
        if not meant:
            raise
        raise Failure.of(error, f"There is no topic “{shown_name(given)}”.{meant}") from error


def _tell_all(stream: EventStream, told: "_Teller") -> None:
    for event in stream:
        if isinstance(event, EventGap):
            told.gap(event)
        else:
            told.event(event)


def _moment(timestamp_ms: int) -> str:
    """Return the time of an event; on a terminal, where lines are short, without the date of today."""
    day, _, time = when(timestamp_ms).partition(" ")
    today = when(round(clock() * 1000)).partition(" ")[0]
    return time if on_terminal() and day == today else f"{day} {time}"


# Any: a payload as plain JSON.
def _machine(payload: dict[str, Any], here: str | None) -> str | None:
    """Return the machine of a new workspace's or project's path, if that is another one than `here`."""
    workspace = payload.get("workspace")
    if workspace is None:
        return None
    bound = (each for each in workspace["projects"] if each["id"] == payload.get("projectId"))
    return elsewhere(next(bound, workspace), here)


class _Teller:
    """The printer of events. It adds the names of workspaces to events that have only their ids."""

    def __init__(self, options: Options, client: Client) -> None:
        self._options = options
        self._names = {} if options.as_json else {each.id: each.name for each in client.workspaces.list()}
        self._is_lost = False

    def lost(self, error: WorkspacedError) -> None:
        """Report once that the daemon is gone."""
        if not self._is_lost and not self._options.quiet:
            tell(f"{shown(str(error))} Reconnecting.")
        self._is_lost = True

    def found(self) -> None:
        """Report that the daemon is back."""
        if not self._options.quiet:
            tell("The daemon is back.")
        self._is_lost = False

    def gap(self, gap: EventGap) -> None:
        """Print a gap: events that are missed for good."""
        if self._options.as_json:
            self._emit_line(
                {"topic": "events.gap", "payload": {"from": gap.first_revision, "to": gap.last_revision}}
            )
        else:
            self._names.clear()  # the missed events may have changed any of them
            first, last = gap.first_revision, gap.last_revision
            revisions = f"revision {first}" if first == last else f"revisions {first} to {last}"
            tell(f"Missed the events of {revisions}: list the workspaces again.")

    def event(self, event: Event) -> None:
        """Print one event."""
        payload = msgspec.to_builtins(event.payload)
        if isinstance(event.payload, Changed):
            payload = {"workspace": None, "previous": None, **payload}  # as on the wire
        if self._options.as_json:
            self._emit_line(
                {
                    "topic": event.topic,
                    "revision": event.revision,
                    "sequence": event.sequence,
                    "timestamp": event.timestamp_ms,
                    "correlationId": event.correlation_id,
                    "peer": msgspec.to_builtins(event.peer),
                    "payload": payload,
                }
            )
            return
        id_ = str(payload.get("workspaceId", ""))
        told_of = payload.get("workspace") or payload.get("previous")
        if told_of is not None:
            self._names[id_] = str(told_of["name"])
        elif event.topic == "workspace.updated":
            self._names.pop(id_, None)  # its name may have changed, and an earlier release does not tell
        words = [shown_name(self._name(id_))] if id_ else []
        machine = _machine(payload, self._options.machine)
        words += [
            shown_path(value, machine if name == "rootPath" else None)
            if isinstance(value, str)
            else shown(json.dumps(value, ensure_ascii=False))
            for name, value in payload.items()
            if name not in _LEFT_OUT
        ]
        if (
            event.topic == "workspace.updated"
            and isinstance(event.payload, Changed)
            and event.payload.previous
        ):
            words.append(summary(event.payload.previous, event.payload.workspace, self._options.machine))
        if event.peer is not None:
            words.append(
                f"(by {author(event.peer, self._options.machine, names_process=not event.peer.program)})"
            )
        topic = coloured(f"{event.topic:<21}", _COLOURS.get(event.topic.rpartition(".")[2], ""))
        emit(f"{_moment(event.timestamp_ms)}  {topic}  {'  '.join(words)}")

    def _name(self, id_: str) -> str:
        """Return the workspace's name, from the daemon if need be, or its id while no daemon answers."""
        if id_ not in self._names:
            # Not over the command's own connection: that ends with the daemon it was made to.
            with suppress(WorkspacedError), connect(self._options, _NAME_SECONDS) as client:
                self._names[id_] = client.workspaces.get(id_).name
        return self._names.get(id_, id_)

    @staticmethod
    def _emit_line(value: object) -> None:
        emit(json.dumps(value))  # ASCII only, as all JSON of this program
