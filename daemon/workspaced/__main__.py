"""Starts the daemon's command line: `workspaced` or `python -m workspaced`."""

import gc
import sys
from typing import Final

from workspaced.cli import main as _main
from workspaced.process.descriptors import raise_limit
from workspaced.process.streams import open_missing

_SWITCH_SECONDS: Final = 0.0005
"""How long a commit's thread waits for the interpreter after each of its system calls, while clients' requests keep it
busy (sys.setswitchinterval). With Python's 5 ms, a write beside 100,000 pings took up to 170 ms (p90); so it takes 30."""


def main() -> None:
    """The entry point of the `workspaced` script."""
    open_missing()
    raise_limit()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # what was imported stays: the collector, which takes 40 ms for it, passes over it from now on
    sys.exit(_main())


if __name__ == "__main__":
    main()
