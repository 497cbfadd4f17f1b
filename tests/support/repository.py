"""The repository's own text files, for tests that look at the source and the documents."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

_DATA = (".json", ".svg")  # documents of others, and plots


@cache
def sources() -> list[Path]:
    """Return all text that people wrote; a new file counts before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    files = [ROOT / name for name in dict.fromkeys(names) if name and not name.endswith(_DATA)]
    return [file for file in files if file.is_file()]
