"""Makes the blocking client's namespaces, `_sync_api.py`, from the async ones, so that they stay equal.

`python client/unasync.py` writes the file; with `--check` it writes nothing and ends with 1 where the
file is not what it would write.
"""

import re
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent / "workspaced_client"
SOURCE: Final = PACKAGE / "_async_api.py"
TARGET: Final = PACKAGE / "_sync_api.py"

_RULES: Final = (
    # The parentheses around an awaited call, whose attribute is taken, go with the `await`.
    (re.compile(r"\(await (.*)\)(?=\.\w+$)", re.MULTILINE), r"\1"),
    (re.compile(r"\basync def\b"), "def"),
    (re.compile(r"\bawait "), ""),
    (re.compile(r"\bAsync(?=[A-Z])"), ""),
)


def to_sync(source: str) -> str:
    """The blocking form of the async code in `source`."""
    for pattern, replacement in _RULES:
        source = pattern.sub(replacement, source)
    return source


def main(arguments: list[str]) -> int:
    """Writes or, with `--check`, compares the file; gives the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python client/unasync.py [--check]\n")
        return 2
    wanted = to_sync(SOURCE.read_text("utf-8"))
    if not arguments:
        TARGET.write_text(wanted, "utf-8")
    elif not TARGET.is_file() or TARGET.read_text("utf-8") != wanted:
        sys.stderr.write(f"{TARGET} is not what {SOURCE.name} makes: run python client/unasync.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
