"""A JSON-RPC connection made of a socket and `json` alone: what a program in any language would write."""

import itertools
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 20.0  # for one answer; only a defect takes longer
KINDS = {
    -32700: None,
    -32600: None,
    -32601: None,
    -32602: None,
    1001: "notFound",
    1002: "nameConflict",
    1003: "invalidState",
    1004: "activeSessions",
    1005: "revisionConflict",
    1010: "protocolUnsupported",
    2001: "writeTimeout",
    2002: "commitUnknown",
    2003: "storageFailure",
    2005: "shuttingDown",
    3002: "gitFailed",
}


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
        """Sends one JSON text as a line."""
        self.send_bytes(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def receive(self) -> Any:
        """The next JSON text; EOFError when the daemon has closed the connection."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            line = b""  # so a Unix socket says that it was closed with something unread in it
        if not line:
            raise EOFError
        assert line.endswith(b"\n")
        return json.loads(line)

    def request(self, method: str, *by_position: object, **by_name: object) -> dict[str, Any]:
        """A request with an id of its own, to be sent."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": next(self._ids), "method": method}
        params = by_name or list(by_position)
        return {**message, "params": params} if params else message

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to this one request, with nothing else under way."""
        self.send(message)
        answer: dict[str, Any] = self.receive()
        assert answer["jsonrpc"] == "2.0"
        assert answer["id"] == message["id"]
        assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"}), answer
        return answer

    def answers(self, messages: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
        """Sends the requests at once, and gives each id's answer."""
        self.send_bytes(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        received = [self.receive() for _ in messages]
        by_id = {answer["id"]: answer for answer in received}
        assert len(by_id) == len(messages)
        return by_id

    def call(self, method: str, *by_position: object, **by_name: object) -> Any:
        """The result of a call that must succeed."""
        answer = self.answer(self.request(method, *by_position, **by_name))
        assert "result" in answer, answer
        return answer["result"]

    def refused(self, code: int, method: str, *by_position: object, **by_name: object) -> dict[str, Any]:
        """`data` of the error that this call must be answered with; `message` is among it."""
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


def checked_error(code: int, error: dict[str, Any]) -> dict[str, Any]:
    """`data` of the error, with its `message`, once its shape is what the contract says for the code."""
    assert error["code"] == code, error
    assert isinstance(error["message"], str)
    assert " " in error["message"], "a message is a sentence for a person"
    assert set(error) <= {"code", "message", "data"}
    data: dict[str, Any] = error.get("data", {})
    if KINDS[code] is not None:
        assert data["kind"] == KINDS[code]
    return {**data, "message": error["message"]}
