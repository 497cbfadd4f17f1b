"""Each failure of a call to etcd: whether it is certain, what it says, and what is asked next."""

import errno
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from support.etcd import free_ports
from support.scripted_etcd import HEADER, STATUS_PATH, Connection, Script, ScriptedEtcd, http, refused
from workspaced.store.etcd import endpoint as endpoint_module
from workspaced.store.etcd.address import EtcdAddress, parse_endpoint
from workspaced.store.etcd.failures import (
    Compacted,
    LeaseGone,
    NoSpace,
    NotApplied,
    OutcomeUnknown,
)
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Put, Read

LIMIT_SECONDS = 10
"""Of a call that ends by itself: no load of the machine makes it hang."""

SHORT_SECONDS = 0.3
"""Of a call that does not."""

DONE = http({"header": HEADER, "succeeded": True})
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

UNANSWERED: dict[str, Script | bytes] = {
    "closed": b"",
    "reset": lambda connection: connection.reset(),
    "hung": lambda connection: connection.hang(),
    "head cut": b"HTTP/1.1 200 OK\r\nContent-Le",
    "body cut": DONE[:-5],
    "chunk cut": CHUNKED + b"400\r\n{",
    "chunks cut": CHUNKED + b"1\r\n{\r\n",
    "no chunk": CHUNKED + b"zz\r\n",
    "trickling": lambda connection: connection.trickle(http(b" " * 4096)),
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "not JSON": http(b"<html>Welcome</html>"),
    "not UTF-8": http(b'{"header": "\xff"}'),
    "no object": http(b"[]"),
    "no header": http({}),
    "wrong types": http({"header": {"cluster_id": []}}),
    "empty": http(b""),
    "bad gateway": http(b"<html>nginx</html>", status="502 Bad Gateway"),
    "proxy's time-out": http(b"", status="408 Request Timeout"),
    "etcd's time-out": refused("etcdserver: request timed out", 14),
    "old leader": refused("etcdserver: request timed out, possibly due to previous leader failure", 14),
    "lost connection": refused("etcdserver: request timed out, possibly due to connection lost", 14),
    "stopping": refused("etcdserver: server stopped", 14),
    "changed leader": refused("etcdserver: leader changed", 14),
    "deadline": refused("context deadline exceeded", 4),
    "canceled": refused("context canceled", 1),
    "unknown": refused("something new", 2),
    "own connection": refused("transport is closing", 14),
}
"""What may be applied, now or later."""

REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no leader": (refused("etcdserver: no leader", 14), errno.EHOSTUNREACH, "has no leader"),
    "dropped": (refused("raft proposal dropped", 2), errno.EHOSTUNREACH, "has no leader"),
    "learner": (refused("etcdserver: rpc not supported for learner", 14), errno.EHOSTUNREACH, "promote it"),
    "operations": (
        refused("etcdserver: too many operations in txn request", 3),
        errno.E2BIG,
        "--max-txn-ops",
    ),
    "too large": (refused("etcdserver: request is too large", 3), errno.EMSGSIZE, "--max-request-bytes"),
    "overloaded": (refused("etcdserver: too many requests", 8), errno.EAGAIN, "try again later"),
    "corrupt": (refused("etcdserver: corrupt cluster", 15), errno.EIO, "etcdctl alarm list"),
    "permission, of nobody": (refused("etcdserver: permission denied", 7), errno.EACCES, "`etcd_user`"),
    "no user": (refused("etcdserver: user name is empty", 3), errno.EACCES, "`etcd_user`"),
    "token": (refused("etcdserver: invalid auth token", 16), errno.EACCES, "`etcd_user`"),
    "another": (refused("etcdserver: \x1b[31mnew\nrule.", 9), errno.EINVAL, "(etcdserver:  [31mnew rule)"),
    "TLS": (
        http(b"Client sent an HTTP request to an HTTPS server.\n", status="400 Bad Request"),
        errno.EPROTO,
        "write https://",
    ),
    "no gateway": (
        http(b"Not Found\n", status="404 Not Found"),
        errno.EPROTO,
        "start etcd there (3.4 or newer)",
    ),
    "moved": (http(b"", status="301 Moved", headers="Location: /v3\r\n"), errno.EPROTO, "HTTP status 301"),
    "proxy": (http(b"", status="413 Too Large"), errno.EPROTO, "HTTP status 413"),
}
"""What is not applied, with the error number and a part of the sentence."""


