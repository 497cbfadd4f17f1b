"""The gateway to a real member of etcd: transactions, reads, leases, watches, and the next endpoint."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from support.etcd import Cluster, etcd_cluster, free_ports, needs_etcd
from support.proxy import Proxy
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import Compacted, EtcdError, LeaseGone, NotApplied, OutcomeUnknown
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Compare, Delete, Operation, Put, Read, WatchEvent
from workspaced.store.etcd.watching import Watch

pytestmark = needs_etcd


def end_of(prefix: bytes) -> bytes:
    """Return the end of the range of all keys that begin with a prefix."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def keys_below(gateway: Gateway, prefix: bytes) -> dict[bytes, bytes]:
    items = gateway.read(Read(prefix, end_of(prefix))).items
    return {item.key.removeprefix(prefix): item.value for item in items}


def test_a_transaction_runs_one_of_its_branches_and_reads_within_it(gateway: Gateway, prefix: bytes) -> None:
    key = prefix + b"head"
    is_new = Compare(key, "VERSION", "EQUAL", 0)
    everything = Read(prefix, end_of(prefix))
    made = gateway.transact([is_new], [Put(key, b"\x00\xff"), everything], [Read(key)])
    assert made.succeeded
    [[item]] = made.reads
    assert (item.key, item.value, item.version, item.lease) == (key, b"\x00\xff", 1, 0)
    assert item.mod_revision == item.create_revision == made.revision

    again = gateway.transact([is_new], [Put(key, b"other")], [Read(key), Read(prefix + b"none")])
    assert not again.succeeded
    assert again.revision == made.revision, "nothing was changed"
    assert [list(found) for found in again.reads] == [[item], []]


@pytest.mark.parametrize(
    ("compare", "holds"),
    [
        *(((b"a", "MOD", "EQUAL", 0), True), ((b"a", "MOD", "GREATER", 0), False)),
        *(((b"a", "VERSION", "LESS", 3), True), ((b"a", "VERSION", "GREATER", 1), True)),
        *(((b"a", "CREATE", "EQUAL", 0), True), ((b"none", "CREATE", "EQUAL", 0), False)),
    ],
)
def test_comparisons(
    gateway: Gateway, prefix: bytes, compare: tuple[bytes, object, object, int], holds: bool
) -> None:
    gateway.transact([], [Put(prefix + b"a", b"1")])
    [item] = gateway.read(Read(prefix + b"a")).items
    gateway.transact([], [Put(prefix + b"a", b"2")])
    key, target, result, number = compare
    known = {"MOD": item.mod_revision + 1, "CREATE": item.create_revision, "VERSION": 0}[str(target)]
    condition = Compare(prefix + key, target, result, known + number)  # type: ignore[arg-type] # out of a table
    assert gateway.transact([condition], []).succeeded is holds


def test_a_comparison_of_a_range_holds_for_all_keys_in_it(gateway: Gateway, prefix: bytes) -> None:
    seen = gateway.transact([], [Put(prefix + b"a", b"1")]).revision
    unchanged = Compare(prefix, "MOD", "LESS", seen + 1, end_of(prefix))
    assert gateway.transact([unchanged], []).succeeded
    gateway.transact([], [Put(prefix + b"b", b"1")])
    assert not gateway.transact([unchanged], []).succeeded
    gateway.transact([], [Delete(prefix, end_of(prefix))])
    assert gateway.transact([unchanged], []).succeeded, "an empty range"


def test_reads_by_pages_of_one_revision(gateway: Gateway, prefix: bytes) -> None:
    puts: list[Operation] = [Put(b"%s%03d" % (prefix, number), b"value") for number in range(7)]
    revision = gateway.transact([], puts).revision
    gateway.transact([], [Delete(prefix + b"003")])
    first = gateway.read(Read(prefix, end_of(prefix), limit=5, revision=revision))
    assert (len(first.items), first.has_more, first.revision) == (5, True, revision + 1)
    rest = gateway.read(Read(first.items[-1].key + b"\0", end_of(prefix), revision=revision, keys_only=True))
    assert [item.key[-3:] for item in (*first.items, *rest.items)] == [
        b"%03d" % number for number in range(7)
    ]
    assert [item.value for item in rest.items] == [b"", b""]
    assert len(keys_below(gateway, prefix)) == 6


