"""What Python itself takes from its parent: paths are UTF-8, whatever the locale (protocol.md, Transport).

Python decodes paths, arguments and variables by the locale, and it decides that before the first line of a program.
In a locale such as en_US.ISO-8859-1 each path of the protocol would lead to another file. So a program of ours
begins again in Python's UTF-8 mode there; that costs 20 ms. It keeps its pid, arguments, environment and descriptors.

PYTHONINSPECT is likewise read before the first line: a program would show a prompt instead of ending.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `collections` takes a tenth of the time that Python takes to start
if TYPE_CHECKING:
    from collections.abc import Callable


def begin_again_in_utf8(before: Callable[[], None] = lambda: None) -> None:
    """Execute this program again with `-X utf8` and without PYTHONINSPECT, if need be; call `before` just before."""
    is_utf8 = sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8"
    inspects = os.environ.pop("PYTHONINSPECT", "")
    if not sys.executable or (is_utf8 and not inspects):
        return
    before()
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
