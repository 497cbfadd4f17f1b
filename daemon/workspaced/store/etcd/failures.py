"""Failures of a call to etcd, as sentences, and which of them are certain.

The strategy:
- A failure is certain (NotApplied) where the request did not reach etcd whole, or etcd says that it refused it.
- Everything else is OutcomeUnknown: a request without an answer may be applied, even later.
- A failure of one endpoint, in contrast to a refusal by the whole cluster, may be gone at the next one.
"""

import errno
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from workspaced.store.etcd.messages import GatewayError

_NAMED_ENDPOINTS: Final = 4
"""How many endpoints one sentence names beside the first: enough for a cluster, and not for a list of fifty."""


class EtcdError(Exception):
    """A call to etcd has failed; `message` is a sentence, `errno` the nearest error number of the system."""

    def __init__(
        self,
        endpoint: str,
        problem: str,
        advice: str,
        number: int,
        *,
        is_passing: bool = False,
        is_of_endpoint: bool = False,
    ) -> None:
        """Note the failure: `problem` goes on after the endpoint's name, `advice` after a colon."""
        self.endpoint = endpoint
        self.problem = problem
        self.advice = advice
        self.errno = number
        self.is_passing = is_passing
        """Whether a later call may succeed without anybody changing a setting: refused, hung, no leader."""
        self.is_of_endpoint = is_of_endpoint
        """Whether another endpoint may do better."""
        self.message = f"etcd at {endpoint} {problem}: {advice}."
        super().__init__(self.message)

    def tell(self, message: str) -> None:
        """Tell another sentence, which ends with the advice, too."""
        self.message = message
        self.args = (message,)


class NotApplied(EtcdError):
    """The request has not been, and never will be, applied. Also each failure of a call that only reads."""


class OutcomeUnknown(EtcdError):
    """The request may be applied, now or later."""


class NoSpace(OutcomeUnknown):
    """The database of etcd is full. The request is over: a read shows whether it was applied.

    etcd checks the space twice, and the second time it says so after it has applied the request.
    """


class LeaseGone(NotApplied):
    """A put names a lease that has ended, or never was."""


class TokenRefused(NotApplied):
    """The token is missing, has expired, or is older than a change of the users."""


class AuthenticationOff(NotApplied):
    """etcd knows no users: whoever reaches it may do everything."""


class Compacted(NotApplied):
    """The revision asked for is gone."""

    oldest: int = 0
    """The oldest revision that is left; 0 where etcd does not tell."""


def as_certain(error: EtcdError) -> NotApplied:
    """Return the failure as one of a request whose outcome does not matter, or that was never sent."""
    if isinstance(error, NotApplied):
        return error
    certain = NotApplied(
        error.endpoint,
        error.problem,
        error.advice,
        error.errno,
        is_passing=error.is_passing,
        is_of_endpoint=error.is_of_endpoint,
    )
    certain.tell(error.message)  # it may be of several endpoints
    return certain


def combined(errors: Sequence[EtcdError]) -> EtcdError:
    """Return the failures of several endpoints as one: certain where all are, passing where one is."""
    first = errors[0]
    if len(errors) == 1:
        return first
    kind = NotApplied if all(isinstance(each, NotApplied) for each in errors) else OutcomeUnknown
    passing = [each for each in errors if each.is_passing] or [first]
    # A member that has no leader runs: it waits for the others, whichever of them was asked first.
    worst = next((each for each in passing if each.advice == _WAIT), passing[0])
    answer = kind(
        first.endpoint,
        first.problem,
        worst.advice,
        worst.errno,
        is_passing=worst.is_passing,
        is_of_endpoint=True,
    )
    answer.tell(f"No endpoint of etcd can be used ({_problems(errors)}): {worst.advice}.")
    return answer


def _problems(errors: Sequence[EtcdError]) -> str:
    """Return what is wrong with each endpoint: each problem once, with some of its endpoints."""
    having: dict[str, list[str]] = {}
    for each in errors:
        having.setdefault(each.problem, []).append(each.endpoint)
    told: list[str] = []
    for problem, (first, *others) in having.items():
        named = others[:_NAMED_ENDPOINTS]
        if more := len(others) - len(named):
            named.append(f"{more} more")
        told.append(f"{first} {problem}" + (f", like {' and '.join(named)}" if named else ""))
    return "; ".join(told)


_WAIT: Final = "it goes on once most of its members run and reach one another"
_GRANT: Final = "grant its role the permission readwrite for the prefix"
_USER: Final = "set `etcd_user` and `etcd_password_file`"
_NO_ETCD: Final = "correct `etcd_endpoints`, or start etcd there (3.4 or newer)"


class _Refusal(NamedTuple):
    """How a refusal of etcd is told."""

    text: str
    """A part of etcd's own words."""
    problem: str
    advice: str
    number: int
    kind: type[EtcdError] = NotApplied
    is_passing: bool = False
    is_of_endpoint: bool = False


