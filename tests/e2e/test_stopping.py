"""SIGTERM in the middle of the work: each write is answered and durable, or refused and not there."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.raw_connection import RawConnection, checked_error

pytestmark = pytest.mark.usefixtures("measured")

CLIENTS, WRITES = 6, 500
Answers = dict[str, dict[str, Any]]


@pytest.mark.requirement("FR-005", "T014")
def test_writes_that_are_under_way_are_answered_and_durable_or_refused(
    home: Home, start: StartDaemon
) -> None:
    daemon = start()
    some_answered = threading.Event()

    def write(client: int) -> Answers:
        """Send all its writes at once, and return the answers by the name that was asked for."""
        answered: Answers = {}
        with RawConnection(home.socket) as connection:
            requests: dict[int, str] = {}
            for number in range(WRITES):
                name = f"{client} {number}"
                request = connection.request(
                    "workspace.create", name=name, rootPath=f"/srv/{client}/{number}"
                )
                requests[request["id"]] = name
                try:
                    connection.send(request)
                except (BrokenPipeError, ConnectionResetError):
                    break
            try:
                while len(answered) < len(requests):
                    answer = connection.receive()
                    answered[requests[answer["id"]]] = answer
                    some_answered.set()
            except EOFError:
                pass
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        writing = [pool.submit(write, client) for client in range(CLIENTS)]
        assert some_answered.wait(30)
        assert daemon.stop(signal.SIGTERM) == 0
        answers = {name: answer for each in writing for name, answer in each.result().items()}
    durable = {name: answer["result"] for name, answer in answers.items() if "result" in answer}
    refused = {name for name, answer in answers.items() if "error" in answer}
    assert durable
    for name in refused:
        checked_error(2005, answers[name]["error"])

    start()
    with RawConnection(home.socket) as connection:
        there = {each["name"]: each for each in connection.call("store.getAll")}
        assert connection.call("daemon.status")["recovery"]["outcome"] == "clean"
    assert durable.items() <= there.items(), "an answered write is gone"
    assert refused & there.keys() == set(), "a refused write is there"
    for name, workspace in there.items():
        assert workspace["rootPath"] == f"/srv/{name.replace(' ', '/')}"
