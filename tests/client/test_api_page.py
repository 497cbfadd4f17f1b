"""The page of the Python API is what the generator makes, and tells of every public name."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import workspaced_client
from support.repository import ROOT
from workspaced_client import aio, errors, events, testing

SCRIPT = ROOT / "client" / "api_page.py"
PAGE = ROOT / "docs" / "python-api.md"
TEXT = PAGE.read_text("utf-8")
HEADINGS = [heading.replace("\\", "") for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)]


def run(script: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_page_is_not_stale() -> None:
    assert run(SCRIPT, "--check") == (0, "")


def test_a_changed_docstring_makes_it_stale(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "client" / "workspaced_client", tmp_path / "client" / "workspaced_client")
    shutil.copytree(ROOT / "protocol", tmp_path / "protocol")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    script = Path(shutil.copy(SCRIPT, tmp_path / "client"))
    changed = tmp_path / "client" / "workspaced_client" / "_sync" / "api.py"
    changed.write_text(changed.read_text("utf-8").replace("Create an active", "Make an active"), "utf-8")
    assert run(script, "--check") == (
        1,
        f"{tmp_path / 'docs' / PAGE.name} is out of date: run python client/api_page.py\n",
    )
    assert run(script) == (0, "")
    assert "Make an active workspace." in (tmp_path / "docs" / PAGE.name).read_text("utf-8")


def test_it_tells_of_every_public_name() -> None:
    names = {name for face in (workspaced_client, aio, errors, events, testing) for name in face.__all__}
    told = {heading.split(".")[-1] for heading in HEADINGS}
    types = re.findall(r"^\| `(\w+)` ", TEXT, re.MULTILINE)
    assert names - told - {*types} == set()


def test_it_tells_of_every_call() -> None:
    with_namespaces = vars(workspaced_client.Client.__mro__[1])["__annotations__"]
    calls = {
        f"client.{namespace}.{name}"
        for namespace, class_ in with_namespaces.items()
        if not namespace.startswith("_")
        for name, _ in inspect.getmembers(class_, inspect.isfunction)
        if not name.startswith("_")
    }
    assert len(calls) > 30
    assert calls - set(HEADINGS) == set()


def test_a_wrong_option_is_refused() -> None:
    assert run(SCRIPT, "--wrong") == (2, "usage: python client/api_page.py [--check]\n")
