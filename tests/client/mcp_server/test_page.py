"""The page on agents: what it says of configurations and of tools is so."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from support.repository import ROOT
from workspaced_client.mcp_server.tools import TOOLS

PAGE = (ROOT / "docs/integrate/agents.md").read_text("utf-8")
BLOCK = re.compile(r"^```(json|toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    """The commands by which the page's configurations start the server."""
    for kind, text in BLOCK.findall(PAGE):
        if kind == "console":
            yield text.partition(" -- ")[2].split()
        else:
            document: dict[str, Any] = json.loads(text) if kind == "json" else tomllib.loads(text)
            (servers,) = document.values()
            server = servers["workspaced"]
            yield [server["command"], *server["args"]]


def test_each_configuration_starts_the_server() -> None:
    found = list(commands())
    assert len(found) == 5
    assert found == [["workspacectl", "mcp"]] * len(found)


def test_it_names_each_tool_and_no_other() -> None:
    table = PAGE.partition("## Tools")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(TOOLS)


def test_it_names_those_that_only_read_and_those_that_destroy() -> None:
    hints = {name: tool.listed.annotations for name, tool in TOOLS.items()}
    reads = [name for name, hint in hints.items() if hint and hint.read_only_hint]
    assert (len(reads), "four tools only read" in PAGE) == (4, True)
    destroys = {name for name, hint in hints.items() if hint and hint.destructive_hint}
    assert destroys == {"delete_workspace", "unbind_project", "undo"}
    assert "`delete_workspace`, `unbind_project` and `undo` are marked as destructive" in " ".join(
        PAGE.split()
    )
