"""The command line `workspacectl`: its entry point and its exit codes.

Exit codes: 0 success, 1 refused by the daemon (for `doctor` and `check`: a problem was found), 2 wrong usage,
3 no daemon or no service manager reached, 130 interrupted, 141 output closed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

EXIT_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with `arguments`, or those of the process, and return the exit code."""
    try:
        # Imported here, so that an interrupt is quiet from the first moment on.
        if arguments is None:
            import _signal  # type: ignore[import-not-found]  # typeshed lacks it; `signal` takes long to load

            from workspaced_protocol.utf8 import begin_again_in_utf8

            _signal.signal(
                _signal.SIGCHLD, _signal.SIG_DFL
            )  # if it is ignored, every program seems to succeed
            begin_again_in_utf8()
        from workspaced_client.cli.app import run

        return run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
