"""A JSON-RPC connection made of a socket and `json` alone: what a program in any language would write."""

import itertools
import json
import socket
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.error_kinds import KINDS, SPECIFIED_CODES
from support.waiting import wait_until

ANSWER_SECONDS = 20.0  # for one answer; only a defect takes longer


class RawConnection:
    """One connection. Params are given by name as keyword arguments, or by position as further arguments."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_SECONDS)
        try:
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")
        self._ids = itertools.count(1)
        self.notifications: deque[dict[str, Any]] = deque()
        """Those that came before an answer that was waited for, and are not taken yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    @property
    def socket(self) -> socket.socket:
        return self._socket

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send(self, message: object) -> None:
        """Send one JSON text as a line."""
        self.send_bytes(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def receive(self) -> Any:
        """Return the next JSON text. Raises EOFError where the daemon has closed the connection."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            line = b""  # so a Unix socket says that it was closed with something unread in it
        if not line:
            raise EOFError
        assert line.endswith(b"\n")
        return json.loads(line)

    def notified(self) -> dict[str, Any]:
        """Return the params of the next notification, while no answer is due."""
        message = self.notifications.popleft() if self.notifications else self.receive()
        assert "id" not in message, message
        return dict(message["params"])

    def request(self, method: str, *by_position: object, **by_name: object) -> dict[str, Any]:
        """Return a request with an id of its own, to be sent."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": next(self._ids), "method": method}
        params = by_name or list(by_position)
        return {**message, "params": params} if params else message

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to this one request, with nothing else under way."""
        self.send(message)
        answer = self._next_answer()
        assert answer["jsonrpc"] == "2.0"
        assert answer["id"] == message["id"]
        assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"}), answer
        return answer

    def answers(self, messages: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
        """Send the requests at once, and return each id's answer."""
        self.send_bytes(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        by_id = {answer["id"]: answer for answer in [self._next_answer() for _ in messages]}
        assert len(by_id) == len(messages)
        return by_id

    def _next_answer(self) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = self.receive()
            if "id" in message:
                return message
            self.notifications.append(message)

    def call(self, method: str, *by_position: object, **by_name: object) -> Any:
        """Return the result of a call that must succeed."""
        answer = self.answer(self.request(method, *by_position, **by_name))
        assert "result" in answer, answer
        return answer["result"]

    def refused(self, code: int, method: str, *by_position: object, **by_name: object) -> dict[str, Any]:
        """Return `data` of the error that this call must be answered with, and `message` among it."""
        answer = self.answer(self.request(method, *by_position, **by_name))
        assert "error" in answer, answer
        return checked_error(code, answer["error"])

    def create(self, name: str, root_path: str = "/srv/code") -> dict[str, Any]:
        workspace: dict[str, Any] = self.call("workspace.create", name=name, rootPath=root_path)
        return workspace

    def revision(self) -> int:
        revision = self.call("daemon.status")["revision"]
        assert isinstance(revision, int)
        return revision


def wait_for_connections(connection: RawConnection, count: int) -> None:
    """Wait until the daemon counts so many: it learns of a closed one a moment later."""
    wait_until(
        lambda: connection.call("daemon.status")["connections"] == count,
        lambda: f"{connection.call('daemon.status')['connections']} are counted, and there are {count}",
    )


def checked_error(code: int, error: dict[str, Any]) -> dict[str, Any]:
    """Return `data` of the error, with its `message`, once its shape is what the contract says for the code."""
    assert error["code"] == code, error
    assert isinstance(error["message"], str)
    assert " " in error["message"], "a message is a sentence for a person"
    assert set(error) <= {"code", "message", "data"}
    data: dict[str, Any] = error.get("data", {})
    if code not in SPECIFIED_CODES:
        assert data["kind"] == KINDS[code]
    return {**data, "message": error["message"]}
