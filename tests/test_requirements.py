"""Each requirement of the mission stands on a test."""

import re
from pathlib import Path

from requirement_ids import REQUIREMENTS

TESTS = Path(__file__).parent


def test_each_requirement_is_on_a_test() -> None:
    proved: set[str] = set()
    for file in TESTS.rglob("test_*.py"):
        for marker in re.findall(r"mark\.requirement\(([^)]*)\)", file.read_text(encoding="utf-8")):
            proved.update(re.findall(r'"([A-Z]+-?\d+)"', marker))
    assert [requirement for requirement in REQUIREMENTS if requirement not in proved] == []
