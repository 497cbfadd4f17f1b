"""Settings that are read again while another reading of them hangs."""

import threading
from dataclasses import replace

import trio
from trio.testing import wait_all_tasks_blocked

from support.waiting import until
from workspaced.settings.model import Settings
from workspaced.settings.reloading import LiveSettings


async def test_a_file_that_hangs_takes_one_thread_however_often_it_is_asked_for(settings: Settings) -> None:
    readings: list[threading.Thread] = []
    may_end = threading.Event()

    def load() -> Settings:
        readings.append(threading.current_thread())
        may_end.wait(30)
        return replace(settings, log_level="debug")

    live = LiveSettings(settings, load, lambda _: None)
    for _ in range(3):
        with trio.CancelScope() as given_up:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(live.reload)
                await until(lambda: readings != [])
                await wait_all_tasks_blocked()
                given_up.cancel()
    assert len(readings) == 1
    may_end.set()
    while len(readings) == 1:  # the end of the thread takes a moment to be known
        await live.reload()
        await trio.lowlevel.checkpoint()
    assert len(readings) == 2
    assert live.now.log_level == "debug"
