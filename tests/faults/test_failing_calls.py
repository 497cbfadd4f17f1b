"""Stores whose system calls fail, or whose process or machine ends in them: nothing answered is lost.

`make test-exhaustive` tries each kind of fault at each call, in two minutes; a run of the day a share of the calls.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.failing_calls import KINDS, build, needs_compiler
from support.repository import ROOT
from support.share import DAY, TRIES_ALL
from support.two_kinds import BOTH

pytestmark = [pytest.mark.requirement("FR-005", "T011"), needs_compiler]

TRIALS = Path(__file__).with_name("store_trials.py")
EVERY = 1 if TRIES_ALL else 41


def trials(
    folder: Path, store: str, every: int, first: int, kinds: list[str], synchronous: str = "FULL"
) -> tuple[int, str]:
    """Run these trials; return the exit code and what was said."""
    (folder / "stores").mkdir()
    library = build(folder)
    command = [
        sys.executable,
        str(TRIALS),
        str(folder / "stores"),
        store,
        str(every),
        str(first),
        synchronous,
        *kinds,
    ]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(1200 if TRIES_ALL else 120)
@pytest.mark.parametrize("kind", BOTH)
def test_no_fault_of_a_call_loses_what_was_answered(tmp_path: Path, kind: str) -> None:
    code, told = trials(tmp_path, kind, EVERY, 1 + DAY % EVERY, [*KINDS])
    assert code == 0, told
    print(told)


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_trials_find_a_store_that_does_not_sync(tmp_path: Path, synchronous: str) -> None:
    code, told = trials(tmp_path, "sqlite", 3, 20, ["power loss"], synchronous)
    assert code != 0
    assert "what was answered is not there" in told
