"""TLS and users of a real member of etcd: what gets in, and one sentence for what does not."""

import base64
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from support.certificates import Authority, locked, needs_openssl
from support.etcd import Cluster, etcd_cluster, needs_etcd
from support.waiting import wait_until
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.endpoint import Endpoint
from workspaced.store.etcd.failures import NotApplied
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Put, Read
from workspaced.store.etcd.user import EtcdUser

pytestmark = [needs_etcd, needs_openssl]

PASSWORD = "correct horse – battery"  # noqa: S105 - of a member that lives as long as these tests


class Secured(NamedTuple):
    """A member that asks for certificates, and how to get in."""

    cluster: Cluster
    directory: Path
    authority: Authority
    address: EtcdAddress


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("certificates")
    authority = Authority(directory)
    server, client = authority.issue("server"), authority.issue("client")
    arguments = (
        *("--cert-file", str(server.certificate), "--key-file", str(server.key)),
        *("--trusted-ca-file", str(authority.own.certificate), "--client-cert-auth", "--unsafe-no-fsync"),
    )
    with etcd_cluster(arguments=arguments, scheme="https") as cluster:
        address = EtcdAddress(
            cluster.endpoints,
            ca_file=authority.own.certificate,
            cert_file=client.certificate,
            key_file=client.key,
        )
        wait_until(lambda: failure_of(address) is None, "the member does not serve")
        yield Secured(cluster, directory, authority, address)


def failure_of(address: EtcdAddress) -> NotApplied | None:
    """Write, read and watch; return the first error: all three fail, or none."""
    gateway = Gateway(address, limit_seconds=10)
    told: list[NotApplied | None] = []
    for attempt in (
        lambda: gateway.transact([], [Put(b"/a", b"1")]),
        lambda: gateway.read(Read(b"/a")),
        lambda: gateway.watch(b"/a", b"/b", 0).close(),
    ):
        try:
            attempt()
        except NotApplied as error:
            told.append(error)
        else:
            told.append(None)
    gateway.close()
    assert len({error is None for error in told}) == 1
    return told[0]


def sentence_of(address: EtcdAddress) -> str:
    error = failure_of(address)
    assert error is not None
    assert error.message.endswith(".")
    return error.message


