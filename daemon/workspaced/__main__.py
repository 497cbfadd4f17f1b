"""The entry point of the daemon: `workspaced` or `python -m workspaced`.

Its first lines settle whatever the process inherits from its parent: signals first of all, before slow imports.
"""

import sys

from workspaced.process import signals

_SWITCH_SECONDS = 0.0005
"""How long a commit's thread waits for the GIL after each system call, while requests keep the interpreter busy
(sys.setswitchinterval). With Python's default of 5 ms, a write beside 100,000 pings took up to 170 ms (p90); now 30."""


def main() -> None:
    """Prepare the process, then run the command line."""
    if sys.argv[1:2] == ["run"]:
        signals.take_over()
    else:
        signals.leave_to_system()
    from workspaced_protocol.utf8 import begin_again_in_utf8

    begin_again_in_utf8(before=signals.hold)
    code = _run()
    signals.ignore_ending()
    sys.exit(code)


def _run() -> int:
    import gc

    from workspaced.cli import main as run_command_line
    from workspaced.process.descriptors import raise_limit
    from workspaced.process.streams import open_missing
    from workspaced.process.umask import keep_owner_permissions

    open_missing()
    raise_limit()
    keep_owner_permissions()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # exclude imported modules from garbage collection, which takes 40 ms for them
    return run_command_line()


if __name__ == "__main__":
    main()
