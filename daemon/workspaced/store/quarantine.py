"""Copies of damaged or superseded files, made before anything is written over them."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from workspaced.store.contract import CommitUnknown, StorageFailure
from workspaced.store.files import Content, Directory
from workspaced_protocol.datadir import QUARANTINE

KEPT_FILES: Final = 16
"""The newest that are kept (storage.md, Files): damage that repeats must not fill the disk."""

# A time, a reason, and the name that the file had.
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[a-z0-9-]+-workspaces[a-z.]*\.json\Z")


def quarantine(
    directory: Directory, name: str, content: Content, reason: str, time_ns: Callable[[], int] = time.time_ns
) -> str:
    """Copies `content` of the file `name` into quarantine, durably; gives the copy's path.

    `reason` is a word or two joined by hyphens. Where the same content is there already, that copy
    serves. Raises StorageFailure or OSError.
    """
    with closing(directory.open_below(QUARANTINE)) as folder:
        folder.remove_temps()
        copies = sorted(copy for copy in folder.disk.list_names(folder.fd) if _NAME.match(copy))
        # Less the oldest two: a start sets two files aside, and the second must not cost the first its copy.
        for copy in copies[2 - KEPT_FILES :]:
            identity = folder.identify(copy)
            if copy.endswith(f"Z-{reason}-{name}") and identity and identity.size == len(content.data):
                found = folder.read(copy)
                if found is not None and found.data == content.data:
                    break
        else:
            copy = f"{_stamp(time_ns(), copies)}-{reason}-{name}"
        try:
            # Also where it is there already: whoever made it may have failed to sync it, or been killed.
            folder.replace([copy], content.data)
        except CommitUnknown as failure:
            raise StorageFailure(failure.message, failure.errno) from failure
        for old in sorted({*copies, copy})[:-KEPT_FILES]:
            folder.disk.unlink(old, folder.fd)
        return str(folder.path / copy)


def _stamp(now_ns: int, copies: list[str]) -> str:
    """A UTC time to the microsecond that sorts as text, after the last of the sorted `copies`."""
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    digits = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds)) + f"{rest_ns // 1000:06d}"
    if copies:
        # Else a clock that stepped back would make the newest copy the first to be removed.
        last = copies[-1].partition("Z")[0].replace("T", "").replace(".", "")
        digits = f"{max(int(digits), int(last) + 1):020d}"
    return f"{digits[:8]}T{digits[8:14]}.{digits[14:]}Z"