def gateway(*endpoints: str, limit_seconds: float = LIMIT_SECONDS) -> Gateway:
    return Gateway(EtcdAddress(endpoints), limit_seconds=limit_seconds)


def write(gateway: Gateway, *, limit_seconds: float | None = None) -> bool:
    return gateway.transact([], [Put(b"/a", b"value")], limit_seconds=limit_seconds).succeeded


def known_first(answer: Script | bytes) -> Script:
    """Return a script that grants leases, so that a test can have the endpoint known before it fails."""

    def script(connection: Connection) -> bytes:
        if connection.path == "/v3/lease/grant":
            connection.goes_on = True
            return http({"header": HEADER, "ID": "5"})
        return answer if isinstance(answer, bytes) else answer(connection)

    return script


def limit_of(case: str) -> float:
    return SHORT_SECONDS if case in ("hung", "trickling") else LIMIT_SECONDS


def nobody() -> str:
    """Return an endpoint that refuses connections."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.mark.parametrize("case", UNANSWERED)
def test_a_write_without_an_answer_is_of_unknown_outcome_and_not_sent_again(case: str) -> None:
    with ScriptedEtcd(known_first(UNANSWERED[case])) as server, ScriptedEtcd(DONE) as other:
        etcd = gateway(server.endpoint, other.endpoint)
        etcd.grant(10)
        with pytest.raises(OutcomeUnknown) as caught:
            write(etcd, limit_seconds=limit_of(case))
        assert caught.value.message.startswith(f"etcd at {server.endpoint} ")
        assert other.paths == []
        assert write(etcd), "the next call goes to the next endpoint"
        assert server.paths.count("/v3/kv/txn") == 1
        etcd.close()


@pytest.mark.parametrize("case", [case for case in UNANSWERED if limit_of(case) == LIMIT_SECONDS])
def test_a_read_without_an_answer_is_sent_to_the_next_endpoint(case: str) -> None:
    with ScriptedEtcd(UNANSWERED[case]) as server, ScriptedEtcd(DONE) as other:
        etcd = gateway(server.endpoint, other.endpoint)
        assert etcd.read(Read(b"/a")).items == []
        etcd.close()


@pytest.mark.parametrize("case", UNANSWERED)
def test_a_failed_read_is_certain(case: str) -> None:
    with ScriptedEtcd(known_first(UNANSWERED[case])) as server:
        etcd = gateway(server.endpoint)
        etcd.grant(10)
        with pytest.raises(NotApplied):
            etcd.read(Read(b"/a"), limit_seconds=limit_of(case))
        etcd.close()


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_certain_and_says_what_to_do(case: str) -> None:
    answer, number, part = REFUSED[case]
    with ScriptedEtcd(answer) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(NotApplied) as caught:
            write(etcd)
        error = caught.value
        assert error.errno == number
        assert part in error.message
        assert error.message.startswith(f"etcd at {server.endpoint} ")
        assert error.message.endswith(".")
        assert error.message.isprintable()
        etcd.close()


def test_a_full_database_may_have_taken_the_write_but_is_through_with_it() -> None:
    with ScriptedEtcd(refused("etcdserver: mvcc: database space exceeded", 8)) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(NoSpace, match=r"no space left.*etcdctl alarm disarm") as caught:
            write(etcd)
        assert caught.value.errno == errno.ENOSPC
        etcd.close()


def test_a_lease_and_a_revision_that_are_gone_have_errors_of_their_own() -> None:
    with ScriptedEtcd(refused("etcdserver: requested lease not found", 5)) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(LeaseGone):
            write(etcd)
        etcd.revoke(5)
        etcd.close()
    with ScriptedEtcd(refused("etcdserver: mvcc: required revision has been compacted", 11)) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(Compacted):
            etcd.read(Read(b"/a", revision=1))
        etcd.close()


def test_a_write_that_was_not_sent_whole_is_certain() -> None:
    with ScriptedEtcd(lambda connection: connection.reset()) as server:
        server.reads_bodies = False
        etcd = gateway(server.endpoint)
        with pytest.raises(NotApplied, match="broke the connection off"):
            etcd.transact([], [Put(b"/a", bytes(32 * 1024 * 1024))])
        etcd.close()


def test_a_write_that_nobody_reads_is_certain_after_the_limit() -> None:
    with ScriptedEtcd(known_first(lambda connection: connection.hang())) as server:
        etcd = gateway(server.endpoint)
        etcd.grant(10)
        server.reads_bodies = False
        with pytest.raises(NotApplied, match=r"takes no request within 0\.3 s"):
            etcd.transact([], [Put(b"/a", bytes(32 * 1024 * 1024))], limit_seconds=SHORT_SECONDS)
        etcd.close()


def test_each_certain_failure_of_an_endpoint_leads_to_the_next(tmp_path: Path) -> None:
    with ExitStack() as stack:
        failing = [
            stack.enter_context(ScriptedEtcd(REFUSED[case][0]))
            for case in ("no leader", "learner", "no gateway", "TLS", "proxy")
        ]
        good = stack.enter_context(ScriptedEtcd(DONE))
        etcd = gateway(nobody(), *(server.endpoint for server in failing), good.endpoint)
        assert write(etcd)
        assert write(etcd)
        asked = [server.paths.count("/v3/kv/txn") for server in (*failing, good)]
        assert asked == [1, 1, 1, 1, 1, 2], "the endpoint that answers is kept"
        etcd.close()


@pytest.mark.parametrize("case", ["operations", "permission, of nobody", "too large"])
def test_a_refusal_of_the_cluster_is_not_carried_to_the_next_endpoint(case: str) -> None:
    with ScriptedEtcd(REFUSED[case][0]) as server, ScriptedEtcd(DONE) as other:
        etcd = gateway(server.endpoint, other.endpoint)
        with pytest.raises(NotApplied):
            write(etcd)
        assert other.paths == []
        etcd.close()


def test_failures_of_all_endpoints_are_told_in_one_sentence() -> None:
    first, second = nobody(), nobody()
    etcd = gateway(first, second)
    with pytest.raises(NotApplied) as caught:
        write(etcd)
    assert caught.value.message == (
        f"No endpoint of etcd can be used ({first} refuses connections, like {second}): "
        "start etcd there, or correct `etcd_endpoints`."
    )
    assert caught.value.is_passing
    etcd.close()


STRANGERS: dict[str, Script | bytes] = {
    "web server": http(b"<html>Welcome</html>"),
    "not found": http(b"", status="404 Not Found"),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "other JSON": http({"version": "3.4.1"}),
    "another cluster": http({"header": HEADER | {"cluster_id": "8"}, "version": "3.4.23"}),
    "too old": http({"header": HEADER, "version": "3.3.27"}),
    "no version": http({"header": HEADER, "version": ""}),
    "hung": lambda connection: connection.hang(),
    "reset": lambda connection: connection.reset(),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_nothing_is_written_to_a_server_before_it_is_known_as_a_member_of_the_cluster(case: str) -> None:
    with ScriptedEtcd(DONE) as member, ScriptedEtcd(DONE, status=STRANGERS[case]) as stranger:
        etcd = gateway(member.endpoint, stranger.endpoint)
        assert write(etcd)
        member.__exit__(None, None, None)
        with pytest.raises(NotApplied):
            write(etcd, limit_seconds=limit_of(case))
        assert {*stranger.paths} == {STATUS_PATH}
        etcd.close()


def test_an_answer_from_another_cluster_is_none() -> None:
    """The port of a member may have been taken by a member of another cluster since it was asked who it is."""
    with ScriptedEtcd(http({"header": HEADER | {"cluster_id": "8"}, "succeeded": True})) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(NotApplied, match="another cluster"):
            write(etcd)
        etcd.close()


def test_a_call_ends_in_time_however_its_answer_trickles() -> None:
    with ScriptedEtcd(known_first(UNANSWERED["trickling"])) as server:
        etcd = gateway(server.endpoint)
        etcd.grant(10)
        begun = monotonic()
        with pytest.raises(OutcomeUnknown, match="no answer within"):
            write(etcd, limit_seconds=SHORT_SECONDS)
        assert monotonic() - begun < 40, "the whole answer would take 80 s"
        etcd.close()


def test_an_answer_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "LARGEST_ANSWER_BYTES", 1000)
    with ScriptedEtcd(http(b" " * 2000)) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(OutcomeUnknown, match="does not answer as etcd does"):
            write(etcd)
        etcd.close()


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, nobody())
    with ScriptedEtcd(DONE) as server:
        etcd = gateway(server.endpoint)
        assert write(etcd)
        etcd.close()


def lines(line: bytes) -> bytes:
    """Return the beginning of a stream with one line."""
    return CHUNKED + b"%x\r\n%s\n\r\n" % (len(line) + 1, line)


WATCHES: dict[str, tuple[bytes, str]] = {
    "no watch": (DONE, "does not answer as etcd does"),
    "nothing": (CHUNKED + b"0\r\n\r\n", "broke the watch off"),
    "cut": (CHUNKED, "broke the watch off"),
    "garbage": (lines(b"hey"), "does not answer as etcd does"),
    "neither": (lines(b"{}"), "does not answer as etcd does"),
    "refused": (refused("etcdserver: permission denied", 7), "`etcd_user`"),
    "error": (lines(b'{"error":{"message":"etcdserver: no leader","code":14}}'), "has no leader"),
    "hung": (CHUNKED + b"1\r\n{\r\n", "broke the watch off"),
}


@pytest.mark.parametrize("case", WATCHES)
def test_a_watch_that_does_not_begin_is_an_error(case: str) -> None:
    answer, part = WATCHES[case]

    def script(connection: object) -> bytes:
        return answer

    with ScriptedEtcd(script) as server:
        etcd = gateway(server.endpoint)
        with pytest.raises(NotApplied) as caught:
            etcd.watch(b"/a", b"/b", 1)
        assert part in caught.value.message
        etcd.close()


def test_host_names_that_nobody_knows_are_told() -> None:
    etcd = gateway("http://no-such-host.invalid:2379")
    with pytest.raises(
        NotApplied, match=r"http://no-such-host\.invalid:2379 has a host name that is not known"
    ):
        write(etcd)
    etcd.close()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "host",
            "host:2379",
            "ftp://host:2379",
            "http://",
            "http://host",
            "http://:2379",
            "http://host:port",
        ),
        *(
            "http://host:99999",
            "http://host:2379/v3",
            "http://host:2379?a",
            "http://user@host:2379",
            "http://[::1",
        ),
        *("http://a b:2379", "http://host:0", "http://host:2379\n"),
        *("http://a..b:2379", f"http://{'a' * 64}.example:2379", "http://.:2379"),
    ],
)
def test_what_is_no_endpoint_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no endpoint of etcd: write it as https://host:2379"):
        parse_endpoint(text)
    with pytest.raises(ValueError, match="is no endpoint"):
        gateway(text)


def test_endpoints_are_parsed() -> None:
    assert parse_endpoint("https://[::1]:2379/") == (True, "::1", 2379)
    assert parse_endpoint("http://etcd.example:80") == (False, "etcd.example", 80)
    with pytest.raises(ValueError, match="names no endpoint"):
        gateway()


def test_an_address_of_ipv6_is_reached() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no loopback address of IPv6")
    with listener:
        listener.settimeout(10)
        answered = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(http(b"", status="404 Not Found"))
                answered.set()

        thread = threading.Thread(target=serve)
        thread.start()
        etcd = gateway(f"http://[::1]:{listener.getsockname()[1]}")
        with pytest.raises(NotApplied, match="HTTP status 404"):
            write(etcd)
        thread.join(10)
        assert answered.is_set()
        etcd.close()
