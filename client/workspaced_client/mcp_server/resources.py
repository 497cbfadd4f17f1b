"""The workspaces as resources: `workspace://{id}` is a workspace as JSON."""

import json
from typing import Any, Final

import mcp_types
from mcp.shared.exceptions import MCPError

from workspaced_client._core.daemon_errors import NotFound
from workspaced_client._core.local_errors import WorkspacedError
from workspaced_client.mcp_server.link import Link

_SCHEME: Final = "workspace://"
_JSON: Final = "application/json"
_PAGE: Final = 100  # resources in one answer
_CURSOR_DIGITS: Final = 18  # far behind the last page; Python reads no number of thousands of digits

TEMPLATE: Final = mcp_types.ResourceTemplate(
    name="workspace",
    title="A workspace",
    uri_template=f"{_SCHEME}{{id}}",
    description="A workspace by its id, with its projects, as JSON.",
    mime_type=_JSON,
)


def uri_of(workspace_id: str) -> str:
    """Return the address of a workspace as a resource."""
    return f"{_SCHEME}{workspace_id}"


async def listed(link: Link, cursor: str | None) -> mcp_types.ListResourcesResult:
    """Return a page of the workspaces by creation time. Raises MCPError."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _CURSOR_DIGITS):
        shown = repr(cursor[:_CURSOR_DIGITS])
        raise MCPError(
            mcp_types.INVALID_PARAMS, f"There is no page {shown}: list the resources from the start."
        )
    begin = int(cursor or 0)
    workspaces = await _ask(link, "workspace.list", {})
    page = workspaces[begin : begin + _PAGE]
    return mcp_types.ListResourcesResult(
        resources=[_resource(workspace) for workspace in page],
        next_cursor=str(begin + _PAGE) if begin + _PAGE < len(workspaces) else None,
    )


async def read(link: Link, uri: str) -> mcp_types.ReadResourceResult:
    """Return a workspace as JSON. Raises MCPError."""
    if not uri.startswith(_SCHEME):
        raise MCPError(
            mcp_types.INVALID_PARAMS, f"There is no resource {uri}: those here are {_SCHEME}ID.", {"uri": uri}
        )
    workspace = await _ask(link, "workspace.get", {"id": uri.removeprefix(_SCHEME)}, {"uri": uri})
    text = json.dumps(workspace, ensure_ascii=False, indent=2)
    return mcp_types.ReadResourceResult(
        contents=[mcp_types.TextResourceContents(uri=uri, mime_type=_JSON, text=text)]
    )


def _resource(workspace: dict[str, Any]) -> mcp_types.Resource:
    machine = f"{workspace['machine']}:" if "machine" in workspace else ""
    return mcp_types.Resource(
        name=workspace["name"],
        uri=uri_of(workspace["id"]),
        description=f"{machine}{workspace['rootPath']}",
        mime_type=_JSON,
    )


async def _ask(link: Link, method: str, params: dict[str, Any], data: object = None) -> Any:
    try:
        return await link.call(method, params)
    except WorkspacedError as error:
        raise as_mcp_error(error, data) from error


def as_mcp_error(error: WorkspacedError, data: object = None) -> MCPError:
    """Return an error of the daemon as one of MCP, with the same sentence."""
    # MCP has no code of its own for a resource that is not there (2026-07-28).
    code = mcp_types.INVALID_PARAMS if isinstance(error, NotFound) else mcp_types.INTERNAL_ERROR
    return MCPError(code, str(error), data)
