"""The ending signals as events of the loop."""

import signal
from collections.abc import Callable

import pytest
import trio

from workspaced.supervision.ending import received


async def test_signals_that_come_while_one_is_handled_do_not_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    handled, run_sync_soon = 0, trio.lowlevel.TrioToken.run_sync_soon

    def while_another_comes(
        token: trio.lowlevel.TrioToken, function: Callable[..., object], *arguments: object, **options: bool
    ) -> None:
        nonlocal handled
        handled += 1
        if handled < 5000:  # more than the frames that Python allows
            signal.raise_signal(signal.SIGINT)
        run_sync_soon(token, function, *arguments, **options)

    with received() as coming:
        with monkeypatch.context() as patched:
            patched.setattr(trio.lowlevel.TrioToken, "run_sync_soon", while_another_comes)
            signal.raise_signal(signal.SIGINT)
        with trio.fail_after(5):
            assert await anext(coming) == signal.SIGINT
        # The next one is an event of its own.
        await trio.testing.wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        with trio.fail_after(5):
            assert {await anext(coming), await anext(coming)} == {signal.SIGTERM, signal.SIGINT}
