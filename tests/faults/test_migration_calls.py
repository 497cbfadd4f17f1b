"""A migration whose system calls fail, or whose process or machine ends in them: one whole store serves.

`make test-exhaustive` tries each kind of fault at each call, in half a minute; a run of the day a share of the calls.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.failing_calls import KINDS, build, needs_compiler
from support.repository import ROOT
from support.share import DAY, TRIES_ALL

pytestmark = [pytest.mark.requirement("FR-005", "T011"), needs_compiler]

TRIALS = Path(__file__).with_name("migration_trials.py")
EVERY = 1 if TRIES_ALL else 13


@pytest.mark.timeout(300)
def test_stopped_at_any_call_one_whole_store_serves(tmp_path: Path) -> None:
    (tmp_path / "stores").mkdir()
    library = build(tmp_path)
    first = 1 + DAY % EVERY
    command = [sys.executable, str(TRIALS), str(tmp_path / "stores"), str(EVERY), str(first), *KINDS]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
