"""The user of the store in etcd: a token for the name and the password, renewed where it has expired."""

import errno
import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from workspaced.store.etcd import messages, tls
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.endpoint import Endpoint
from workspaced.store.etcd.failures import (
    AuthenticationOff,
    NotApplied,
    OutcomeUnknown,
    TokenRefused,
    as_certain,
    shown,
)

_Result = TypeVar("_Result")

Headers = Mapping[str, str]

_REQUIRE_LEADER: Final = {"Grpc-Metadata-hasleader": "true"}
"""Has a member without a leader refuse at once, so that it is certain, and end its watches."""


class EtcdUser:
    """The user of etcd, and their token. For any thread."""

    def __init__(self, address: EtcdAddress) -> None:
        self._address = address
        self._renewing = threading.Lock()
        self._token = ""

    def ask(self, endpoint: Endpoint, send: Callable[[Headers], _Result], limit_seconds: float) -> _Result:
        """Call `send` with the token, once more with a new one where etcd refuses it. Raises EtcdError.

        Without a token, a member that asks for certificates says that the user “” lacks the permission.
        """
        token = self._token
        try:
            return send(_headers(token))
        except NotApplied as error:
            is_about_user = isinstance(error, TokenRefused) or (not token and error.errno == errno.EACCES)
            if not is_about_user:
                raise
            if self._address.user is None:
                raise _no_user(endpoint) from error
        return send(_headers(self._renewed(endpoint, token, limit_seconds)))

    def _renewed(self, endpoint: Endpoint, refused: str, limit_seconds: float) -> str:
        """Return a new token in place of a refused one, unless another thread has just taken it."""
        with self._renewing:
            if self._token == refused:
                body = messages.authentication(self._address.user or "", self._password(endpoint))
                path = "/v3/auth/authenticate"
                try:
                    answer = endpoint.post(path, body, _headers(""), limit_seconds=limit_seconds)
                    self._token = endpoint.decoded(answer, messages.token).token
                except AuthenticationOff:
                    # Switched off since the token was refused: nobody needs one.
                    self._token = ""
                except OutcomeUnknown as error:
                    raise as_certain(error) from error
            return self._token

    def _password(self, endpoint: Endpoint) -> str:
        path = self._address.password_file
        if path is None:
            raise _no_password(endpoint, "`etcd_password_file` is not set")
        if tls.is_pipe(path):
            raise _no_password(endpoint, f"{shown(str(path))}: {tls.PIPE}")
        try:
            password = path.read_text("utf-8").rstrip("\r\n")
        except OSError as error:
            raise _no_password(endpoint, f"{shown(str(path))}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise _no_password(endpoint, f"{shown(str(path))} is not UTF-8") from error
        if not password:
            raise _no_password(endpoint, f"{shown(str(path))} is empty")
        return password


def _headers(token: str) -> Headers:
    return _REQUIRE_LEADER | {"Authorization": token} if token else _REQUIRE_LEADER


def _no_user(endpoint: Endpoint) -> NotApplied:
    return NotApplied(
        endpoint.url,
        "asks for a user and a password",
        "set `etcd_user` and `etcd_password_file`",
        errno.EACCES,
    )


def _no_password(endpoint: Endpoint, reason: str) -> NotApplied:
    return NotApplied(
        endpoint.url,
        f"asks for a password, and there is none ({reason})",
        "put it into a file that `etcd_password_file` names",
        errno.EACCES,
    )
