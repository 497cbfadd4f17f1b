"""Starts the daemon's command line: `workspaced` or `python -m workspaced`."""

import sys

from workspaced.cli import main as _main
from workspaced.descriptors import raise_limit
from workspaced.streams import open_missing


def main() -> None:
    """The entry point of the `workspaced` script."""
    open_missing()
    raise_limit()
    sys.exit(_main())


if __name__ == "__main__":
    main()
