"""A sidebar of the active workspaces, which stays right while the daemon restarts. Each line of input creates one."""

import functools
import sys
import threading

from workspaced_client import Client, DaemonError, Workspace
from workspaced_client.events import EventGap, EventStream
from workspaced_protocol.events import WorkspaceChanged, WorkspaceCreated

# Two threads print: each line goes out at once, with its end.
say = functools.partial(print, end="", flush=True)


def show(active: dict[str, Workspace]) -> None:
    """Show the names."""
    say(f"active: {', '.join(sorted(each.name for each in active.values()))}\n")


def listed(client: Client) -> dict[str, Workspace]:
    """Return what the daemon has, by id."""
    return {each.id: each for each in client.workspaces.list("active")}


def follow(client: Client, events: EventStream) -> None:
    """Show what the daemon has, and then each change, until the stream is closed."""
    show(active := listed(client))
    for event in events:
        if isinstance(event, EventGap):
            active = listed(client)
        elif isinstance(event.payload, WorkspaceCreated | WorkspaceChanged):
            workspace = event.payload.workspace
            if workspace is not None and workspace.state == "active":
                active[workspace.id] = workspace
            else:
                active.pop(event.payload.workspace_id, None)
        show(active)


with Client.connect(autostart=True) as client, client.events(["workspace.*"]) as events:
    following = threading.Thread(target=follow, args=(client, events))
    following.start()
    for name in map(str.strip, sys.stdin):
        try:
            created = client.workspaces.create(name, f"/srv/{name}")
            say(f"created {name}: {created.id}\n")
        except DaemonError as error:
            say(f"{error.kind}: {error}\n")
    events.close()
    following.join()
