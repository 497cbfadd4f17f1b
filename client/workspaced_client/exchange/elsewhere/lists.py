"""The lists of one program: those in its default places, or at a path that somebody names."""

import os

from workspaced_client.exchange.elsewhere import formats, places
from workspaced_client.exchange.elsewhere.places import Machine, Program
from workspaced_client.exchange.json_text import LeftOut, Unusable
from workspaced_client.exchange.listed import Listing, reason_of

Lists = list[tuple[str, Listing]]
"""Lists with the paths that they were read from."""


def read_default(name: Program, machine: Machine) -> Lists:
    """Return the lists in a program's default places. One that can't be used is empty, with the reason left out.

    Raise Unusable if there is none that can be used.
    """
    if name == "ghq":
        from workspaced_client.exchange.elsewhere import ghq

        files = ghq.roots(machine.home, machine.environment)
    else:
        wanted = places.patterns(name, machine)
        files = places.existing(wanted)
        if not files:
            raise Unusable(f"{name} has no list in its default places: {', '.join(wanted)}.")
    lists: Lists = []
    problems: list[Unusable] = []
    for file in files:
        try:
            lists.append((file, formats.read(name, file, machine.home)))
        except Unusable as error:
            problems.append(error)
            lists.append((file, Listing((), (LeftOut("", file, reason_of(error, file)),))))
    if len(problems) == len(files):
        raise problems[0]
    return lists


def read_at(name: Program, path: str, machine: Machine) -> Lists:
    """Return the lists at an absolute path: a file, or a directory that holds some; for ghq, a root. Raise Unusable."""
    files = [path]
    if name != "ghq" and os.path.isdir(path):
        files = places.inside(name, path)
        if not files:
            wanted = ", no ".join(places.INSIDE[name])
            raise Unusable(f"There is no list of {name} in {path}: no {wanted}.")
    return [(file, formats.read(name, file, machine.home)) for file in files]
