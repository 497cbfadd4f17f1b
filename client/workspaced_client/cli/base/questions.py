"""The preview of a change, and the question before it."""

import sys

from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, tell


def preview(options: Options, text: str, *, asks: bool) -> None:
    """Print the changes that a command would make.

    With --json or --quiet, stdout is kept free of it: `text` goes to stderr, if a question `asks` about it.
    """
    if not options.as_json and not options.quiet:
        emit(text)
    elif asks:
        tell(text)


def can_ask() -> bool:
    """Return whether a person can read a question and answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def says_yes(question: str) -> bool:
    """Ask on stderr, since stdout may be redirected, and return whether the answer is a clear yes."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def require_yes(question: str, *, declined: str, has_preview: bool = True) -> None:
    """Return after a yes. Raise Failure after a no, and WrongUsage if there is nobody to ask.

    With `has_preview`, the command has the option --dry-run.
    """
    if not can_ask():
        look = ", or --dry-run to look" if has_preview else ""
        raise WrongUsage(f"{declined} There is no terminal to ask on: add --yes to go on{look}.")
    if not says_yes(question):
        raise Failure(declined, kind="declined")
