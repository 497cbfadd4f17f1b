"""The tour of docs/etcd.md runs as it is printed: one member and two daemons, then three members with one killed."""

import sys

import pytest

from support.etcd import free_ports, needs_etcd
from support.repository import ROOT
from support.tour import RUN_DAEMON, new_tour, steps_of

PORTS = ("2379", "2380", "12379", "12380", "22379", "22380", "32379", "32380")
"""Of the page; members of other tests may use them meanwhile."""


@needs_etcd
@pytest.mark.skipif(sys.platform == "darwin", reason="the page prints the paths of Linux")
def test_the_tour_of_etcd_runs_as_it_is_printed() -> None:
    steps = steps_of(ROOT / "docs" / "etcd.md")
    assert len([step for step in steps if step.command.startswith(RUN_DAEMON)]) == 4
    with new_tour(dict(zip(PORTS, free_ports(len(PORTS)), strict=True))) as tour:
        for step in steps:
            # What another process brings about takes a moment: members elect a leader, machines learn of each other.
            tour.take(step, looks_again=is_look(step.command))


def is_look(command: str) -> bool:
    """Return whether a command only shows something."""
    words = command.split()
    return words[:2] == ["workspaced", "etcd"] or bool(
        {"list", "status", "log", "path"}.intersection(words[:4])
    )
