"""The entry point of the daemon: `workspaced` or `python -m workspaced`."""

import gc
import sys
from typing import Final

from workspaced.cli import main as _main
from workspaced.process.descriptors import raise_limit
from workspaced.process.streams import open_missing

_SWITCH_SECONDS: Final = 0.0005
"""How long a commit's thread waits for the GIL after each system call, while requests keep the interpreter busy
(sys.setswitchinterval). With Python's default of 5 ms, a write beside 100,000 pings took up to 170 ms (p90); now 30."""


def main() -> None:
    """Prepare the process, then run the command line."""
    open_missing()
    raise_limit()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # exclude imported modules from garbage collection, which takes 40 ms for them
    sys.exit(_main())


if __name__ == "__main__":
    main()
