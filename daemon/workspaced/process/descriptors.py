"""How many files the process may have open: as many as the system grants, and some that no client can take.

The strategy: the soft limit is 1,024 on most Linux systems and 256 under launchd, fewer than the
clients that a machine may have; the hard limit is what the administrator means. Of it, so many
are kept back that a commit never lacks its descriptors because clients hold them all.
"""

import resource
from contextlib import suppress
from typing import Final

MOST: Final = 65_536
"""More clients than one user has; a limit without end would let a client that leaks connections fill the memory."""

_MOST_OF_MACOS: Final = 10_240  # OPEN_MAX of <sys/syslimits.h>; setrlimit(2) there may refuse more
KEPT_BACK: Final = 256
"""For the daemon itself: it holds 17 when idle, a commit takes 5, 4 clones some 5 each, and each of 64 threads that
look at paths 3."""


def raise_limit() -> None:
    """Raises the soft limit towards the hard one, as far as the system lets it.

    git inherits it, which harms only programs that call select(2) on more than 1,024 files; git polls.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (MOST, _MOST_OF_MACOS):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(OSError, ValueError):  # then the next, or the limit stays as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def most_clients() -> int:
    """How many clients may be connected at once, by the soft limit of now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    return limit - min(KEPT_BACK, limit // 2)
