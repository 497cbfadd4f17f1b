"""The events of the daemon: `Client.events()` returns an `EventStream` of `Event` and `EventGap`.

An async program imports `Event` and `EventGap` from here too, so `EventStream`, the blocking iterator, is
loaded on first use.
"""

from typing import TYPE_CHECKING, Any

from workspaced_client._core.event_feed import Event, EventGap, OnLost

if TYPE_CHECKING:
    from workspaced_client._sync.events import EventStream

__all__ = ["Event", "EventGap", "EventStream", "OnLost"]

if not TYPE_CHECKING:  # where it would hide misspelt names

    def __getattr__(name: str) -> Any:
        if name != "EventStream":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from workspaced_client._sync.events import EventStream

        globals()[name] = EventStream  # so that this runs once
        return EventStream

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
