"""The MCP server: what a client asks, passed to the tools, the resources and their changes."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import mcp_types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError

from workspaced_client._core.local_errors import WorkspacedError
from workspaced_client.mcp_server import resources
from workspaced_client.mcp_server.changes import Changes
from workspaced_client.mcp_server.link import Link
from workspaced_client.mcp_server.tools import TOOLS
from workspaced_protocol import __version__

_INSTRUCTIONS = (
    "workspaced keeps this user's workspaces (a name, a root directory, a state) and the projects bound to them, for "
    "every app on the machine. To learn which workspace you are in, and whether anyone is at work there, call "
    "resolve_path with the absolute path of your working directory. Before you work in a workspace that others may "
    "use, claim it, and release it in the end; leave one alone that another has claimed. Nothing here touches files. "
    "Where workspaces have a `machine`, several machines share the list: a root path lies on that machine, and resolve_path "
    "finds those of yours. "
    "A change can be taken back: history lists the changes, undo takes the revision of one."
)


@dataclass(frozen=True)
class Agent:
    """What serves one MCP client, from its connection to its end."""

    link: Link
    changes: Changes
    listen: ListenHandler


Context = ServerRequestContext[Agent]


def build(
    socket: str | None = None, timeout_seconds: float = 10.0, *, autostart: bool = True
) -> Server[Agent]:
    """Return a server for a daemon: that of `socket`, or of the usual one. Each run of it serves one MCP client."""

    @asynccontextmanager
    async def agent(_: Server[Agent]) -> AsyncGenerator[Agent]:
        async with (
            Link(socket, timeout_seconds, autostart=autostart) as link,
            anyio.create_task_group() as group,
        ):
            changes = Changes(link)
            group.start_soon(changes.follow)
            yield Agent(link, changes, ListenHandler(changes.bus))
            group.cancel_scope.cancel()

    server = Server(
        "workspaced",
        version=__version__,
        title="Workspaces",
        instructions=_INSTRUCTIONS,
        lifespan=agent,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_resource_templates,
        on_read_resource=_read_resource,
        on_subscribe_resource=_subscribe_resource,
        on_unsubscribe_resource=_unsubscribe_resource,
        on_subscriptions_listen=_listen,
    )
    server.add_notification_handler("notifications/initialized", mcp_types.NotificationParams, _client_began)
    return server


async def _list_tools(
    _context: Context, _params: mcp_types.PaginatedRequestParams | None
) -> mcp_types.ListToolsResult:
    return mcp_types.ListToolsResult(tools=[tool.listed for tool in TOOLS.values()])


async def _call_tool(context: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
    tool, arguments, link = TOOLS.get(params.name), params.arguments or {}, _link_of(context)
    if tool is None:
        raise MCPError(
            mcp_types.INVALID_PARAMS, f"There is no tool {params.name!r}. There are {', '.join(TOOLS)}."
        )
    problem = tool.problem_of(arguments)
    if problem is not None:
        return _told([problem], is_error=True)
    try:
        answer = await tool.run(link, arguments)
    except WorkspacedError as error:
        return _told([str(error), *link.news()], is_error=True)
    result = _told([json.dumps(answer, ensure_ascii=False), *link.news()])
    result.structured_content = answer
    return result


def _told(texts: list[str], *, is_error: bool = False) -> mcp_types.CallToolResult:
    content: list[mcp_types.ContentBlock] = [mcp_types.TextContent(text=text) for text in texts]
    return mcp_types.CallToolResult(content=content, is_error=is_error)


def _link_of(context: Context) -> Link:
    link, client = context.lifespan_context.link, context.session.client_params
    if client is not None:  # since 2026-07-28, a client need not tell its name
        link.agent = client.client_info.title or client.client_info.name
    return link


async def _list_resources(
    context: Context, params: mcp_types.PaginatedRequestParams | None
) -> mcp_types.ListResourcesResult:
    await _follow_changes(context)
    return await resources.listed(_link_of(context), params.cursor if params else None)


async def _list_resource_templates(
    _context: Context, _params: mcp_types.PaginatedRequestParams | None
) -> mcp_types.ListResourceTemplatesResult:
    return mcp_types.ListResourceTemplatesResult(resource_templates=[resources.TEMPLATE])


async def _read_resource(
    context: Context, params: mcp_types.ReadResourceRequestParams
) -> mcp_types.ReadResourceResult:
    return await resources.read(_link_of(context), params.uri)


async def _subscribe_resource(
    context: Context, params: mcp_types.SubscribeRequestParams
) -> mcp_types.EmptyResult:
    await resources.read(_link_of(context), params.uri)  # it must be there
    context.lifespan_context.changes.subscribe(params.uri)
    return mcp_types.EmptyResult()


async def _unsubscribe_resource(
    context: Context, params: mcp_types.UnsubscribeRequestParams
) -> mcp_types.EmptyResult:
    context.lifespan_context.changes.unsubscribe(params.uri)
    return mcp_types.EmptyResult()


async def _listen(
    context: Context, params: mcp_types.SubscriptionsListenRequestParams
) -> mcp_types.SubscriptionsListenResult:
    await _follow_changes(context)
    return await context.lifespan_context.listen(context, params)


async def _client_began(context: Context, _params: mcp_types.NotificationParams) -> None:
    context.lifespan_context.changes.client_began(context.session)


async def _follow_changes(context: Context) -> None:
    try:
        await context.lifespan_context.changes.begun()
    except WorkspacedError as error:
        raise resources.as_mcp_error(error) from error
