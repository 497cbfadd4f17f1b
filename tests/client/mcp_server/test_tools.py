"""The tools: their schemas and hints, their answers, and what an agent is told where one is refused."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types
import pytest
from mcp.shared.exceptions import MCPError

from client.conftest import Serve
from client.fake_server import CLEAN, HELLO, STATUS, Peer
from client.mcp_server.agents import agent
from client.mcp_server.conftest import NewName
from support.daemon_process import DaemonProcess
from workspaced_client.mcp_server.tools import TOOLS
from workspaced_protocol.examples import EXAMPLES

READS = {"list_workspaces", "get_workspace", "resolve_path", "history"}
DESTROYS = {"unbind_project", "undo", "delete_workspace"}
NOT_REPEATABLE = {"create_workspace", "undo"}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_described_in_full(name: str) -> None:
    listed = TOOLS[name].listed
    for schema in (listed.input_schema, listed.output_schema):
        assert schema is not None
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert "#/components" not in json.dumps(schema)
    assert listed.input_schema["additionalProperties"] is False
    assert not {"requestKey", "exclusive"} & set(listed.input_schema["properties"])
    assert listed.description
    hints = listed.annotations
    assert hints is not None
    assert hints.read_only_hint is (name in READS)
    assert hints.open_world_hint is False
    if name not in READS:
        assert hints.destructive_hint is (name in DESTROYS)
        assert hints.idempotent_hint is (name not in NOT_REPEATABLE)


def test_each_argument_can_be_given_as_the_table_has_it() -> None:
    for tool in TOOLS.values():
        properties = tool.listed.input_schema["properties"]
        example = {name: value for name, value in EXAMPLES[tool.method].params.items() if name in properties}
        jsonschema.validate(example, tool.listed.input_schema)
        assert tool.problem_of(example) is None


async def test_an_agent_at_work(daemon: DaemonProcess, tmp_path: Path, new_name: NewName) -> None:
    name, root = new_name(), str(tmp_path)
    async with agent(daemon.socket) as one:
        made = await one.ask("create_workspace", name=name, rootPath=root, tags=["web"])
        bound = await one.ask("bind_project", workspaceId=made["id"], rootPath=root)
        assert (await one.ask("list_workspaces", tags=["WEB"], limit=5))["workspaces"] == [bound]
        assert await one.ask("get_workspace", name=name) == bound
        checked = await one.ask("check_projects", workspaceId=made["id"])
        assert [project["status"] for project in checked["projects"]] == ["active"]
        assert (await one.ask("close_workspace", id=made["id"]))["state"] == "closed"
        assert (await one.ask("open_workspace", id=made["id"]))["state"] == "active"
        project = bound["projects"][0]["id"]
        unbound = await one.ask("unbind_project", workspaceId=made["id"], projectId=project)
        assert unbound["projects"] == []
        assert await one.ask("delete_workspace", id=made["id"], ifRevision=unbound["revision"]) == {
            "deleted": made["id"]
        }
        changes = (await one.ask("history", workspaceId=made["id"]))["changes"]
        assert [change["method"] for change in changes][:2] == ["workspace.delete", "project.unbind"]
        assert (await one.ask("undo", revision=changes[0]["revision"]))["workspace"]["id"] == made["id"]
        changes = (await one.ask("history", workspaceId=made["id"], limit=1))["changes"]
        assert (await one.ask("undo", revision=changes[0]["revision"]))["workspace"] is None


async def test_the_history_names_the_agent(daemon: DaemonProcess, new_name: NewName) -> None:
    async with agent(daemon.socket, name="ada's agent") as one:
        await one.ask("create_workspace", name=new_name(), rootPath="/srv")
        (change,) = (await one.ask("history", limit=1))["changes"]
        assert change["by"]["program"].startswith("ada's agent (")


async def test_a_text_is_the_answer_as_json(daemon: DaemonProcess, new_name: NewName) -> None:
    async with agent(daemon.socket) as one:
        result = await one.client.call_tool("create_workspace", {"name": new_name(), "rootPath": "/srv/é"})
        (text,) = result.content
        assert isinstance(text, mcp_types.TextContent)
        assert json.loads(text.text) == result.structured_content
        assert "/srv/é" in text.text


async def test_which_workspace_am_i_in_and_is_anyone_at_work_there(
    daemon: DaemonProcess, new_name: NewName
) -> None:
    name = new_name()
    async with agent(daemon.socket, name="ada's agent") as one, agent(daemon.socket) as other:
        made = await one.ask("create_workspace", name=name, rootPath=f"/srv/{name}")
        path = f"/srv/{name}/src/main.py"
        found = await one.ask("resolve_path", path=path)
        assert (found["workspace"], found["relativePath"]) == (made, "src/main.py")
        assert (found["sessions"], found["claimedByYou"]) == ([], False)
        await one.ask("claim_workspace", workspaceId=made["id"])
        found = await other.ask("resolve_path", path=path)
        assert [session["label"] for session in found["sessions"]] == ["ada's agent"]
        assert found["claimedByYou"] is False
        assert (await one.ask("resolve_path", path=path))["claimedByYou"] is True


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("get_workspace", {"id": "ws_none"}, "There is no workspace ws_none"),
        ("resolve_path", {"path": "/nobody/here"}, "/nobody/here"),
        ("resolve_path", {"path": "src"}, "absolute"),
        ("create_workspace", {"name": "a"}, "create_workspace: `rootPath` is missing."),
        ("create_workspace", {"name": 5, "rootPath": "/srv"}, "create_workspace: `name` is wrong: "),
        (
            "claim_workspace",
            {"workspaceId": "ws_a", "exclusive": False},
            "claim_workspace: `exclusive` is unknown. It takes workspaceId, label.",
        ),
        ("claim_workspace", {"workspaceId": ["ws_a"]}, "claim_workspace: `workspaceId` is wrong: "),
        ("release_workspace", {}, "release_workspace: `workspaceId` is missing."),
        ("get_workspace", {}, "get_workspace: `id` is wrong: it takes either `id` or `name`"),
        ("history", {"limit": 0}, "history: `limit` is wrong: "),
    ],
)
async def test_a_refusal_is_told_in_a_sentence(
    daemon: DaemonProcess, tool: str, arguments: dict[str, Any], told: str
) -> None:
    async with agent(daemon.socket) as one:
        assert told in await one.refused(tool, **arguments)


async def test_a_tool_that_is_not_there_is_told_with_those_that_are(daemon: DaemonProcess) -> None:
    async with agent(daemon.socket) as one:
        with pytest.raises(MCPError, match=r"no tool 'list_files'\. There are list_workspaces, "):
            await one.client.call_tool("list_files", {})


async def test_a_member_that_a_later_daemon_adds_comes_through(serve: Serve) -> None:
    workspace = {
        "id": "ws_a",
        "name": "a",
        "rootPath": "/srv",
        "state": "active",
        "createdAt": 1,
        "updatedAt": 1,
        "revision": 1,
        "projects": [],
        "colour": {"of": "later"},
    }
    answers: dict[str, object] = {
        "daemon.ping": "pong",
        "daemon.hello": HELLO,
        "daemon.status": {**STATUS, "recovery": CLEAN},
        "events.subscribe": {"revision": 1},
        "workspace.list": [workspace],
        "workspace.get": workspace,
        "workspace.resolve": {"workspace": workspace, "relativePath": "", "mood": 1},
        "session.list": [
            {"id": "ss_a", "workspaceId": "ws_a", "label": None, "pid": 1, "startedAt": 1, "seen": 1}
        ],
    }

    def script(peer: Peer) -> None:
        while True:
            request = peer.request()
            peer.answer(request, answers[request.method])

    async with agent(serve(script)) as one:
        assert await one.ask("list_workspaces") == {"workspaces": [workspace]}
        assert await one.ask("get_workspace", id="ws_a") == workspace
        found = await one.ask("resolve_path", path="/srv")
        assert found["mood"] == found["sessions"][0]["seen"] == 1
        assert found["workspace"] == workspace
