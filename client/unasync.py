"""Make the blocking client from the async one, wherever their code is the same.

`python client/unasync.py` writes the files of `_sync` that `GENERATED` names, each from the file of the same
name in `_async`. With `--check` it writes nothing, and exits with 1 if a file differs. A rule that no file
needs is an error, so that the table stays as short as it can be.
"""

import re
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent / "workspaced_client"

GENERATED: Final = ("api.py", "calls.py", "events.py", "opening.py", "request.py", "store_api.py")
"""The others are written by hand on both sides, because waiting and locking differ; each says why."""

RULES: Final = (
    # Only the async side has these: checkpoints, cancellation, and a second name of `close`.
    (r"import anyio\nimport anyio\.lowlevel\n\n", ""),
    (r" +await anyio\.lowlevel\.checkpoint\(\)\n", ""),
    (r" +except anyio\.get_cancelled_exc_class\(\):\n +raise .*\n", ""),
    (r"\n +async def aclose\(.*\n(?: .*\n)+", ""),
    # An attribute of an awaited result stands in parentheses, which go with the `await`.
    (r"\(await (.*)\)(?=\.\w+$)", r"\1"),
    (r"\bawait ", ""),
    (r"\basync (?=def\b|for\b|with\b)", ""),
    (r"\b__a(?=(?:iter|next|enter|exit)__)", "__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsync(?=[A-Z])", ""),
    # Public classes report the module that users import.
    (r'"workspaced_client\.aio"', '"workspaced_client.events"'),
    (r"\btask\b", "thread"),
)

_HEADER: Final = "# Made from _async/{name} by client/unasync.py: change that file, then run it.\n"


def to_sync(source: str, used: set[str]) -> str:
    """Return the blocking form of async code, and add the patterns of the needed rules to `used`."""
    for pattern, replacement in RULES:
        source, count = re.subn(pattern, replacement, source, flags=re.MULTILINE)
        if count:
            used.add(pattern)
    return source


def main(arguments: list[str]) -> int:
    """Write or compare the files; return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python client/unasync.py [--check]\n")
        return 2
    used: set[str] = set()
    stale = False
    for name in GENERATED:
        wanted = _HEADER.format(name=name) + to_sync((PACKAGE / "_async" / name).read_text("utf-8"), used)
        target = PACKAGE / "_sync" / name
        if not arguments:
            target.write_text(wanted, "utf-8")
        elif not target.is_file() or target.read_text("utf-8") != wanted:
            stale = True
            sys.stderr.write(
                f"{target} differs from what _async/{name} makes: run python client/unasync.py\n"
            )
    unused = [pattern for pattern, _ in RULES if pattern not in used]
    for pattern in unused:
        sys.stderr.write(f"no file needs the rule {pattern}: take it out of client/unasync.py\n")
    return 1 if stale or unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
