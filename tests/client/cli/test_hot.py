"""The commands that are over at once: what each of them imports.

Python starts within 12 ms. `typing` alone would take as long again, `json` three quarters of that, msgspec three times
as long.
"""

import json
import subprocess
import sys

import pytest

from client.cli.workspacectl import user_environment
from support.daemon_process import DaemonProcess

_RUN = """
import sys
before = set(sys.modules)
from workspaced_client.cli import main
code = main(sys.argv[1:])
loaded = sys.modules.keys() - before
import json
print(json.dumps([code, sorted(loaded)]), file=sys.stderr)
"""
SLOW = {
    "argparse",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "importlib",
    "inspect",
    "json",
    "msgspec",
    "pathlib",
    "re",
    "rich",
    "shutil",
    "socket",
    "subprocess",
    "typing",
    "workspaced_client._sync",
    "workspaced_client.errors",
    "workspaced_protocol.models",
}


@pytest.fixture(scope="module", autouse=True)
def alpha(daemon: DaemonProcess) -> None:
    """A workspace to look at."""
    with daemon.client() as client:
        client.workspaces.create("alpha", "/srv/alpha", tags=["web"])


@pytest.mark.parametrize(
    ("command", "printed", "most_of_ours", "most_of_others"),
    [
        ("--version", "workspacectl ", 21, 2),
        ("--help", "Usage: ", 23, 2),
        ("list --help", "Usage: ", 23, 2),
        ("shell-init bash", "# For bash", 22, 2),
        ("path alpha", "/srv/alpha\n", 26, 4),
        ("__complete pa", "path\t", 28, 4),
        ("__complete path al", "alpha\n", 28, 5),
        ("list", "NAME ", 28, 6),
        ("show alpha", "Name ", 28, 12),
        ("status", "workspaced ", 31, 13),
    ],
)
def test_a_hot_command_loads_little(
    daemon: DaemonProcess, command: str, printed: str, most_of_ours: int, most_of_others: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *command.split()],
        env=user_environment(daemon.socket.parent, WORKSPACED_SOCKET=str(daemon.socket)),
        capture_output=True,
        text=True,
        check=True,
    )
    code, loaded = json.loads(done.stderr)
    assert (code, done.stdout[: len(printed)]) == (0, printed)
    assert SLOW.isdisjoint(loaded)
    ours = [name for name in loaded if name.startswith("workspaced_")]
    assert len(ours) <= most_of_ours, ours
    assert len(loaded) - len(ours) <= most_of_others, sorted(set(loaded) - set(ours))
