"""The generator of the blocking client: its rules, and that the files in the checkout are what it makes."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "client/unasync.py"


def run(script: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def loaded(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("unasync", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the script beside a copy of the package."""
    for side in ("_async", "_sync"):
        shutil.copytree(SCRIPT.parent / "workspaced_client" / side, tmp_path / "workspaced_client" / side)
    return Path(shutil.copy(SCRIPT, tmp_path))


def test_the_blocking_client_is_what_the_generator_makes() -> None:
    code, problem = run(SCRIPT, "--check")
    assert code == 0, problem


def test_both_sides_have_the_same_files() -> None:
    package = SCRIPT.parent / "workspaced_client"
    names = [{path.name for path in (package / side).glob("*.py")} for side in ("_async", "_sync")]
    assert names[0] == names[1]
    assert set(loaded(SCRIPT).GENERATED) < names[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def a(self):\n    return (await self.b(1)).c\n", "def a(self):\n    return self.b(1).c\n"),
        ("async with AsyncClient() as one:\n    async for each in one:\n", "with Client() as one:\n    for each in one:\n"),
        ("async def __anext__(self):\n    raise StopAsyncIteration\n", "def __next__(self):\n    raise StopIteration\n"),
        ("    try:\n        a()\n    except anyio.get_cancelled_exc_class():\n        raise  # why\n    else:\n", "    try:\n        a()\n    else:\n"),
        ("    a()\n\n    async def aclose(self):\n        self.close()\n\n    b()\n", "    a()\n\n    b()\n"),
        ("Tasks may await asynchronous things: a task, a multitask.\n", "Tasks may asynchronous things: a thread, a multitask.\n"),
    ],
)  # fmt: skip
def test_what_the_rules_make(source: str, expected: str) -> None:
    assert loaded(SCRIPT).to_sync(source, set()) == expected


@pytest.mark.parametrize("name", loaded(SCRIPT).GENERATED)
def test_a_stale_file_is_found_and_mended(copied: Path, name: str) -> None:
    source = copied.parent / "workspaced_client" / "_async" / name
    source.write_text(source.read_text() + "\n# changed\n")
    code, told = run(copied, "--check")
    assert code == 1
    assert f"_sync/{name} differs from what _async/{name} makes" in told
    assert run(copied) == (0, "")
    assert run(copied, "--check") == (0, "")


def test_a_missing_file_is_found(copied: Path) -> None:
    (copied.parent / "workspaced_client/_sync/api.py").unlink()
    assert run(copied, "--check")[0] == 1


def test_a_rule_that_no_file_needs_is_found(copied: Path) -> None:
    copied.write_text(
        copied.read_text().replace("RULES: Final = (", 'RULES: Final = (\n    ("no such text", ""),')
    )
    code, told = run(copied, "--check")
    assert (code, told) == (1, "no file needs the rule no such text: take it out of client/unasync.py\n")


def test_a_wrong_option_is_refused(copied: Path) -> None:
    assert run(copied, "--wrong") == (2, "usage: python client/unasync.py [--check]\n")
