"""What can go wrong on a simulated disk, and at which operation which error is legal."""

import errno
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["power loss", "kill", "error", "short write", "lying write"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the operation `at` (the first is 1), or from then on if it `lasts`."""

    kind: Kind
    at: int
    number: int = 0
    """The errno of an “error”."""
    lasts: bool = False

    def __str__(self) -> str:
        name = f" {errno.errorcode[self.number]}" if self.number else ""
        return f"{self.kind}{name} {'from' if self.lasts else 'at'} operation {self.at}"


class PowerLoss(BaseException):
    """The machine stopped: nothing that the process still does reaches the disk."""


class Killed(BaseException):
    """SIGKILL: the process does nothing any more."""


_ON_CHANGES = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
LEGAL_ERRORS: Final[dict[str, tuple[int, ...]]] = {
    "open": (errno.EIO, errno.EMFILE),
    "create": (*_ON_CHANGES, errno.EMFILE),
    # Python repeats a call that EINTR ends (PEP 475), but for close(2).
    "close": (errno.EIO, errno.EINTR),
    "write": _ON_CHANGES,
    "read": (errno.EIO,),
    "sync": _ON_CHANGES,
    "truncate": (errno.EIO, errno.EROFS),
    "rename": _ON_CHANGES,
    "unlink": (errno.EIO, errno.EROFS),
    "rmdir": (errno.EIO, errno.EROFS),
    "mkdir": _ON_CHANGES,
    "stat": (errno.EIO,),
    "list": (errno.EIO, errno.EMFILE),
    "lock": (errno.ENOLCK,),
}
"""The errors that each operation may meet, by section 2 of the Linux manual."""
LASTING_ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE)
"""Those that a disk may go on with; EDQUOT would be met where ENOSPC is."""
