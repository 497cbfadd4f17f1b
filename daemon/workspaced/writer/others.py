"""What others have committed to a store that several machines share: the events of that."""

from workspaced.domain import sessions
from workspaced.domain.entries import NOBODY, events_of
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.store.contract import News


def publish_news(news: News, before: State, after: State, hub: EventHub) -> None:
    """Publish the events of the news, which led from the state `before` to `after`.

    A session ends before the delete of its workspace, and begins after its creation: so in this order.
    """
    if news.is_gap:
        hub.skip_to(after.revision)
    if before.sessions is not after.sessions:
        for owned in before.sessions.values():
            if owned.session.id not in after.sessions:
                hub.publish(sessions.ended(owned.session, hub.revision), NOBODY)
    if not news.is_gap:
        hub.advance_to(after.revision)
        for entry in news.entries:
            for event in events_of(entry):
                hub.publish(event, NOBODY)
    if before.sessions is not after.sessions:
        for owned in after.sessions.values():
            if owned.session.id not in before.sessions:
                hub.publish(sessions.began(owned.session, after.revision), NOBODY)