_REFUSALS: Final = (
    _Refusal("no leader", "has no leader", _WAIT, errno.EHOSTUNREACH, is_passing=True, is_of_endpoint=True),
    _Refusal(
        "proposal dropped", "has no leader", _WAIT, errno.EHOSTUNREACH, is_passing=True, is_of_endpoint=True
    ),
    _Refusal(
        "not supported for learner",
        "is a member that only learns yet",
        "promote it, or take it out of `etcd_endpoints`",
        errno.EHOSTUNREACH,
        is_passing=True,
        is_of_endpoint=True,
    ),
    _Refusal(
        "too many operations",
        "refuses so many operations in one transaction",
        "let it start with --max-txn-ops 128 or more",
        errno.E2BIG,
    ),
    _Refusal(
        "request is too large",
        "refuses so large a transaction",
        "let it start with a larger --max-request-bytes (1572864 is its default)",
        errno.EMSGSIZE,
    ),
    _Refusal(
        "received message larger than max",
        "refuses so large a transaction",
        "let it start with a larger --max-request-bytes (1572864 is its default)",
        errno.EMSGSIZE,
    ),
    _Refusal(
        "database space exceeded",
        "has no space left in its database",
        "compact and defragment it, then `etcdctl alarm disarm`; or let it start with a larger --quota-backend-bytes",
        errno.ENOSPC,
        NoSpace,
    ),
    _Refusal("too many requests", "is overloaded", "try again later", errno.EAGAIN, is_passing=True),
    _Refusal(
        "corrupt cluster",
        "says that its members hold different data",
        "look at `etcdctl alarm list`, and restore the member that differs",
        errno.EIO,
    ),
    _Refusal(
        "requested lease not found", "does not have the lease", "take a new one", errno.ENOENT, LeaseGone
    ),
    _Refusal("has been compacted", "does not have this old revision", "read again", errno.ESTALE, Compacted),
    _Refusal("permission denied", "does not let the user read and write these keys", _GRANT, errno.EACCES),
    _Refusal(
        "authentication failed",
        "refuses the user name or the password",
        "check `etcd_user` and the file `etcd_password_file`",
        errno.EACCES,
    ),
    _Refusal(
        "authentication is not enabled",
        "has no users",
        "leave `etcd_user` out",
        errno.EINVAL,
        AuthenticationOff,
    ),
    _Refusal("user name is empty", "asks for a user and a password", _USER, errno.EACCES, TokenRefused),
    _Refusal("invalid auth token", "does not take the token that it gave", _USER, errno.EACCES, TokenRefused),
    _Refusal("auth store is old", "does not take the token that it gave", _USER, errno.EACCES, TokenRefused),
)

_CERTAIN_CODES: Final = frozenset({3, 5, 6, 7, 8, 9, 11, 12, 16})
"""The codes of gRPC with which etcd refuses a request before it applies anything of it.

INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, OUT_OF_RANGE,
UNIMPLEMENTED, UNAUTHENTICATED.
"""

_UNSURE_STATUS: Final = frozenset({408, 499})
"""The HTTP statuses of 400 to 499 with which a proxy gives up after it may have sent the request on."""


def refusal(endpoint: str, error: GatewayError) -> EtcdError:
    """Return the failure that etcd tells of."""
    for each in _REFUSALS:
        if each.text in error.message:
            return each.kind(
                endpoint,
                each.problem,
                each.advice,
                each.number,
                is_passing=each.is_passing,
                is_of_endpoint=each.is_of_endpoint,
            )
    if (error.code or error.grpc_code) in _CERTAIN_CODES:
        return NotApplied(
            endpoint, f"refuses the request ({shown(error.message)})", "see the log of etcd", errno.EINVAL
        )
    return OutcomeUnknown(
        endpoint,
        f"gave no result ({shown(error.message)})",
        _WAIT,
        errno.EIO,
        is_passing=True,
        is_of_endpoint=True,
    )


def of_status(endpoint: str, status: int, body: bytes) -> EtcdError:
    """Return the failure that an answer with an HTTP status other than 200 tells of."""
    try:
        error = msgspec.json.decode(body, type=GatewayError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = GatewayError()
    if error.code or error.grpc_code:
        return refusal(endpoint, error)
    if b"HTTP request to an HTTPS server" in body:
        return NotApplied(
            endpoint, "asks for TLS", "write https:// in `etcd_endpoints`", errno.EPROTO, is_of_endpoint=True
        )
    if b"CommonName of client sending a request" in body:
        return NotApplied(
            endpoint,
            "has users, and so refuses a client certificate with a CommonName",
            "set `etcd_cert_file` to a certificate without one (its subject may be /O=workspaced)",
            errno.EACCES,
        )
    is_certain = 300 <= status < 500 and status not in _UNSURE_STATUS
    kind = NotApplied if is_certain else OutcomeUnknown
    # Where the gateway of etcd, or a proxy in front of it, has trouble, that may pass.
    return kind(
        endpoint,
        f"does not answer as etcd does (HTTP status {status})",
        _NO_ETCD,
        errno.EPROTO,
        is_passing=not is_certain,
        is_of_endpoint=True,
    )


def no_etcd(endpoint: str, kind: type[NotApplied | OutcomeUnknown] = OutcomeUnknown) -> EtcdError:
    """Return the failure of an answer that can't be read."""
    return kind(endpoint, "does not answer as etcd does", _NO_ETCD, errno.EPROTO, is_of_endpoint=True)


def shown(text: str) -> str:
    """Return foreign text as a part of a sentence: one line, not long, nothing that a terminal would act on."""
    line = "".join(each if each.isprintable() else " " for each in text).strip().rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"