def test_leases(gateway: Gateway, prefix: bytes) -> None:
    lease = gateway.grant(30)
    gateway.transact([], [Put(prefix + b"a", b"1", lease)])
    assert gateway.keep_alive(lease) == 30
    gateway.revoke(lease)
    assert keys_below(gateway, prefix) == {}
    assert gateway.keep_alive(lease) == 0
    gateway.revoke(lease)
    with pytest.raises(LeaseGone):
        gateway.transact([], [Put(prefix + b"b", b"1"), Put(prefix + b"a", b"1", lease)])
    assert keys_below(gateway, prefix) == {}


def test_limits_of_a_transaction(gateway: Gateway, prefix: bytes) -> None:
    with pytest.raises(NotApplied, match="--max-txn-ops"):
        gateway.transact([], [Put(b"%s%d" % (prefix, number), b"") for number in range(129)])
    for mebibytes in (1, 2):
        with pytest.raises(NotApplied, match="--max-request-bytes"):
            gateway.transact([], [Put(prefix, bytes(mebibytes * 1024 * 1024 + 600_000))])
    with pytest.raises(NotApplied, match="refuses the request"):
        gateway.transact([], [Put(prefix, b"1"), Put(prefix, b"2")])
    assert keys_below(gateway, prefix) == {}


def next_events(watch: Watch, wanted: int) -> list[WatchEvent]:
    events: list[WatchEvent] = []
    for answer in watch:
        events.extend(answer.events)
        if len(events) >= wanted:
            break
    return events


def test_a_watch_tells_all_changes_since_a_revision_in_order(gateway: Gateway, prefix: bytes) -> None:
    first = gateway.transact([], [Put(prefix + b"a", b"1"), Put(prefix + b"b", b"1")]).revision
    watch = gateway.watch(prefix, end_of(prefix), first)
    gateway.transact([], [Put(prefix + b"a", b"2"), Delete(prefix + b"b")])
    gateway.transact([], [Put(b"/elsewhere", b"1")])
    events = next_events(watch, 4)
    told = [
        (each.item.key[-1:], each.item.value, each.is_delete, each.item.mod_revision - first)
        for each in events
    ]
    assert told == [
        (b"a", b"1", False, 0),
        (b"b", b"1", False, 0),
        (b"a", b"2", False, 1),
        (b"b", b"", True, 1),
    ]
    watch.close()
    assert list(watch) == []


@pytest.mark.parametrize("end", [Gateway.close, lambda gateway: None])
def test_a_watch_that_waits_is_closed_from_another_thread(
    gateway: Gateway, prefix: bytes, end: Callable[[Gateway], None]
) -> None:
    watch = gateway.watch(prefix, end_of(prefix), 0)
    gateway.transact([], [Put(prefix + b"a", b"1")])
    next(watch)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, watch)
        end(gateway)
        watch.close()
        assert rest.result(10) == []
    assert watch.is_over


def test_a_watch_of_a_closed_gateway_is_over(gateway: Gateway, prefix: bytes) -> None:
    gateway.close()
    assert list(gateway.watch(prefix, end_of(prefix), 0)) == []


def test_a_watch_from_a_compacted_revision_says_what_is_left(
    etcd: Cluster, gateway: Gateway, prefix: bytes
) -> None:
    first = gateway.transact([], [Put(prefix + b"a", b"1")]).revision
    last = gateway.transact([], [Put(prefix + b"a", b"2")]).revision
    etcd.members[0].ask("/v3/kv/compaction", {"revision": last})
    watch = gateway.watch(prefix, end_of(prefix), first)
    with pytest.raises(Compacted) as caught:
        next(watch)
    assert caught.value.oldest == last
    assert watch.is_over
    with pytest.raises(Compacted):
        gateway.read(Read(prefix, revision=first))
    gateway.close()


def test_a_watch_that_is_cut_breaks_and_another_goes_on_at_its_revision(
    etcd: Cluster, gateway: Gateway, prefix: bytes
) -> None:
    with Proxy(etcd.members[0].client_port) as proxy:
        cut = Gateway(EtcdAddress((proxy.endpoint,)), limit_seconds=10)
        watch = cut.watch(prefix, end_of(prefix), 0)
        revision = gateway.transact([], [Put(prefix + b"a", b"1")]).revision
        next(watch)
        proxy.cut()
        with pytest.raises(NotApplied, match="broke the watch off") as caught:
            next(watch)
        assert caught.value.is_passing
        gateway.transact([], [Put(prefix + b"a", b"2")])
        [event] = next_events(cut.watch(prefix, end_of(prefix), revision + 1), 1)
        assert event.item.value == b"2"
        cut.close()


