"""The choice of a workspace from a list, the last used first: by fzf where it is installed, else by number."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from workspaced_client.cli.base.asking import Read, ask
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import shown_name, tell, told_path
from workspaced_client.cli.base.partial_names import partly_named
from workspaced_client.cli.base.questions import can_ask
from workspaced_client.cli.base.shapes import WORKSPACE, elsewhere
from workspaced_client.cli.base.table import cell_len, set_cell_size

_MOST_SHOWN: Final = 20  # by number; more do not fit on a small terminal


# Any: a workspace as plain JSON.
def pick_workspace(options: Options) -> Any:
    """Return the workspace that the user chooses. Raise Failure if they choose none."""
    recent: dict[str, Any] = {"sort": "recent"}
    by_use = Read("workspace.list", recent, [WORKSPACE], lambda client: client.workspaces.list(**recent))
    (listed,) = ask(options, by_use)
    workspaces = [each for each in listed if each["state"] != "deleted"]
    if not workspaces:
        raise Failure(
            "There are no workspaces to choose from.",
            kind="notFound",
            hint="Make one of a directory: workspacectl create NAME PATH",
        )
    if not can_ask():
        raise WrongUsage("There is no terminal to choose on: name a workspace.")
    chooser = shutil.which("fzf")
    chosen = (
        _by_number(workspaces, options.machine)
        if chooser is None
        else _by_fzf(chooser, workspaces, options.machine)
    )
    if chosen is None:
        raise Failure("Nothing was chosen.", kind="declined")
    return chosen


def _by_fzf(chooser: str, workspaces: Sequence[Any], here: str | None) -> Any:
    lines = "".join(
        f"{index}\t{shown_name(each['name'])}\t{told_path(each['rootPath'], elsewhere(each, here))}\n"
        for index, each in enumerate(workspaces)
    )
    # The options behind those of the user (FZF_DEFAULT_OPTS) win.
    command = [
        chooser,
        "--delimiter=\t",
        "--with-nth=2..",
        "--no-multi",
        "--prompt=workspace> ",
        "--height=50%",
    ]
    done = subprocess.run(
        [*command, "--layout=reverse"], input=lines, stdout=subprocess.PIPE, text=True, check=False
    )
    chosen = done.stdout.splitlines()[-1:]
    number = chosen[0].partition("\t")[0] if chosen else ""
    if done.returncode != 0 or not number.isdecimal():
        return None  # 1: nothing matches; 130: the user left it
    return workspaces[int(number)]


def _by_number(workspaces: Sequence[Any], here: str | None) -> Any:
    first = workspaces[:_MOST_SHOWN]
    names = [shown_name(each["name"]) for each in first]
    width = max(cell_len(name) for name in names)
    for number, (name, each) in enumerate(zip(names, first, strict=True), start=1):
        tell(
            f"{number:>3}  {set_cell_size(name, width)}  {told_path(each['rootPath'], elsewhere(each, here))}"
        )
    if len(workspaces) > len(first):
        tell(f"     and {len(workspaces) - len(first)} more")
    while True:
        sys.stderr.write("Number, or a part of a name: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        wanted = typed.strip()
        if not wanted:
            return None
        if wanted.isdecimal() and 1 <= int(wanted) <= len(first):
            return first[int(wanted) - 1]
        found = partly_named(wanted, workspaces, lambda each: each["name"])
        if len(found) == 1:
            return found[0]
        if found:
            tell(f"{', '.join(shown_name(each['name']) for each in found[:_MOST_SHOWN])}: which of them?")
        else:
            tell(f"Nothing is called “{shown_name(wanted)}”.")
