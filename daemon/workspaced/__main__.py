"""Starts the daemon's command line: `workspaced` or `python -m workspaced`."""

import sys

from workspaced.cli import main as _main


def main() -> None:
    """The entry point of the `workspaced` script."""
    sys.exit(_main())


if __name__ == "__main__":
    main()
