"""Tells at the end of a test run how much of the fault laboratory was tried."""

import pytest

from faults.laboratory import TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TRIED:
        counts = "; ".join(f"{name}: {count:,}" for name, count in TRIED.items())
        terminalreporter.write_line(f"Fault laboratory: {counts}")
