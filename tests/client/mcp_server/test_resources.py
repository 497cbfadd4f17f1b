"""The resources: workspaces that can be listed and read, and the news of their changes."""

import json

import mcp_types
import pytest
import trio
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from msgspec import structs

from client.mcp_server.agents import Agent, agent
from client.mcp_server.conftest import NewName
from support.daemon_process import DaemonProcess, running_daemon
from support.waiting import until


async def test_a_workspace_is_read_as_json(daemon: DaemonProcess, new_name: NewName) -> None:
    async with agent(daemon.socket) as one:
        made = await one.ask("create_workspace", name=new_name(), rootPath="/srv/é")
        uri = f"workspace://{made['id']}"
        (contents,) = (await one.client.read_resource(uri)).contents
        assert isinstance(contents, mcp_types.TextResourceContents)
        assert (contents.uri, contents.mime_type) == (uri, "application/json")
        assert json.loads(contents.text) == made
        (template,) = (await one.client.list_resource_templates()).resource_templates
        assert template.uri_template == "workspace://{id}"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("workspace://ws_none", "There is no workspace ws_none"),
        ("file:///etc/passwd", "There is no resource file:///etc/passwd"),
    ],
)
async def test_a_resource_that_is_not_there(daemon: DaemonProcess, uri: str, told: str) -> None:
    async with agent(daemon.socket) as one:
        with pytest.raises(MCPError, match=told) as refused:
            await one.client.read_resource(uri)
        assert refused.value.code == mcp_types.INVALID_PARAMS


async def test_the_list_comes_in_pages() -> None:
    with running_daemon() as daemon, daemon.client() as client:
        ids = [client.workspaces.create(f"Name {number}", "/srv").id for number in range(101)]
        elsewhere = client.workspaces.get(ids[1])
        client.store.save(structs.replace(elsewhere, machine="devbox"))
        async with agent(daemon.socket) as one:
            first = await one.client.list_resources()
            assert first.next_cursor is not None
            second = await one.client.list_resources(cursor=first.next_cursor)
            assert second.next_cursor is None
            resources = [*first.resources, *second.resources]
            assert [resource.uri for resource in resources] == [f"workspace://{id_}" for id_ in ids]
            assert (resources[0].name, resources[0].description) == ("Name 0", "/srv")
            assert resources[1].description == "devbox:/srv"
            for cursor, shown in (("x", "x"), ("-1", "-1"), ("9" * 5000, "9" * 18)):
                with pytest.raises(MCPError, match=f"no page '{shown}'"):
                    await one.client.list_resources(cursor=cursor)


async def test_a_client_that_listens_is_told_of_changes(daemon: DaemonProcess, new_name: NewName) -> None:
    async with agent(daemon.socket) as one:
        made = await one.ask("create_workspace", name=new_name(), rootPath="/srv")
        uri = f"workspace://{made['id']}"
        async with one.client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as told:
            with daemon.client() as app:
                app.workspaces.close(made["id"])
                assert await anext(told) == ResourceUpdated(uri)
                app.workspaces.open(made["id"])
                assert await anext(told) == ResourceUpdated(uri)
                app.workspaces.create(new_name(), "/srv")
                assert await anext(told) == ResourcesListChanged()


async def test_a_client_of_before_2026_07_28_is_told_of_changes(
    daemon: DaemonProcess, new_name: NewName
) -> None:
    async with agent(daemon.socket, mode="legacy") as one:
        made = await one.ask("create_workspace", name=new_name(), rootPath="/srv")
        other = await one.ask("create_workspace", name=new_name(), rootPath="/srv")
        uri = f"workspace://{made['id']}"
        with pytest.warns(MCPDeprecationWarning):
            await one.client.subscribe_resource(uri)
        one.notifications.clear()
        with daemon.client() as app:
            app.workspaces.close(other["id"])  # nobody asked for it
            app.workspaces.close(made["id"])
            await told(one, mcp_types.ResourceUpdatedNotification)
            assert {note.params.uri for note in updates(one)} == {uri}
            app.workspaces.update(other["id"], name=new_name())
            await told(one, mcp_types.ResourceListChangedNotification)
            with pytest.warns(MCPDeprecationWarning):
                await one.client.unsubscribe_resource(uri)
            one.notifications.clear()
            app.workspaces.open(made["id"])
            app.workspaces.delete(other["id"])
            await told(one, mcp_types.ResourceListChangedNotification)
            assert updates(one) == []
            with pytest.warns(MCPDeprecationWarning), pytest.raises(MCPError, match="ws_none"):
                await one.client.subscribe_resource("workspace://ws_none")


def updates(one: Agent) -> list[mcp_types.ResourceUpdatedNotification]:
    return [each for each in one.notifications if isinstance(each, mcp_types.ResourceUpdatedNotification)]


async def told(one: Agent, kind: type) -> None:
    with trio.fail_after(30):
        await until(lambda: any(isinstance(each, kind) for each in one.notifications))


async def test_changes_are_told_after_a_restart_too(new_name: NewName) -> None:
    with running_daemon() as daemon:
        async with agent(daemon.socket) as one:
            made = await one.ask("create_workspace", name=new_name(), rootPath="/srv")
            uri = f"workspace://{made['id']}"
            async with one.client.listen(resource_subscriptions=[uri]) as told:
                await trio.to_thread.run_sync(daemon.restart)
                with daemon.client() as app:
                    app.workspaces.close(made["id"])
                assert await anext(told) == ResourceUpdated(uri)
