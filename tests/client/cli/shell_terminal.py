"""A shell on a terminal of its own, to press Tab in, and the arguments that `workspacectl` gets from it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from client.cli.workspacectl import WORKSPACECTL, user_environment
from support.daemon_process import DaemonProcess
from support.waiting import PATIENCE_SECONDS, wait_until

_START: Final = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
INIT: Final = {
    "bash": 'eval "$(workspacectl shell-init bash)"',
    "zsh": 'autoload -Uz compinit && compinit -u -D; eval "$(workspacectl shell-init zsh)"',
    "fish": "workspacectl shell-init fish | source",
}
ON_THIS_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
# In the place of `workspacectl`: notes the end of each completion, and the arguments of each other run. Of these, none
# is run: `wcd` is led to the shell's home.
_NOTED: Final = """#!/bin/sh
if [ "$1" = __complete ]; then
    '{program}' "$@"
    : > '{notes}/completed'
    exit
fi
[ "$1" != shell-init ] || exec '{program}' "$@"
printf '%s\\0' "$@" > '{notes}/new'
mv '{notes}/new' '{notes}/arguments'
[ "$1" != path ] || echo '{notes}'
"""


class ShellTerminal:
    """The shell, with its terminal and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int, home: Path) -> None:
        self.text = ""
        self.home = home
        self._process = process
        self._screen = screen
        self._completed, self._arguments = home / "completed", home / "arguments"

    def run(self, line: str) -> None:
        """Type a line that does not complete anything, and wait for its end."""
        self._type(f"{line}\n")
        self._type("workspacectl noted\n")
        assert self._noted() == ["noted"]

    def complete(self, line: str) -> list[str]:
        """Type the line, press Tab, then Enter, and return the arguments that `workspacectl` gets."""
        self._completed.unlink(missing_ok=True)
        self._type(f"{line}\t")
        self._wait_for(self._completed)
        self._type("\n")
        return self._noted()

    def _noted(self) -> list[str]:
        self._wait_for(self._arguments)
        arguments = self._arguments.read_bytes().decode().split("\0")[:-1]
        self._arguments.unlink()
        return arguments

    def _wait_for(self, file: Path) -> None:
        def is_there() -> bool:
            while select.select([self._screen], [], [], 0)[0]:  # an unread screen would stop the shell
                self.text += os.read(self._screen, 65536).decode(errors="replace")
            return file.exists()

        wait_until(is_there, lambda: self.text[-2000:])

    def _type(self, text: str) -> None:
        os.write(self._screen, text.encode())


@contextmanager
def shell_on_terminal(shell: str, daemon: DaemonProcess, home: Path) -> Generator[ShellTerminal]:
    """Yield a shell that has evaluated its code of `shell-init`; it is killed in the end."""
    program = home / "bin" / "workspacectl"
    program.parent.mkdir()
    program.write_text(_NOTED.format(program=WORKSPACECTL, notes=home))
    program.chmod(0o755)
    path = f"{program.parent}:{user_environment(home)['PATH']}"
    environment = user_environment(home, PATH=path, WORKSPACED_SOCKET=str(daemon.socket), HISTFILE=os.devnull)
    screen, terminal = pty.openpty()
    with os.fdopen(screen, "rb", buffering=0):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-c", ON_THIS_TERMINAL, *_START[shell]],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
        os.close(terminal)
        with process:
            try:
                assert select.select([screen], [], [], PATIENCE_SECONDS)[0], "the shell shows no prompt"
                shell_terminal = ShellTerminal(process, screen, home)
                shell_terminal.run(INIT[shell])
                yield shell_terminal
            finally:
                process.kill()
