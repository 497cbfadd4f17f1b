"""A published event: an event with its number and its time, and the text of its notification."""

from typing import Final

import msgspec

from workspaced.domain.clock import now_ms
from workspaced.domain.entries import Cause, Event
from workspaced.domain.records import encode
from workspaced_protocol.events import GAP, EventNotification, EventsMissed
from workspaced_protocol.messages import EVENT, encode_notification

_ENVELOPE_BYTES: Final = 300  # of a notification, about: all but its payload and its two workspaces


class PublishedEvent(msgspec.Struct, gc=False):
    """An event with its number and its time. The garbage collector ignores it (gc=False): there are thousands."""

    event: Event
    sequence: int
    """Rises by one for each event of the topic; the events of the history at the start count."""
    timestamp_ms: int
    cause: Cause
    _text: bytes | None = None

    @property
    def text(self) -> bytes:
        """The notification, without a newline. It is made once."""
        if self._text is None:
            self._text = notification_text(self.event, self.sequence, self.cause, self.timestamp_ms)
        return self._text

    def size_bytes(self) -> int:
        """Return the size of the notification, exact for an event without a workspace, else to some hundred bytes."""
        entry = self.event.entry
        if entry is None:
            return len(self.text)
        payload = encode(self.event.payload)
        return len(payload) + len(entry.before or b"") + len(entry.after or b"") + _ENVELOPE_BYTES


def notification_text(event: Event, sequence: int, cause: Cause, timestamp_ms: int) -> bytes:
    """Return the text of an event's notification, without a newline."""
    notification = EventNotification(
        topic=event.topic,
        revision=event.revision,
        sequence=sequence,
        timestamp=timestamp_ms,
        correlation_id=cause.correlation_id,
        peer=cause.peer,
        payload=msgspec.Raw(event.payload_json()),
    )
    return encode_notification(EVENT, encode(notification))


def gap_text(missed: EventsMissed, sequence: int) -> bytes:
    """Return the text of the notification that tells of missed events, without a newline."""
    notification = EventNotification(
        topic=GAP,
        revision=missed.to,
        sequence=sequence,
        timestamp=now_ms(),
        correlation_id="",
        payload=msgspec.Raw(encode(missed)),
    )
    return encode_notification(EVENT, encode(notification))
