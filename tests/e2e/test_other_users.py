"""A process of another user reaches no daemon but its own: the socket keeps it out, and behind that the daemon."""

import os
import pwd
import subprocess
import sys

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS

# Becomes the user once Python is loaded, which may lie where that user can't read.
AS_ANOTHER = """
import os, socket, sys
path, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
connected = socket.socket(socket.AF_UNIX)
connected.settimeout(20)
try:
    connected.connect(path)
except OSError as error:
    sys.exit(f"not connected: {type(error).__name__}")
try:
    connected.sendall(b'{"jsonrpc":"2.0","id":1,"method":"store.getAll"}\\n')
    print("answered:", connected.recv(65536))
except (BrokenPipeError, ConnectionResetError):
    print("answered: b''")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_another_user_gets_nothing(home: Home, start: StartDaemon) -> None:
    nobody = pwd.getpwnam("nobody")
    daemon = start()

    def tried() -> str:
        # -S: without the packages that a measure of coverage would start by, and write as that user
        command = [
            sys.executable,
            "-S",
            "-c",
            AS_ANOTHER,
            str(home.socket),
            str(nobody.pw_uid),
            str(nobody.pw_gid),
        ]
        child = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        return (child.stdout + child.stderr).strip()

    with RawConnection(home.socket) as own:
        own.create("Secret")
        assert tried() == "not connected: PermissionError"  # the directories
        for directory in (home.root, home.socket.parent):
            directory.chmod(0o755)
        assert tried() == "not connected: PermissionError"  # the socket's mode
        home.socket.chmod(0o666)
        assert tried() == "answered: b''"  # the daemon itself
        assert [each["name"] for each in own.call("store.getAll")] == ["Secret"]
    assert daemon.stop() == 0
    (told,) = [line for line in daemon.stderr.splitlines() if "another user" in line]
    assert str(nobody.pw_uid) in told
