"""Tells at the end of a test run how much of the fault laboratory was tried, and of which share."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from faults.laboratory import TRIED
from support.share import DAY, TRIES_ALL
from workspaced.store.json import history_file, json_store

_PREFIX = "laboratory: "


@pytest.fixture(autouse=True)
def _tell_what_was_tried(record_property: Callable[[str, object], None]) -> Iterator[None]:
    before = TRIED.copy()
    yield
    for name, count in (TRIED - before).items():
        record_property(_PREFIX + name, count)


@pytest.fixture
def no_look_at_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no mount table about the path of a simulated directory: that took a fifth of each start."""
    monkeypatch.setattr(json_store, "warnings_about", lambda _: [])


@pytest.fixture(autouse=True)
def _rewrite_the_history_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Sum up over all tests, those in other processes too."""
    tried: Counter[str] = Counter()
    for report in terminalreporter.getreports(""):  # of teardowns, which come after the fixture's end
        for name, count in report.user_properties:
            if report.when == "teardown" and name.startswith(_PREFIX):
                tried[name.removeprefix(_PREFIX)] += count
    if tried:
        counts = "; ".join(f"{name}: {count:,}" for name, count in tried.items())
        share = "all errors" if TRIES_ALL else f"the errors of TEST_DAY={DAY}"
        terminalreporter.write_line(f"Fault laboratory, {share}: {counts}")
