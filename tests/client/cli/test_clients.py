"""The table of who is connected: what is in flight, and how it fits a terminal."""

from pathlib import Path

import pytest

from client.cli.workspacectl import ctl_for, run_on_terminal
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, Request, answering

CLIENT = {"uid": 1000, "connectedAt": 1753203600000, "sessions": []}
CLIENTS = [
    {
        **CLIENT,
        "connection": 1,
        "pid": 4711,
        "program": "an\x1b[2Jeditor",
        "requests": 123456,
        "inFlight": {
            "count": 40,
            "oldest": [
                {"method": "project.clone", "forMs": 61_234},
                {"method": "workspace.create", "forMs": 12},
            ],
        },
        "subscription": {"topics": ["workspace.*", "project.bound"]},
        "sessions": ["ss_1", "ss_2"],
    },
    {
        **CLIENT,
        "connection": 3,
        "pid": 4712,
        "requests": 1,
        "inFlight": {"count": 1, "oldest": [{"method": "store.check", "forMs": 49}]},
        "subscription": {},
    },
]


@pytest.fixture
def path(serve: Serve) -> Path:
    """The socket of a daemon with these clients."""

    def reply(request: Request) -> object:
        return {"daemon.status": {**STATUS, "recovery": CLEAN}, "daemon.clients": CLIENTS}[request.method]

    return serve(answering(reply))


def test_what_is_in_flight_is_told_with_the_oldest_request(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, first, second = ctl_for(path, capsys)("status", "--clients").out.splitlines()[-3:]
    where = {name: header.index(name) for name in ("IN FLIGHT", "EVENTS", "SESSIONS")}
    assert first.startswith(r"an\x1b[2Jeditor  4711  1000  ")
    assert second.startswith("-                4712  1000  ")
    assert first[where["IN FLIGHT"] : where["EVENTS"]].rstrip() == "project.clone for 61.2 s, 39 more"
    assert second[where["IN FLIGHT"] : where["EVENTS"]].rstrip() == "store.check for 0.0 s"
    assert first[where["EVENTS"] :].split() == ["2", "topics", "2"]
    assert second[where["EVENTS"] :].split() == ["all", "-"]


def test_it_fits_a_terminal(path: Path, tmp_path: Path) -> None:
    env = {"WORKSPACED_SOCKET": str(path), "NO_COLOR": "1"}
    lines = run_on_terminal("status", "--clients", home=tmp_path, columns=80, env=env).out.splitlines()[-3:]
    assert max(map(len, lines)) <= 80
    assert "UID" not in lines[0]
    assert "4711" in lines[1]
    assert "project.cl" in lines[1]


def test_sessions_of_several_machines_are_told_with_their_machine(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    session = {"workspaceId": "ws_1", "label": None, "pid": 7, "startedAt": 1753203600000}
    listed = [{**session, "id": "ss_1", "machine": "devbox"}, {**session, "id": "ss_2"}]
    answers: dict[str, object] = {
        "daemon.status": {**STATUS, "recovery": CLEAN},
        "session.list": listed[1:],
        "workspace.list": [],
    }
    ctl = ctl_for(serve(answering(lambda request: answers[request.method])), capsys)
    assert "MACHINE" not in ctl("sessions").out
    answers["session.list"] = listed
    header, first, second = ctl("sessions").out.splitlines()
    column = header.index("MACHINE")
    assert (first[column:].split()[0], second[column:].split()[0]) == ("devbox", "-")
