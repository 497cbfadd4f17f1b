"""The events of a history: made from its changes when a subscriber reads them, and numbered without being made.

The strategy: each event has a revision of its own. So its sequence number is the place of its revision among the
revisions of its topic, and one pass over the history finds these.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from workspaced.domain.entries import Entry, Event, numbered_topics
from workspaced.domain.history import History


class PastEvents:
    """The events of the changes in a history, which never changes: so a reader may take its time."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._revisions: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self.newest = 0
        """The revision of the last event."""
        for entry in history.entries:
            for revision, topic in numbered_topics(entry):
                self._revisions[topic].append(revision)
            self.newest = entry.revision

    def counts(self) -> dict[str, int]:
        """Return the number of events of each topic."""
        return {topic: len(revisions) for topic, revisions in self._revisions.items()}

    def sequence(self, event: Event) -> int:
        """Return the sequence number of one of these events."""
        return bisect_right(self._revisions[event.topic], event.revision)

    def changes_after(self, revision: int, limit: int) -> Iterable[Entry]:
        """Return at most `limit` changes with events after this revision, oldest first."""
        return self._history.after(revision, limit)
