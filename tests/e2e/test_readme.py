"""The tours (blocks of `console`) of README.md, docs/command-line.md and docs/integrate/shell.md run as they are printed."""

import shutil
import sys

import pytest

from support.repository import ROOT
from support.tour import RUN_DAEMON, Step, new_tour, processes_at, steps_of
from support.waiting import wait_until


@pytest.mark.skipif(sys.platform == "darwin", reason="the documents print the paths of Linux")
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/command-line.md",
        pytest.param(
            "docs/integrate/shell.md",
            marks=pytest.mark.skipif(shutil.which("jq") is None, reason="its examples use jq"),
        ),
    ],
)
def test_a_tour_runs_as_it_is_printed(name: str) -> None:
    steps = steps_of(ROOT / name)
    assert RUN_DAEMON in [step.command for step in steps]
    with new_tour() as tour:
        for step in steps:
            tour.take(step)


@pytest.mark.skipif(sys.platform == "darwin", reason="it looks for processes in /proc")
def test_a_tour_that_fails_leaves_no_process() -> None:
    with new_tour() as tour:
        with pytest.raises(AssertionError, match="workspacectl list"):
            tour.take(Step("workspacectl list", ["another output"]))
        assert [*processes_at(tour.root)] != [], "the command has started a daemon"
    wait_until(lambda: [*processes_at(tour.root)] == [])


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 4096
