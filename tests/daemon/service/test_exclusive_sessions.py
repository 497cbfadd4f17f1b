"""Exclusive sessions: one at a time in a workspace, others beside it, and each ends with its connection."""

import trio

from support.serving import Client, Daemon, Serve, request
from support.shared_store import SharedMemory
from support.waiting import until


async def begin(client: Client, workspace_id: str = "ws_01", **params: object) -> dict[str, object]:
    session = await client.result("session.begin", workspaceId=workspace_id, **params)
    assert isinstance(session, dict)
    return session


async def test_a_second_exclusive_session_is_refused_with_the_first(daemon: Daemon, client: Client) -> None:
    held = await begin(client, label="editor", exclusive=True)
    assert held["exclusive"] is True
    other = daemon.connect()
    for each in (other, client):
        code, message, data = await each.refusal("session.begin", workspaceId="ws_01", exclusive=True)
        assert (code, data) == (1008, {"kind": "claimed", "session": held})
        assert "“Alpha”" in message
        assert "“editor”" in message
    assert await client.result("session.list") == [held]


async def test_a_label_is_short_enough_for_every_list_of_sessions(daemon: Daemon, client: Client) -> None:
    for label in ("x" * 1001, "é" * 1001, "x" * 500_000):
        code, message, data = await client.refusal("session.begin", workspaceId="ws_01", label=label)
        assert (code, data["path"]) == (-32602, "label")
        assert message == "session.begin: `label` is wrong: expected `str` of length <= 1000."
    kept = [await begin(client, label=label) for label in ("é" * 1000, "", "a\nb")]
    assert await daemon.connect().result("session.list") == kept


async def test_others_go_on_beside_it_and_elsewhere(daemon: Daemon, client: Client) -> None:
    before = await begin(client)
    held = await begin(client, exclusive=True)
    other = daemon.connect()
    for exclusive in ({}, {"exclusive": False}, {"exclusive": None}):
        beside = await begin(other, **exclusive)
        assert "exclusive" not in beside
    assert "exclusive" not in before
    await client.result("workspace.open", id="ws_02")
    assert (await begin(other, "ws_02", exclusive=True))["exclusive"] is True
    listed = await other.result("session.list", workspaceId="ws_01")
    assert [each for each in listed if each.get("exclusive")] == [held]


async def test_it_is_free_again_when_the_session_or_its_connection_ends(
    daemon: Daemon, client: Client
) -> None:
    held = await begin(client, exclusive=True)
    await client.result("session.end", id=held["id"])
    other = daemon.connect()
    await begin(other, exclusive=True)
    assert (await client.refusal("session.begin", workspaceId="ws_01", exclusive=True)).code == 1008
    other.close()
    await until(lambda: not daemon.writer.state.sessions)
    await begin(client, exclusive=True)


async def test_of_two_in_one_batch_the_first_is_granted(client: Client) -> None:
    params = {"workspaceId": "ws_01", "exclusive": True}
    both = b",".join(request("session.begin", number, params).strip() for number in (1, 2))
    await client.send(b"[" + both + b"]\n")
    answers = {answer["id"]: answer for answer in await client.receive_batch()}
    assert answers[1]["result"]["exclusive"] is True
    assert answers[2]["error"]["data"] == {"kind": "claimed", "session": answers[1]["result"]}


async def test_of_many_clients_at_once_one_is_granted(daemon: Daemon) -> None:
    clients = [daemon.connect() for _ in range(20)]
    sent = [await each.request("session.begin", workspaceId="ws_01", exclusive=True) for each in clients]
    answers = [await each.answer(id_) for each, id_ in zip(clients, sent, strict=True)]
    granted = [answer["result"] for answer in answers if "result" in answer]
    assert len(granted) == 1
    assert [answer["error"]["data"]["session"] for answer in answers if "error" in answer] == granted * 19


async def test_an_end_and_a_begin_in_one_batch_change_hands(daemon: Daemon, client: Client) -> None:
    held = await begin(client, exclusive=True)
    end = request("session.end", 1, {"id": held["id"]}).strip()
    again = request("session.begin", 2, {"workspaceId": "ws_01", "exclusive": True}).strip()
    await client.send(b"[" + end + b"," + again + b"]\n")
    answers = {answer["id"]: answer for answer in await client.receive_batch()}
    assert answers[2]["result"]["id"] != held["id"]


async def test_a_closed_workspace_is_told_before_a_claim(client: Client) -> None:
    await begin(client, exclusive=True)
    await client.result("workspace.close", id="ws_01")
    assert (await client.refusal("session.begin", workspaceId="ws_01", exclusive=True)).code == 1003
    assert (await client.refusal("session.begin", workspaceId="ws_09", exclusive=True)).code == 1001


async def test_it_holds_on_every_machine_that_shares_the_store(serve: Serve) -> None:
    memory = SharedMemory()
    here = (await serve(memory.open(), machine="laptop")).connect()
    there = (await serve(memory.open(), machine="devbox")).connect()
    made = await here.result("workspace.create", name="Alpha", rootPath="/src")
    held = await begin(here, made["id"], label="editor", exclusive=True)
    assert held["machine"] == "laptop"
    while await there.result("session.list") != [held]:
        await trio.lowlevel.checkpoint()
    code, message, data = await there.refusal("session.begin", workspaceId=made["id"], exclusive=True)
    assert (code, data) == (1008, {"kind": "claimed", "session": held})
    assert "on laptop)" in message
    code, message, _ = await there.refusal("workspace.delete", id=made["id"])
    assert (code, "1 active session on laptop:" in message) == (1004, True)
    assert (await there.result("daemon.status"))["sessions"] == 1
    assert await there.result("daemon.clients") != []
    here.close()
    while await there.result("session.list"):
        await trio.lowlevel.checkpoint()
    assert await there.result("workspace.delete", id=made["id"]) is None
