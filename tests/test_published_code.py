"""Each kind of code that the pages for authors of apps print is run by a test: here stands which."""

import re

import pytest

from support.repository import ROOT

RUN_BY = {
    ("README.md", "python"): "tests/e2e/test_examples.py",
    ("README.md", "console"): "tests/e2e/test_readme.py",
    ("docs/integrate/agents.md", "console"): "tests/client/mcp_server/test_page.py",
    ("docs/integrate/agents.md", "json"): "tests/client/mcp_server/test_page.py",
    ("docs/integrate/agents.md", "toml"): "tests/client/mcp_server/test_page.py",
    ("docs/integrate/go.md", "go"): "tests/e2e/test_example_apps.py",
    ("docs/integrate/python.md", "python"): "tests/e2e/test_examples.py",
    ("docs/integrate/shell.md", "bash"): "tests/e2e/test_scripts.py",
    ("docs/integrate/shell.md", "console"): "tests/e2e/test_readme.py",
    ("docs/integrate/typescript.md", "ts"): "client/typescript/test/examples.test.ts",
}
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/integrate").glob("*.md"))]


def test_no_kind_of_code_is_printed_that_nothing_runs() -> None:
    printed = {
        (page, kind)
        for page in PAGES
        for kind in re.findall(r"^```(\w+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    }
    assert printed == set(RUN_BY)


@pytest.mark.parametrize(("page", "kind"), RUN_BY)
def test_the_test_reads_the_page(page: str, kind: str) -> None:
    test = (ROOT / RUN_BY[page, kind]).read_text("utf-8")
    assert page in test
    assert kind in test
