"""Each document that source or prose cites is in the repository, with the heading or anchor that is cited.

Source cites a heading by its words, as in “the reason stands in storage.md, A commit”; documents link to it.
"""

import re
from functools import cache
from pathlib import Path

from support.repository import ROOT, sources
from workspaced_protocol import datadir

_DOCUMENT = re.compile(r"([\w./-]*\w\.md)\b`?")
_SPACE = re.compile(r"[\s#]+")  # a citation may go on in the next line of a comment
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_EXTERNAL = ("https://", "http://", "mailto:")


@cache
def headings(document: Path) -> list[str]:
    """Return the headings of a document, as they are written."""
    return _HEADING.findall(_FENCE.sub("", document.read_text("utf-8")))


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings(document)}


def find(name: str, citing: Path) -> Path | None:
    """Return the document of this name: beside the citing file, in docs/ or at the top."""
    for folder in (citing.parent, ROOT / "docs", ROOT):
        if (folder / name).is_file():
            return folder / name
    return None


def begins_with_heading(words: str, document: Path) -> bool:
    """Return whether the words begin with a heading of the document, as a whole."""
    return any(re.match(rf"{re.escape(each.replace('`', ''))}(?!\w)", words) for each in headings(document))


def problems_of_citations(citing: Path, text: str) -> list[str]:
    """Return a line for each citation that leads nowhere."""
    found: list[str] = []
    for match in _DOCUMENT.finditer(text):
        document = find(match[1], citing)
        if document is None:
            found.append(f"{citing.name}: there is no {match[1]}")
            continue
        after = text[match.end() : match.end() + 100]
        words = _SPACE.sub(" ", after[1:]).strip()
        if after.startswith(",") and not (_DOCUMENT.match(words) or begins_with_heading(words, document)):
            found.append(f"{citing.name}: {match[1]} has no heading “{words[:12]}…”")
    return found


def problems_of_links(document: Path, text: str) -> list[str]:
    """Return a line for each relative link that leads nowhere."""
    found: list[str] = []
    for target in _LINK.findall(_FENCE.sub("", text)):
        if target.startswith(_EXTERNAL):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists():
            found.append(f"{document.name}: there is no {target}")
        elif anchor and anchor not in anchors(file):
            found.append(f"{document.name}: {target} has no such heading")
    return found


def test_each_citation_leads_to_a_document_and_its_heading() -> None:
    assert [
        problem for file in sources() for problem in problems_of_citations(file, file.read_text("utf-8"))
    ] == []


def test_each_link_leads_to_a_file_and_its_heading() -> None:
    documents = [file for file in sources() if file.suffix == ".md"]
    assert [
        problem for file in documents for problem in problems_of_links(file, file.read_text("utf-8"))
    ] == []


def test_a_citation_that_leads_nowhere_is_found() -> None:
    page = "storage" + ".md"  # in two parts, so that this file's own text cites nothing
    text = f'"""See (lost-{page})."""\n# {page}, No such\n# part of it; see {page}, A commit. Of {page}, Format).\n'
    assert problems_of_citations(Path(__file__), text) == [
        f"test_citations.py: there is no lost-{page}",
        f"test_citations.py: {page} has no heading “No such part…”",
    ]


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](lost.txt) [b](storage.md#lost) [c](storage.md#a-commit) [d](#format) [e](https://example.org)"
    assert problems_of_links(ROOT / "docs" / "storage.md", text) == [
        "storage.md: there is no lost.txt",
        "storage.md: storage.md#lost has no such heading",
    ]


def test_the_contract_of_the_store_names_each_file() -> None:
    contract = (ROOT / "docs/storage.md").read_text("utf-8")
    names = (datadir.PRIMARY, datadir.SNAPSHOT, datadir.LOCK, f"{datadir.BACKUPS}/", f"{datadir.QUARANTINE}/")
    assert [name for name in (*names, datadir.temp_name("*")) if f"| `{name}` |" not in contract] == []
