"""The requirement ids: where each is defined and proven. Run as a program, it lists the proofs in docs/requirements.md.

`python tests/requirement_ids.py` writes the list; a test compares it.
"""

import re
from collections import defaultdict
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "requirements.md"

ID = re.compile(r"\b(?:FR-\d{3}|NFR-\d{3}|T\d{3})\b")

_PROOFS = "\n## Proofs\n"
_ROW = re.compile(rf"^\| ({ID.pattern}) \| .+ \|$", re.MULTILINE)
_MARKER = re.compile(r"mark\.requirement\(([^)]*)\)")


def defined() -> list[str]:
    """Return the ids that the document defines, in its order."""
    return [match[1] for match in _ROW.finditer(DOCUMENT.read_text("utf-8"))]


def proofs() -> dict[str, list[str]]:
    """Return the test files with a marker of each id."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        markers = " ".join(_MARKER.findall(file.read_text("utf-8")))
        for id_ in sorted(set(ID.findall(markers))):
            found[id_].append(file.relative_to(ROOT / "tests").as_posix())
    return found


def page() -> str:
    """Return the document with the list of proofs as the tests' markers have it."""
    text, heading, rest = DOCUMENT.read_text("utf-8").partition(_PROOFS)
    introduction, _, _ = rest.partition("\n- ")
    found = proofs()
    items = [f"- **{id_}**: {', '.join(f'`{file}`' for file in found[id_])}" for id_ in defined()]
    lines = [fill(item, 118, subsequent_indent="  ", break_on_hyphens=False) for item in items]
    return f"{text}{heading}{introduction.rstrip()}\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page(), "utf-8")
