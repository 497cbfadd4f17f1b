"""One sentence for the failures of several endpoints."""

import errno
from itertools import permutations

from workspaced.store.etcd.failures import NotApplied, OutcomeUnknown, as_certain, combined, of_status


def closed(endpoint: str) -> NotApplied:
    return NotApplied(
        endpoint, "refuses connections", "start etcd there", errno.ECONNREFUSED, is_passing=True
    )


def test_many_endpoints_are_told_in_a_sentence_that_can_be_read() -> None:
    errors = [closed(f"http://m{number}:2379") for number in range(50)]
    assert combined(errors).message == (
        "No endpoint of etcd can be used (http://m0:2379 refuses connections, like http://m1:2379 and http://m2:2379 "
        "and http://m3:2379 and http://m4:2379 and 45 more): start etcd there."
    )


def test_a_member_without_a_leader_waits_for_the_others_in_whichever_order_they_are_asked() -> None:
    leaderless = of_status("http://b:1", 503, b'{"message": "etcdserver: no leader", "code": 14}')
    for errors in permutations([closed("http://a:1"), leaderless, closed("http://c:1")]):
        told = combined(errors).message
        assert "http://b:1 has no leader" in told
        assert told.endswith(f": {leaderless.advice}.")


def test_a_failure_of_several_endpoints_names_all_of_them_also_where_it_is_only_of_a_read() -> None:
    hung = OutcomeUnknown("http://b:1", "gave no answer", "wait", errno.ETIMEDOUT, is_passing=True)
    both = combined([closed("http://a:1"), hung])
    assert isinstance(both, OutcomeUnknown)
    certain = as_certain(both)
    assert certain.message == str(certain) == both.message
    assert "http://b:1 gave no answer" in certain.message
