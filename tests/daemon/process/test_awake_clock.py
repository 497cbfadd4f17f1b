"""The clock of the daemon's deadlines: a process that was stopped has lost no time."""

import threading

import pytest
import trio

from workspaced.process.awake_clock import AwakeClock


class System:
    """The system's clock, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def clock(system: System) -> AwakeClock:
    return AwakeClock(system)


def sleep(clock: AwakeClock, system: System, planned: float, really: float) -> float:
    """Sleep as an event loop does; return the time that the clock has counted."""
    began_at = clock.current_time()
    assert clock.deadline_to_sleep_time(began_at + planned) == planned
    system.now += really
    return clock.current_time() - began_at


@pytest.mark.parametrize("really", [0.0, 0.3, 5.0, 5.4])
def test_time_awake_or_asleep_as_planned_counts(clock: AwakeClock, system: System, really: float) -> None:
    assert sleep(clock, system, 5, really) == pytest.approx(really)


@pytest.mark.parametrize("really", [6.0, 35.0, 86400.0])
def test_a_sleep_that_was_stopped_does_not_count(clock: AwakeClock, system: System, really: float) -> None:
    assert sleep(clock, system, 5, really) == pytest.approx(0)
    assert sleep(clock, system, 5, 5) == pytest.approx(5)


def test_a_loop_without_deadlines_may_sleep_for_ever(clock: AwakeClock, system: System) -> None:
    before = clock.current_time()
    assert clock.deadline_to_sleep_time(float("inf")) == float("inf")
    system.now += 86400
    assert clock.current_time() == before + 86400


def test_a_thread_that_reads_the_clock_does_not_set_it(clock: AwakeClock, system: System) -> None:
    before = clock.current_time()
    system.now += 35
    thread = threading.Thread(target=clock.current_time)
    thread.start()
    thread.join()
    assert clock.current_time() == before


def test_a_deadline_that_passed_while_the_process_was_stopped_has_its_time_left(
    clock: AwakeClock, system: System
) -> None:
    async def main() -> tuple[bool, bool]:
        with trio.move_on_after(5) as stopped:
            system.now += 35  # between two steps of the event loop
            await trio.lowlevel.checkpoint()
        with trio.move_on_after(5) as awake:
            for _ in range(51):
                system.now += 0.1
                await trio.lowlevel.checkpoint()
        return stopped.cancelled_caught, awake.cancelled_caught

    assert trio.run(main, clock=clock) == (False, True)
