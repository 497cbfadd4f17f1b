"""The limit of open files: raised at startup, with a reserve for the daemon itself.

The strategy: the soft limit is 1,024 on most Linux systems and 256 under launchd, which may be fewer than
the clients of a machine. The hard limit is the administrator's choice, so raise the soft limit to it. Keep
some descriptors back from clients, so that a commit always has the descriptors it needs.
"""

import resource
from contextlib import suppress
from typing import Final

MOST: Final = 65_536
"""More than the clients of one user. Without a limit, a client that leaks connections could fill the memory."""

_MOST_OF_MACOS: Final = 10_240  # OPEN_MAX of <sys/syslimits.h>; setrlimit(2) there may refuse more
KEPT_BACK: Final = 256
"""The reserve for the daemon itself: 17 when idle, 5 for a commit, about 5 for each of 4 clones, and 3 for each
of 64 threads that look at paths."""


def raise_limit() -> None:
    """Raise the soft limit towards the hard limit, as far as the system allows it.

    git inherits the limit. A high limit harms only programs that use select(2) with descriptors above 1,023;
    git uses poll(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (MOST, _MOST_OF_MACOS):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(OSError, ValueError):  # try the next value, or keep the limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def most_clients() -> int:
    """Return the maximum number of connected clients, by the current soft limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    return limit - min(KEPT_BACK, limit // 2)
