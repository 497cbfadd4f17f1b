"""The table of who is connected to the daemon, and what of their requests is in flight."""

from collections.abc import Sequence

from workspaced_client import ConnectedClient, InFlight, Subscribed
from workspaced_client._core.local_time import when
from workspaced_client.cli.output import count
from workspaced_client.cli.table import Column, emit_table


def show_clients(clients: Sequence[ConnectedClient]) -> None:
    """Prints a row for each connection, the oldest first."""
    emit_table(
        (
            Column("PROGRAM", shrinks=True),
            Column("PID"),
            Column("UID", optional=True),
            Column("SINCE"),
            Column("REQUESTS"),
            Column("IN FLIGHT", shrinks=True),
            Column("EVENTS", shrinks=True),
            Column("SESSIONS"),
        ),
        [
            (
                each.program or "-",
                str(each.pid),
                str(each.uid),
                when(each.connected_at),
                str(each.requests),
                _in_flight(each.in_flight),
                _events(each.subscription),
                str(len(each.sessions) or "-"),
            )
            for each in clients
        ],
    )


def _in_flight(found: InFlight) -> str:
    """The oldest request, with how long it has waited, and how many more there are."""
    if not found.oldest:
        return "-"
    oldest = found.oldest[0]
    more = f", {found.count - 1} more" if found.count > 1 else ""
    return f"{oldest.method} for {oldest.for_ms / 1000:.1f} s{more}"


def _events(subscription: Subscribed | None) -> str:
    if subscription is None:
        return "-"
    if subscription.topics is None:
        return "all"
    return (
        subscription.topics[0] if len(subscription.topics) == 1 else count(len(subscription.topics), "topic")
    )
