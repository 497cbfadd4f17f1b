"""The table of tools: the name, method, hints and answer of each; one row of it per tool.

Arguments, answers and descriptions come from the table of methods. A row says what differs: the params that the server
gives itself, a result that is no object, and what an agent must know beyond the method.
"""

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import mcp_types
from msgspec import Raw

from workspaced_client._core.daemon_errors import ActiveSessions
from workspaced_client.mcp_server.link import Link
from workspaced_client.mcp_server.schemas import (
    Schema,
    arguments_schema,
    object_schema,
    params_sentence,
    result_of,
    result_schema,
)
from workspaced_protocol.method import InvalidParams
from workspaced_protocol.methods import METHODS

Arguments = dict[str, Any]
Answer = dict[str, Any]

_READS: Final = mcp_types.ToolAnnotations(read_only_hint=True, open_world_hint=False)


def _writes(*, destroys: bool = False, repeatable: bool = True) -> mcp_types.ToolAnnotations:
    return mcp_types.ToolAnnotations(
        read_only_hint=False,
        destructive_hint=destroys,
        idempotent_hint=repeatable,
        open_world_hint=False,  # the daemon's own store, and a look at this machine's directories
    )


@dataclass(frozen=True)
class Tool:
    """A row: a method of the daemon as a tool."""

    listed: mcp_types.Tool
    """The tool as MCP lists it."""
    method: str
    """The method whose params its arguments are."""
    run: Callable[[Link, Arguments], Awaitable[Answer]]
    """Takes the link and the arguments, and returns the answer. Raises WorkspacedError."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name

    def problem_of(self, arguments: Arguments) -> str | None:
        """Return a sentence on the first argument that is wrong, or None."""
        known = self.listed.input_schema["properties"]
        for name in arguments:
            if name not in known:
                return f"{self.name}: `{name}` is unknown. It takes {', '.join(known) or 'no arguments'}."
        try:
            METHODS[self.method].decode_params(Raw(json.dumps(arguments).encode()))
        except InvalidParams as error:
            return f"{self.name}{error.message.removeprefix(self.method)}"
        return None


def _tool(
    name: str,
    title: str,
    method: str,
    hints: mcp_types.ToolAnnotations,
    run: Callable[[Link, Arguments], Awaitable[Answer]],
    answer: Schema,
    *,
    left_out: Collection[str] = ("requestKey",),
    description: str = "",
) -> Tool:
    """Return a row. `left_out` are the params that the server gives itself."""
    arguments = arguments_schema(method, left_out)
    listed = mcp_types.Tool(
        name=name,
        title=title,
        description=description
        or f"{METHODS[method].doc}\n\nArguments: {params_sentence(method).removesuffix('.')}.",
        input_schema=arguments,
        output_schema=answer,
        annotations=hints,
    )
    return Tool(listed, method, run)


async def _call(method: str, link: Link, arguments: Arguments) -> Answer:
    answer: Answer = await link.call(method, arguments)
    return answer


async def _call_for_member(method: str, member: str, link: Link, arguments: Arguments) -> Answer:
    return {member: await link.call(method, arguments)}


async def _resolve_path(link: Link, arguments: Arguments) -> Answer:
    found: Answer = await link.call("workspace.resolve", arguments)
    id_ = found["workspace"]["id"]
    sessions = await link.call("session.list", {"workspaceId": id_})
    return found | {"sessions": sessions, "claimedByYou": link.claims.holds(id_)}


async def _claim_workspace(link: Link, arguments: Arguments) -> Answer:
    return await link.claims.claim(arguments["workspaceId"], arguments.get("label") or link.agent)


async def _release_workspace(link: Link, arguments: Arguments) -> Answer:
    await link.claims.release(arguments["workspaceId"])
    return {"released": arguments["workspaceId"]}


async def _delete_workspace(link: Link, arguments: Arguments) -> Answer:
    try:
        await link.call("workspace.delete", arguments)
    except ActiveSessions:
        if link.claims.holds(arguments["id"]):
            link.tell("You have claimed it yourself: call release_workspace first.")
        raise
    return {"deleted": arguments["id"]}


def _with_object(name: str, title: str, method: str, hints: mcp_types.ToolAnnotations) -> Tool:
    return _tool(name, title, method, hints, partial(_call, method), result_schema(method))


def _with_member(name: str, title: str, method: str, hints: mcp_types.ToolAnnotations, member: str) -> Tool:
    run = partial(_call_for_member, method, member)
    return _tool(name, title, method, hints, run, object_schema({member: result_of(method)}))


TOOLS: Final[dict[str, Tool]] = {
    tool.name: tool
    for tool in (
        _with_member("list_workspaces", "List workspaces", "workspace.list", _READS, "workspaces"),
        _with_object("get_workspace", "Get a workspace", "workspace.get", _READS),
        _tool(
            "resolve_path",
            "Find the workspace of a path",
            "workspace.resolve",
            _READS,
            _resolve_path,
            result_schema(
                "workspace.resolve",
                {"sessions": result_of("session.list"), "claimedByYou": {"type": "boolean"}},
            ),
            description="Tells which workspace you are in, and whether anyone is at work there. "
            f"{METHODS['workspace.resolve'].doc} `sessions` has everybody who is at work there; an exclusive session is "
            "a claim, and `claimedByYou` tells whether it is yours.\n\n"
            f"Arguments: {params_sentence('workspace.resolve')}",
        ),
        _with_object("create_workspace", "Create a workspace", "workspace.create", _writes(repeatable=False)),
        _with_object("open_workspace", "Open a workspace", "workspace.open", _writes()),
        _with_object("close_workspace", "Close a workspace", "workspace.close", _writes()),
        _with_object("bind_project", "Bind a directory", "project.bind", _writes()),
        _with_object("unbind_project", "Unbind a project", "project.unbind", _writes(destroys=True)),
        _with_object("check_projects", "Check the projects", "project.check", _writes()),
        _tool(
            "claim_workspace",
            "Claim a workspace",
            "session.begin",
            _writes(),
            _claim_workspace,
            result_schema("session.begin"),
            left_out=("exclusive",),
            description="Claims a workspace for you, so that other agents leave it alone: by an exclusive session, which "
            "ends with release_workspace or with you. It is refused while another one has it, and the error says who. "
            "It is a sign to others, no lock; you may claim again what you have claimed.\n\n"
            "Arguments: The workspace, and a label that tells others who you are and what you do.",
        ),
        _tool(
            "release_workspace",
            "Release a workspace",
            "session.begin",
            _writes(),
            _release_workspace,
            object_schema({"released": {"type": "string"}}),
            left_out=("label", "exclusive"),
            description="Ends your claim of a workspace, so that others may claim it.\n\nArguments: The workspace.",
        ),
        _with_member("history", "List changes", "history.list", _READS, "changes"),
        _with_member(
            "undo", "Undo a change", "history.undo", _writes(destroys=True, repeatable=False), "workspace"
        ),
        _tool(
            "delete_workspace",
            "Delete a workspace",
            "workspace.delete",
            _writes(destroys=True),
            _delete_workspace,
            object_schema({"deleted": {"type": "string"}}),
        ),
    )
}
"""Every tool by name, in the order of the list."""
