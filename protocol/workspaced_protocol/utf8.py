"""Text and paths are UTF-8, whatever the locale: protocol.md, Transport.

Python decodes paths, arguments and variables by the locale, and it decides that before the first line of a program.
In a locale such as en_US.ISO-8859-1 each path of the protocol would lead to another file. So a program of ours
begins again in Python's UTF-8 mode there; that costs 20 ms. It keeps its pid, arguments, environment and descriptors.
"""

import os
import sys
from collections.abc import Callable


def begin_anew_in_utf8(before: Callable[[], None] = lambda: None) -> None:
    """Execute this program again with `-X utf8`, unless its paths are UTF-8 already; call `before` just before."""
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    before()
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
