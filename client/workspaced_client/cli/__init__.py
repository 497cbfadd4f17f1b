"""The command line `workspacectl`: its entry point and its exit codes.

Exit codes: 0 success, 1 refused by the daemon (for `doctor` and `check`: a problem was found), 2 wrong usage,
3 no daemon or no service manager reached, 130 interrupted, 141 output closed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

EXIT_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with `arguments`, or those of the process, and return the exit code."""
    try:
        # Imported here, so that an interrupt is quiet from the first moment on.
        if arguments is None:
            from workspaced_protocol.utf8 import begin_again_in_utf8

            signal: Any = __import__(
                "_signal"
            )  # typeshed lacks it, and the module `signal` takes long to load
            # If it is ignored, every program seems to succeed.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            begin_again_in_utf8()
        from workspaced_client.cli.app import run

        return run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
