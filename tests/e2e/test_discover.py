"""What a daemon tells, held to the schemas of its own `rpc.discover`: as a generated client reads it."""

import json
from typing import Any

import jsonschema
import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.git_samples import make_repository
from support.raw_connection import RawConnection
from workspaced_protocol.events import TOPICS


class Discovered:
    """The document of a daemon, and the validators of what it tells."""

    def __init__(self, connection: RawConnection) -> None:
        document = connection.call("rpc.discover")
        # Closed again, so that a member without a schema is an error here.
        for name, schema in document["components"]["schemas"].items():
            assert name.endswith(("Input", "Params")) or "additionalProperties" not in schema
            schema["additionalProperties"] = False
        self._components = document["components"]
        self._results = {row["name"]: row["result"]["schema"] for row in document["methods"]}
        (event,) = (each for each in document["x-notifications"] if each["name"] == "event")
        self.topics: dict[str, Any] = event["topics"]

    def validate(self, value: object, schema: dict[str, Any]) -> None:
        jsonschema.Draft7Validator({**schema, "components": self._components}).validate(value)

    def result(self, method: str, value: object) -> None:
        self.validate(value, self._results[method])

    def event(self, params: dict[str, Any]) -> str:
        """Validate the params of an event, and return its topic."""
        self.validate(params, {"$ref": "#/components/schemas/EventNotification"})
        self.validate(params["payload"], self.topics[params["topic"]])
        return str(params["topic"])

    def progress(self, params: dict[str, Any]) -> None:
        self.validate(params, {"$ref": "#/components/schemas/Progress"})


@pytest.mark.requirement("FR-009")
def test_what_is_told_is_what_the_document_says(connection: RawConnection, shared_home: Home) -> None:
    discovered = Discovered(connection)
    root = shared_home.root / "root"
    (root / "web").mkdir(parents=True)
    url = make_repository(root / "tools")
    connection.call("daemon.hello", client="a client", protocol=1)
    connection.call("events.subscribe")

    made = connection.call("workspace.create", name="Alpha", rootPath=str(root), metadata={"a.b": None})
    id_ = made["id"]
    bound = connection.call("project.bind", workspaceId=id_, rootPath=str(root / "web"))
    clone = connection.request("project.clone", workspaceId=id_, gitUrl=url, targetDir=str(root / "clone"))
    cloned = connection.answer(clone)["result"]
    (root / "web").rmdir()
    connection.call("project.check", workspaceId=id_)
    connection.call("project.unbind", workspaceId=id_, projectId=bound["projects"][0]["id"])
    session = connection.call("session.begin", workspaceId=id_, exclusive=True)
    discovered.result("session.begin", session)
    discovered.result("session.list", connection.call("session.list"))
    discovered.result("daemon.clients", connection.call("daemon.clients"))
    connection.call("session.end", id=session["id"])
    connection.call("workspace.close", id=id_)
    connection.call("workspace.open", id=id_)
    connection.call("workspace.update", id=id_, tags=["web"])
    connection.call("workspace.delete", id=id_)
    undone = connection.call("history.undo", revision=connection.revision())
    for method, result in (("project.clone", cloned), ("history.undo", undone)):
        discovered.result(method, result)
    for method in ("daemon.status", "history.list", "store.getAll", "store.check", "workspace.usage"):
        discovered.result(method, connection.call(method))
    discovered.result("workspace.resolve", connection.call("workspace.resolve", path=str(root)))

    told = set()
    while "workspace.deleted" not in told or connection.notifications:
        message = connection.notifications.popleft() if connection.notifications else connection.receive()
        if message["method"] == "$/progress":
            discovered.progress(message["params"])
        else:
            told.add(discovered.event(message["params"]))
    assert told == {topic for topic in TOPICS if not topic.startswith("store.")}


def test_a_gap_is_what_the_document_says(connection: RawConnection) -> None:
    discovered = Discovered(connection)
    connection.call("events.subscribe", since=connection.revision() + 9)
    assert discovered.event(connection.notified()) == "events.gap"


def test_a_recovery_is_what_the_document_says(home: Home, start: StartDaemon) -> None:
    home.data_dir.mkdir(parents=True, mode=0o700)
    for name in ("workspaces.json", "workspaces.snapshot.json"):
        (home.data_dir / name).write_text(json.dumps({"version": 3}))
    start()
    with RawConnection(home.socket) as connection:
        discovered = Discovered(connection)
        connection.call("events.subscribe", since=0)
        told = [discovered.event(connection.notified()) for _ in range(2)]
        assert told == ["events.gap", "store.dataLoss"]
        discovered.result("daemon.status", connection.call("daemon.status"))
