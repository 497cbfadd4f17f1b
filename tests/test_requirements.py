"""Each requirement is defined once, proven by a test, and cited under an id that exists."""

from requirement_ids import DOCUMENT, ID, ROOT, defined, page, proofs
from support.repository import sources


def test_each_requirement_is_defined_once_and_proven() -> None:
    ids = defined()
    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(proofs())


def test_the_list_of_proofs_is_not_stale() -> None:
    assert DOCUMENT.read_text("utf-8") == page(), "run `python tests/requirement_ids.py`"


def test_each_cited_requirement_is_defined() -> None:
    known = set(defined())
    unknown = [
        f"{file.relative_to(ROOT)}: {id_}"
        for file in sources()
        for id_ in ID.findall(file.read_text("utf-8"))
        if id_ not in known
    ]
    assert unknown == []
