"""A migration whose system calls fail, or whose process or machine ends in them: one whole store serves.

`make test-exhaustive` tries each kind of fault at each call, in two minutes; a run of the day a share of the calls.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.failing_calls import KINDS, build, needs_compiler
from support.etcd import Cluster, needs_etcd
from support.repository import ROOT
from support.share import DAY, TRIES_ALL

pytestmark = [pytest.mark.requirement("FR-005", "T011"), needs_compiler]

TRIALS = Path(__file__).with_name("migration_trials.py")
EVERY = 1 if TRIES_ALL else 13
EVERY_WITH_ETCD = 1 if TRIES_ALL else 37  # each takes longer


def run_trials(tmp_path: Path, pairs: str, endpoint: str, every: int) -> None:
    (tmp_path / "stores").mkdir()
    library = build(tmp_path)
    first = 1 + DAY % every
    command = [sys.executable, str(TRIALS), str(tmp_path / "stores"), pairs, endpoint]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [*command, str(every), str(first), *KINDS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


@pytest.mark.timeout(300)
def test_stopped_at_any_call_one_whole_store_serves(tmp_path: Path) -> None:
    run_trials(tmp_path, "json:sqlite,sqlite:json", "", EVERY)


@needs_etcd
@pytest.mark.timeout(300)
def test_stopped_at_any_call_on_the_way_to_etcd_and_back_one_whole_store_serves(
    tmp_path: Path, etcd: Cluster
) -> None:
    run_trials(tmp_path, "json:etcd,etcd:json", etcd.endpoints[0], EVERY_WITH_ETCD)
