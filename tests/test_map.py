"""The map of the code is whole: CONTRIBUTING.md names every module, docs/architecture.md only what is there."""

import ast
import re
from pathlib import Path

import pytest

from support.repository import ROOT

PACKAGES = {
    "daemon": ROOT / "daemon/workspaced",
    "protocol": ROOT / "protocol/workspaced_protocol",
    "client": ROOT / "client/workspaced_client",
}
STEP = re.compile(r"`(?:(protocol|client):)?([\w/]+\.py):([\w.]+)`")


def modules(package: Path, ending: str = "py") -> set[str]:
    """Return the modules of a package, as paths without their ending."""
    files = (file.relative_to(package) for file in package.rglob(f"*.{ending}") if file.stem != "__init__")
    return {str(file.with_suffix("")) for file in files}


def named(section: str) -> set[str]:
    """Return the modules that the rows of a section name, each with the folder that its row begins with."""
    found: set[str] = set()
    for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE):
        folder, _, files = row.rpartition(":")
        found |= {folder.strip("`") + name for name in re.findall(r"`(\w+)`", files)}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_the_map_names_each_module_and_no_other(package: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition(f"**`{package}/")[2].partition("\n**`")[0]
    assert named(section) == modules(PACKAGES[package])


def test_the_map_names_each_module_of_the_typescript_client() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("**`client/typescript/src/`")[2].partition("\n**`")[0]
    assert named(section) == modules(ROOT / "client/typescript/src", "ts")


def definitions(file: Path) -> set[str]:
    """Return the functions and classes of a module, and those of its classes behind a full stop."""
    found: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in inner}
    return found


def test_each_step_of_the_tour_exists() -> None:
    steps = STEP.findall((ROOT / "docs/architecture.md").read_text("utf-8"))
    assert len(steps) > 50
    missing = [
        f"{file}:{name}"
        for package, file, name in steps
        if name not in definitions(PACKAGES[package or "daemon"] / file)
    ]
    assert missing == []
