"""What all tests share: which requirements of the mission each of them proves."""

from collections import defaultdict
from collections.abc import Sequence

import pytest

_proved_by: dict[str, list[str]] = defaultdict(list)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Notes which requirements the tests prove."""
    for item in items:
        for marker in item.iter_markers("requirement"):
            for requirement in marker.args:
                _proved_by[requirement].append(item.nodeid)


@pytest.fixture(scope="session")
def proved_by() -> dict[str, list[str]]:
    """Requirement id to the tests that prove it, of the tests that this run collected."""
    return _proved_by
