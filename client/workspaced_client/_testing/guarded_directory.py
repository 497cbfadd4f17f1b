"""A directory for a daemon, which goes with its tests however these end.

The strategy: a shell waits for the end of a pipe that only this process can write to. That end comes by `close`, and
also if this process is killed, or leaves by `os._exit` as a time-out of pytest-timeout does. Then the shell ends the
daemon that runs at that time, and removes the directory.
"""

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workspaced_client._testing.child import PATIENCE_SECONDS
from workspaced_protocol.paths import SOCKET_PATH_LIMIT

# Each line names the process group to end, or none. A killed daemon may still make a file for a moment.
_GUARD: Final = """
while read -r line; do group=$line; done
[ -z "$group" ] || kill -s KILL -- "-$group"
for attempt in 1 2 3 4 5; do
    rm -rf -- "$0" && exit
    chmod -R u+rwx -- "$0"
    sleep 0.1
done
"""
_LONGEST_BELOW: Final = "wsd-12345678/run/d.sock"


class GuardedDirectory:
    """The directory at `path`, and the shell that guards it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        reading, self._writing = os.pipe()
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, str(path)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # so that no Ctrl-C of a terminal ends it
            )
        finally:
            os.close(reading)

    def watch(self, group: int | None) -> None:
        """Note the process group that lives here now, or that none does."""
        os.write(self._writing, f"{group or ''}\n".encode())

    def close(self) -> None:
        """Remove the directory. Raises OSError if something in it can't be removed."""
        os.close(self._writing)
        self._shell.wait(PATIENCE_SECONDS)
        if self.path.exists():
            raise OSError(f"{self.path} could not be removed: look what holds it, and remove it.")


@contextmanager
def guarded_directory(parent: Path | None = None) -> Generator[GuardedDirectory]:
    """Yield a new directory for the block, in `parent` if that is given.

    Otherwise its path is short, for a socket's path has at most some hundred bytes.
    """
    made = tempfile.mkdtemp(prefix="wsd-", dir=parent or _parent())
    directory = GuardedDirectory(Path(made).resolve())
    try:
        yield directory
    finally:
        directory.close()


def _parent() -> str:
    """Return the directory for temporary files, or /tmp if the path of a socket in it would be too long."""
    usual = os.path.realpath(tempfile.gettempdir())
    return usual if len(os.fsencode(f"{usual}/{_LONGEST_BELOW}")) <= SOCKET_PATH_LIMIT else "/tmp"  # noqa: S108 - mkdtemp makes a private one
