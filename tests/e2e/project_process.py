"""The real daemon for the tests of projects: started with an environment of the test's, and asked line by line."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.git_samples import ISOLATED

PATIENCE_SECONDS = 30.0
"""How long a test waits for what must come; never reached where the code is right."""

# Any: JSON of many shapes, which each test knows.
Json = dict[str, Any]


class ProjectProcess:
    """`workspaced run` with its data below `home`."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.socket_path = home / "run" / "d.sock"
        arguments = ["run", "--data-dir", str(home / "data"), "--socket", str(self.socket_path)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workspaced", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ISOLATED, "HOME": str(home), **(environment or {})},
        )

    def wait_ready(self) -> None:
        """Waits until it says where it listens, which it does once it answers."""
        assert self.process.stdout is not None
        said = b""
        while b"listens on" not in said:
            readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
            assert readable, "the daemon was not ready in time"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            assert chunk, f"the daemon ended: {self.end()}"
            said += chunk

    def stop(self) -> None:
        """Asks it to end, which it has to do well."""
        self.process.terminate()
        code, stderr = self.end()
        assert code == 0, stderr

    def end(self) -> tuple[int, str]:
        """Its exit code and what it wrote to stderr, once it has ended by itself."""
        _, stderr = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, stderr.decode()

    def close(self) -> None:
        """Ends it whatever its condition."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()


class ProjectConnection:
    """A connection that keeps the notifications that come between the answers."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._last_id = 0
        self.notifications: list[Json] = []

    def send(self, *requests: tuple[str, Json]) -> list[int]:
        """Sends all of the requests at once; gives their ids."""
        text = b""
        ids: list[int] = []
        for method, params in requests:
            self._last_id += 1
            ids.append(self._last_id)
            request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
            text += json.dumps(request).encode() + b"\n"
        self._socket.sendall(text)
        return ids

    def receive(self) -> Json:
        """The next answer."""
        while "id" not in (message := self._next()):
            self.notifications.append(message)
        return message

    def notified(self) -> Json:
        """The params of the next notification, no answer being due."""
        message = self._next()
        assert "id" not in message, message
        return dict(message["params"])

    def _next(self) -> Json:
        line = self._lines.readline()
        assert line, "the daemon closed the connection"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def result(self, method: str, /, **params: object) -> Any:
        """The result of a call that has to be granted."""
        self.send((method, params))
        answer = self.receive()
        assert "error" not in answer, answer
        return answer["result"]

    def refusal(self, method: str, /, **params: object) -> tuple[int, Json]:
        """Code and data of a call that has to be refused."""
        self.send((method, params))
        error = self.receive()["error"]
        return error["code"], error["data"]

    def create(self, root_path: Path) -> str:
        """A new workspace; gives its id."""
        self._last_id += 1
        return str(self.result("workspace.create", name=f"W{self._last_id}", rootPath=str(root_path))["id"])

    def close(self) -> None:
        """Is gone."""
        self._lines.close()
        self._socket.close()
