"""One endpoint of etcd over HTTP: its connections, one request, and what a failure of either means."""

import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Final, NamedTuple, TypeVar

import msgspec
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from workspaced.store.etcd import tls
from workspaced.store.etcd.address import EtcdAddress, parse_endpoint
from workspaced.store.etcd.failures import EtcdError, NotApplied, OutcomeUnknown, no_etcd, of_status, shown

LARGEST_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""More than etcd holds for any store of workspaces: a server that never ends its answer must not fill the memory."""

_IDLE_CONNECTIONS: Final = 4
"""How many connections stay open: the writer, the follower, the keeper, and a request for the status."""

_SOCKET_OPTIONS: Final = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),  # a watch of a machine that is gone ends at last
]

_ERRORS: Final = (HTTPError, HTTPException, OSError, ValueError)
"""What a request raises: of urllib3, of http.client, of the system and TLS, and of a URL or header that can't be."""

_Reply = TypeVar("_Reply")

_LOOK: Final = "see whether it runs, and its log"
_START: Final = "start etcd there, or correct `etcd_endpoints`"


class Answer(NamedTuple):
    """The answer to a request."""

    body: bytes
    date: str | None
    """The server's clock, as HTTP writes it."""


class _Body:
    """The body of a request, which knows whether all of it was handed to the system."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)
        self.is_sent = False

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        self.is_sent = True


class Endpoint:
    """An endpoint. Its methods are for any thread.

    The connections are made again after each failure, with the certificates that then lie in the files.
    """

    def __init__(self, url: str, address: EtcdAddress) -> None:
        """Parse the URL. Raises ValueError."""
        self.url = url
        self.is_verified = False
        """Whether these connections have been seen to lead to a member of the right cluster."""
        self._parts = parse_endpoint(url)
        self._address = address
        self._lock = threading.Lock()
        self._pool: HTTPConnectionPool | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str], *, limit_seconds: float) -> Answer:
        """Send a request of the gateway and return the answer. Raises EtcdError.

        Each wait, for the connection, for the answer's beginning and for more of it, is limited, and an answer that
        comes in pieces is given up once the limit has passed.
        """
        return self._request("POST", path, _Body(body), headers, limit_seconds)

    def get(self, path: str, *, limit_seconds: float) -> Answer:
        """Return what lies at a path beside the gateway. Raises EtcdError; the time is limited as in `post`."""
        return self._request("GET", path, _Body(b""), {}, limit_seconds)

    def decoded(self, answer: Answer, decode: Callable[[bytes], _Reply]) -> _Reply:
        """Return the content of an answer. Raises OutcomeUnknown if it is none of etcd."""
        try:
            return decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise no_etcd(self.url) from error

    def _request(
        self, method: str, path: str, body: _Body, headers: Mapping[str, str], limit_seconds: float
    ) -> Answer:
        deadline = time.monotonic() + limit_seconds
        try:
            with self._send(method, path, body, headers, limit_seconds) as response:
                content = self._read(response, deadline, limit_seconds)
        except _ERRORS as error:
            raise self._failure(error, limit_seconds, is_sent=body.is_sent) from error
        if response.status != 200:
            raise of_status(self.url, response.status, content)
        return Answer(content, response.headers.get("Date"))

    def open(
        self, path: str, body: bytes, headers: Mapping[str, str], *, limit_seconds: float
    ) -> BaseHTTPResponse:
        """Send a request and return the answer's stream, of which each read is limited. Raises EtcdError."""
        sending = _Body(body)
        try:
            response = self._send("POST", path, sending, headers, limit_seconds)
            if response.status == 200:
                return response
            with response:
                content = self._read(response, time.monotonic() + limit_seconds, limit_seconds)
        except _ERRORS as error:
            raise self._failure(error, limit_seconds, is_sent=sending.is_sent) from error
        raise of_status(self.url, response.status, content)

    def broken(self) -> NotApplied:
        """Return the failure of a watch that ended."""
        return NotApplied(
            self.url, "broke the watch off", _LOOK, errno.ECONNRESET, is_passing=True, is_of_endpoint=True
        )

    def forget(self) -> None:
        """Close the connections that nobody uses; the next request makes new ones."""
        with self._lock:
            pool, self._pool, self.is_verified = self._pool, None, False
        if pool is not None:
            pool.close()

    def _send(
        self, method: str, path: str, body: _Body, headers: Mapping[str, str], limit_seconds: float
    ) -> BaseHTTPResponse:
        return self._connections().urlopen(
            method,
            path,
            body=body,
            headers={"Content-Type": "application/json", "Content-Length": str(body.size), **headers},
            timeout=Timeout(connect=limit_seconds, read=limit_seconds),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _read(self, response: BaseHTTPResponse, deadline: float, limit_seconds: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(65536):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER_BYTES:
                raise no_etcd(self.url)
            if time.monotonic() > deadline:
                raise self._hung(limit_seconds)
        return b"".join(parts)

    def _connections(self) -> HTTPConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = self._new_pool()
            return self._pool

    def _new_pool(self) -> HTTPConnectionPool:
        parts = self._parts
        if not parts.is_tls:
            return HTTPConnectionPool(
                parts.host, parts.port, maxsize=_IDLE_CONNECTIONS, socket_options=_SOCKET_OPTIONS
            )
        return HTTPSConnectionPool(
            parts.host,
            parts.port,
            maxsize=_IDLE_CONNECTIONS,
            socket_options=_SOCKET_OPTIONS,
            ssl_context=tls.settings(self.url, self._address),
        )

    def _failure(self, error: Exception, limit_seconds: float, *, is_sent: bool) -> EtcdError:
        """Return what the failure of a request means: certain unless all of the request was sent."""
        cause = _cause(error)
        if isinstance(cause, ssl.SSLError) and tls.is_certain(cause, is_sent=is_sent):
            problem, advice = tls.told(cause, has_certificate=self._address.cert_file is not None)
            return NotApplied(self.url, problem, advice, errno.EPROTO, is_of_endpoint=True)
        number = errno.ECONNRESET
        if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
            number = cause.errno
        if isinstance(error, NameResolutionError):
            return self._unreachable("has a host name that is not known", errno.EHOSTUNREACH)
        if isinstance(error, NewConnectionError):
            if number == errno.ECONNREFUSED:
                return self._unreachable("refuses connections", number)
            return self._unreachable(f"can't be reached ({shown(os.strerror(number))})", number)
        if isinstance(error, ReadTimeoutError | ConnectTimeoutError) or isinstance(cause, TimeoutError):
            if is_sent:
                return self._hung(limit_seconds)
            return self._unreachable(f"takes no request within {limit_seconds:g} s", errno.ETIMEDOUT)
        if is_sent:
            return OutcomeUnknown(
                self.url,
                "broke the connection off before it answered",
                self._why_broken(cause),
                number,
                is_passing=True,
                is_of_endpoint=True,
            )
        return NotApplied(
            self.url,
            "broke the connection off",
            self._why_broken(cause),
            number,
            is_passing=True,
            is_of_endpoint=True,
        )

    def _why_broken(self, cause: BaseException) -> str:
        """Return where to look. A member that is asked with wrong certificates, or without TLS, tells no reason.

        One that has no TLS, but is asked by it, closes the connection or resets it, as one does that refuses a certificate.
        """
        if self.is_verified:
            return _LOOK
        if not self._parts.is_tls:
            return f"{_LOOK}; if it asks for TLS, write https://"
        without_tls = "if it does not ask for TLS, write http://"
        if isinstance(cause, ssl.SSLError) and cause.reason == "UNEXPECTED_EOF_WHILE_READING":
            return f"{_LOOK}; {without_tls}"
        if self._address.cert_file is None:
            certificate = "if it asks for a certificate, set `etcd_cert_file` and `etcd_key_file`"
        else:
            certificate = "it may refuse the certificate in `etcd_cert_file`"
        return f"{_LOOK}; {certificate}; {without_tls}"

    def _unreachable(self, problem: str, number: int) -> EtcdError:
        return NotApplied(self.url, problem, _START, number, is_passing=True, is_of_endpoint=True)

    def _hung(self, limit_seconds: float) -> EtcdError:
        return OutcomeUnknown(
            self.url,
            f"gave no answer within {limit_seconds:g} s",
            "see whether it hangs, and whether most of its members run",
            errno.ETIMEDOUT,
            is_passing=True,
            is_of_endpoint=True,
        )


def _cause(error: BaseException) -> BaseException:
    """Return the error of the system or of TLS that urllib3 has wrapped."""
    for _ in range(4):
        inner = error.__cause__ or next((each for each in error.args if isinstance(each, OSError)), None)
        if inner is None or isinstance(error, OSError):
            return error
        error = inner
    return error