def test_an_authority_that_is_not_known(secured: Secured, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    for ca_file in (None, other.own.certificate):
        told = sentence_of(replace(secured.address, ca_file=ca_file))
        assert "shows a certificate that nobody vouches for" in told
        assert told.endswith(": set `etcd_ca_file` to the certificate of its authority.")


def test_a_name_that_is_not_in_the_certificate(secured: Secured) -> None:
    port = secured.cluster.members[0].client_port
    told = sentence_of(replace(secured.address, endpoints=(f"https://localhost:{port}",)))
    assert told.startswith(
        f"etcd at https://localhost:{port} shows a certificate for another name (Hostname mismatch"
    )
    assert told.endswith(": write in `etcd_endpoints` a name that is in it.")


def test_a_client_without_a_certificate(secured: Secured) -> None:
    told = sentence_of(replace(secured.address, cert_file=None, key_file=None))
    assert "set `etcd_cert_file` and `etcd_key_file`" in told


@pytest.mark.parametrize("reason", ["another authority", "expired"])
def test_a_certificate_that_the_member_refuses(secured: Secured, tmp_path: Path, reason: str) -> None:
    authority = Authority(tmp_path, "other") if reason == "another authority" else secured.authority
    refused = authority.issue("refused", days=2 if reason == "another authority" else -1)
    told = sentence_of(replace(secured.address, cert_file=refused.certificate, key_file=refused.key))
    assert "`etcd_cert_file`" in told


def test_a_certificate_that_was_renewed_is_taken_without_a_restart(secured: Secured, tmp_path: Path) -> None:
    expired, good = secured.authority.issue("old", days=-1), secured.authority.issue("new")
    paths = tmp_path / "client.pem", tmp_path / "client.key"
    for path, old in zip(paths, expired, strict=True):
        path.write_bytes(old.read_bytes())
    gateway = Gateway(replace(secured.address, cert_file=paths[0], key_file=paths[1]), limit_seconds=10)
    with pytest.raises(NotApplied):
        gateway.read(Read(b"/a"))
    for path, new in zip(paths, good, strict=True):
        path.write_bytes(new.read_bytes())
    gateway.read(Read(b"/a"))
    gateway.close()


@pytest.mark.parametrize("setting", ["ca_file", "cert_file", "key_file"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM", "directory", "pipe"])
def test_a_file_that_is_not_what_it_should_be_is_named(
    secured: Secured, tmp_path: Path, setting: str, content: bytes | str | None
) -> None:
    path = tmp_path / "file.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "pipe":
        os.mkfifo(path)
    elif content is not None:
        path.mkdir()
    address = {
        "ca_file": replace(secured.address, ca_file=path),
        "cert_file": replace(secured.address, cert_file=path),
        "key_file": replace(secured.address, key_file=path),
    }[setting]
    told = sentence_of(address)
    assert f"`etcd_{setting}`" in told
    assert str(path) in told


def test_a_key_with_a_password_is_not_asked_for_at_the_terminal(secured: Secured, tmp_path: Path) -> None:
    assert secured.address.key_file is not None
    key = locked(secured.address.key_file, tmp_path / "locked.key")
    told = sentence_of(replace(secured.address, key_file=key))
    assert "without a password" in told


def test_http_where_the_member_asks_for_tls_and_tls_where_it_does_not(
    secured: Secured, etcd: Cluster
) -> None:
    port = secured.cluster.members[0].client_port
    told = sentence_of(EtcdAddress((f"http://127.0.0.1:{port}",)))
    assert told.endswith("; if it asks for TLS, write https://.")
    port = etcd.members[0].client_port
    told = sentence_of(EtcdAddress((f"https://127.0.0.1:{port}",)))
    assert told.endswith("; if it does not ask for TLS, write http://.")


def test_a_connection_that_is_reset_before_tls_began_may_lead_to_a_member_without_it(
    secured: Secured,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=reset)
        thread.start()
        gateway = Gateway(
            replace(secured.address, endpoints=(f"https://127.0.0.1:{listener.getsockname()[1]}",)),
            limit_seconds=10,
        )
        with pytest.raises(NotApplied) as caught:
            gateway.read(Read(b"/a"))
        gateway.close()
        thread.join(10)
    assert caught.value.message.endswith("; if it does not ask for TLS, write http://.")


def encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Cluster]:
    """A member with users: root, and ann, who may read and write the keys below /a."""
    with etcd_cluster(arguments=("--auth-token-ttl", "1", "--unsafe-no-fsync")) as cluster:
        [member] = cluster.members
        for path, request in (
            ("/v3/auth/user/add", {"name": "root", "password": "root"}),
            ("/v3/auth/role/add", {"name": "root"}),
            ("/v3/auth/user/grant", {"user": "root", "role": "root"}),
            ("/v3/auth/user/add", {"name": "ann", "password": PASSWORD}),
            ("/v3/auth/role/add", {"name": "lists"}),
            (
                "/v3/auth/role/grant",
                {
                    "name": "lists",
                    "perm": {"permType": "READWRITE", "key": encoded("/a"), "range_end": encoded("/b")},
                },
            ),
            ("/v3/auth/user/grant", {"user": "ann", "role": "lists"}),
            ("/v3/auth/enable", {}),
        ):
            member.ask(path, request)
        yield cluster


@pytest.fixture
def ann(guarded: Cluster, tmp_path: Path) -> EtcdAddress:
    password_file = tmp_path / "password"
    password_file.write_text(f"{PASSWORD}\n", "utf-8")
    return EtcdAddress(guarded.endpoints, user="ann", password_file=password_file)


def test_a_user_gets_in_with_the_password(ann: EtcdAddress) -> None:
    assert failure_of(ann) is None


def test_a_member_that_asks_for_certificates_too_gives_a_token(ann: EtcdAddress) -> None:
    """To a request without a token it says that nobody, the user without a name, lacks the permission."""
    endpoint = Endpoint(ann.endpoints[0], ann)
    denied = NotApplied(
        endpoint.url, "does not let the user read and write these keys", "grant it", errno.EACCES
    )

    def send(headers: Mapping[str, str]) -> str:
        if "Authorization" not in headers:
            raise denied
        return headers["Authorization"]

    assert EtcdUser(ann).ask(endpoint, send, 10)
    with pytest.raises(NotApplied) as refused:
        EtcdUser(EtcdAddress(ann.endpoints)).ask(endpoint, send, 10)
    assert refused.value.message.endswith(
        "asks for a user and a password: set `etcd_user` and `etcd_password_file`."
    )
    endpoint.forget()


def test_nobody_gets_in_without_a_user(guarded: Cluster) -> None:
    told = sentence_of(EtcdAddress(guarded.endpoints))
    assert told.endswith("asks for a user and a password: set `etcd_user` and `etcd_password_file`.")


@pytest.mark.parametrize("content", [b"wrong", b"", b"\xff", None])
def test_a_wrong_password_is_told(ann: EtcdAddress, content: bytes | None) -> None:
    assert ann.password_file is not None
    if content is None:
        ann.password_file.unlink()
    else:
        ann.password_file.write_bytes(content)
    told = sentence_of(ann)
    assert "`etcd_password_file`" in told
    assert PASSWORD not in told
    if content != b"wrong":
        assert str(ann.password_file) in told


def test_a_pipe_in_place_of_a_password_is_not_waited_for(ann: EtcdAddress, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert f"{pipe}: it is a pipe" in sentence_of(replace(ann, password_file=pipe))


def test_an_unknown_user_and_a_missing_setting_are_told(ann: EtcdAddress) -> None:
    assert "`etcd_user`" in sentence_of(replace(ann, user="bob"))
    assert "`etcd_password_file` is not set" in sentence_of(replace(ann, password_file=None))


def test_a_user_without_a_permission_is_told(ann: EtcdAddress) -> None:
    gateway = Gateway(ann, limit_seconds=10)
    told = "does not let the user read and write these keys: grant its role the permission readwrite for the prefix"
    with pytest.raises(NotApplied, match=told):
        gateway.transact([], [Put(b"/c", b"1")])
    with pytest.raises(NotApplied, match=told):
        gateway.read(Read(b"/c"))
    with pytest.raises(NotApplied, match=told):
        gateway.watch(b"/c", b"/d", 0)
    gateway.close()


def test_a_token_that_expired_is_renewed_silently(guarded: Cluster, ann: EtcdAddress) -> None:
    """The member restarts, and forgets its tokens, as it does when they expire."""
    gateway = Gateway(ann, limit_seconds=10)
    gateway.read(Read(b"/a"))
    [member] = guarded.members
    member.kill()
    member.start()
    wait_until(
        lambda: guarded.members[0].status() is not None and serves(gateway), "the member does not serve"
    )
    assert gateway.transact([], [Put(b"/a", b"2")]).succeeded
    gateway.close()


def serves(gateway: Gateway) -> bool:
    try:
        gateway.read(Read(b"/a"))
    except NotApplied as error:
        if not error.is_passing:
            raise
        return False
    return True


def test_a_watch_with_a_token_that_expired_renews_it(guarded: Cluster, ann: EtcdAddress) -> None:
    gateway = Gateway(ann, limit_seconds=10)
    gateway.read(Read(b"/a"))
    [member] = guarded.members
    # A change of the users makes all tokens too old.
    root = member.ask("/v3/auth/authenticate", {"name": "root", "password": "root"})["token"]
    member.ask("/v3/auth/user/changepw", {"name": "ann", "password": PASSWORD}, token=root)
    gateway.watch(b"/a", b"/b", 0).close()
    assert gateway.transact([], [Put(b"/a", b"3")]).succeeded
    gateway.close()


def test_a_user_where_nobody_needs_one(etcd: Cluster, ann: EtcdAddress) -> None:
    assert failure_of(replace(ann, endpoints=etcd.endpoints)) is None
