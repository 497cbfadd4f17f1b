"""The MCP server of `workspacectl mcp`: the daemon's workspaces as tools and resources for agents.

It needs the SDK `mcp`, which the extra `workspaced[mcp]` brings. Nothing else imports this package.
"""
