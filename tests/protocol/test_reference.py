"""The reference page is what the table of methods makes, and tells of all that a client meets."""

import subprocess
import sys
from pathlib import Path

from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.events import PAYLOADS, TOPICS
from workspaced_protocol.methods import METHODS

ROOT = Path(__file__).parents[2]


def test_the_page_is_not_stale() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "protocol" / "reference.py", "--check"], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()


def test_the_page_tells_of_every_method_event_and_error() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    assert [name for name in METHODS if f"### {name}\n" not in page] == []
    assert list(PAYLOADS) == list(TOPICS)
    assert [topic for topic in TOPICS if f"| `{topic}` | " not in page] == []
    assert [code for code in ErrorCode if f"| {int(code)} | `{code.kind}` |" not in page] == []