def test_a_lost_answer_is_of_unknown_outcome_and_was_applied(
    etcd: Cluster, gateway: Gateway, prefix: bytes
) -> None:
    with Proxy(etcd.members[0].client_port) as proxy:
        cut = Gateway(EtcdAddress((proxy.endpoint,)), limit_seconds=10)
        cut.grant(30)
        proxy.mode = "lose"
        with pytest.raises(OutcomeUnknown, match="before it answered"):
            cut.transact([], [Put(prefix + b"a", b"1")])
        assert keys_below(gateway, prefix) == {b"a": b"1"}
        cut.close()


def test_a_request_that_timed_out_is_applied_later(etcd: Cluster, gateway: Gateway, prefix: bytes) -> None:
    watch = gateway.watch(prefix, end_of(prefix), 0)
    with Proxy(etcd.members[0].client_port) as proxy:
        cut = Gateway(EtcdAddress((proxy.endpoint,)), limit_seconds=10)
        cut.grant(30)
        proxy.mode = "hold"
        with pytest.raises(OutcomeUnknown, match="no answer within"):
            cut.transact([], [Put(prefix + b"a", b"1")], limit_seconds=0.1)
        assert keys_below(gateway, prefix) == {}
        proxy.mode = "pass"
        assert len(next_events(watch, 1)) == 1
        cut.close()


def test_many_threads_ask_at_once(gateway: Gateway, prefix: bytes) -> None:
    numbers = count()
    lock = threading.Lock()

    def write(_: int) -> None:
        with lock:
            number = next(numbers)
        gateway.transact([], [Put(b"%s%d" % (prefix, number), b"1")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    assert len(keys_below(gateway, prefix)) == 64


def test_the_status_of_a_member(etcd: Cluster, gateway: Gateway) -> None:
    status = gateway.member_status(etcd.members[0].endpoint)
    assert status.version.startswith("3.")
    assert status.has_leader
    assert status.problems == []
    assert status.database_bytes > 0
    assert status.quota_bytes == 2 * 1024**3, "the default of etcd"
    assert 0 < status.latency_seconds < 10
    assert status.clock_offset_seconds is not None
    assert abs(status.clock_offset_seconds) < 10
    port = free_ports(1)[0]
    with pytest.raises(NotApplied, match=f"127.0.0.1:{port} refuses connections"):
        gateway.member_status(f"http://127.0.0.1:{port}")


def test_a_full_database_refuses_writes_until_its_alarm_is_off() -> None:
    with etcd_cluster(arguments=("--quota-backend-bytes", "1000000")) as cluster:
        [member] = cluster.members
        gateway = Gateway(EtcdAddress(cluster.endpoints), limit_seconds=10)

        def fill() -> None:
            for _ in range(10):
                gateway.transact([], [Put(b"/a", bytes(300_000))])

        with pytest.raises(OutcomeUnknown, match="no space left"):
            fill()
        assert gateway.read(Read(b"/a")).items
        assert "NOSPACE" in "".join(gateway.member_status(member.endpoint).problems)
        gateway.close()


def test_a_member_of_another_cluster_is_not_written_to(etcd: Cluster, prefix: bytes) -> None:
    with etcd_cluster() as other, Proxy(etcd.members[0].client_port) as proxy:
        gateway = Gateway(EtcdAddress((proxy.endpoint, *other.endpoints)), limit_seconds=10)
        gateway.transact([], [Put(prefix + b"a", b"1")])
        proxy.mode = "refuse"
        proxy.cut()
        with pytest.raises(EtcdError):
            gateway.transact([], [Put(prefix + b"a", b"2")])
        with pytest.raises(NotApplied, match="is a member of another cluster"):
            gateway.transact([], [Put(prefix + b"a", b"3")])
        elsewhere = Gateway(EtcdAddress(other.endpoints), limit_seconds=10)
        assert keys_below(elsewhere, prefix) == {}
        elsewhere.close()
        gateway.close()
