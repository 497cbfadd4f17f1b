"""Asking before something is done that the user may not want."""

import sys

from workspaced_client.cli.base.failures import Failure, WrongUsage


def can_ask() -> bool:
    """Whether there is somebody to ask, and to read the answer from."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def says_yes(question: str) -> bool:
    """Asks on stderr, since stdout may lead elsewhere. Only a clear yes is one."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def require_yes(question: str, *, declined: str) -> None:
    """Goes on after a yes. Raises Failure after a no, WrongUsage where there is nobody to ask."""
    if not can_ask():
        raise WrongUsage(f"{declined} Nobody is there to be asked: say --yes to go on, or --dry-run to look.")
    if not says_yes(question):
        raise Failure(declined, kind="declined")
