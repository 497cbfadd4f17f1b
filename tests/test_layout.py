"""The tests mirror the folders of the sources, and share each helper instead of writing it again."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDERS = sorted(path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith("_"))
SOURCES = {
    "client": "client/workspaced_client",
    "daemon": "daemon/workspaced",
    "protocol": "protocol/workspaced_protocol",
}
DEFINED_TWICE = {
    "main": "what a program does; nobody imports it",
    "notification": "a JSON-RPC notification to the daemon, and an event as it comes from one",
}
"""Public names that may be defined in several helper modules, and why."""


def is_test_module(path: Path) -> bool:
    return path.name.startswith("test_")


def test_each_folder_of_tests_is_a_folder_of_the_sources() -> None:
    for package, source in SOURCES.items():
        below = TESTS / package
        folders = {path.parent.relative_to(below) for path in below.rglob("*.py")}
        assert [each for each in sorted(folders) if not (TESTS.parent / source / each).is_dir()] == []


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_borrows_from_support_alone(folder: str) -> None:
    others = {*FOLDERS} - {folder, "support"}
    borrowed = [
        f"{path.relative_to(TESTS)} imports {module}"
        for path in sorted((TESTS / folder).rglob("*.py"))
        for module in imported(ast.parse(path.read_text()))
        if module.partition(".")[0] in others
    ]
    assert borrowed == []


def defined(tree: ast.Module) -> Iterator[str]:
    """The public functions and classes; fixtures are apart, for pytest finds them by their folder."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_fixture = any("pytest.fixture" in ast.unparse(each) for each in node.decorator_list)
        if not is_fixture and not node.name.startswith("_"):
            yield node.name


def test_no_helper_is_written_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("*.py")):
        if not is_test_module(path):
            for name in defined(ast.parse(path.read_text())):
                places[name].append(str(path.relative_to(TESTS)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in DEFINED_TWICE} == {}
    assert sorted(twice) == sorted(DEFINED_TWICE), "no name is excused that is defined once"
