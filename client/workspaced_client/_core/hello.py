"""The hello that opens each connection: this program's name and the protocol it speaks."""

import os
import sys

from workspaced_protocol import PROTOCOL_VERSION
from workspaced_protocol.params import HelloParams


def greeting() -> HelloParams:
    """Return the params of `daemon.hello`."""
    return HelloParams(client=program_name(), protocol=PROTOCOL_VERSION)


def program_name() -> str:
    """Return this program's name, for the daemon's log."""
    directory, name = os.path.split(sys.argv[0] if sys.argv else "")
    if name == "__main__.py":  # `python -m package`
        name = os.path.basename(directory)
    if name in ("", "-c"):
        name = os.path.basename(sys.executable or "python")
    return name.encode(errors="replace").decode()
