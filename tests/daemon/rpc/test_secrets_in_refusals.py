"""A text in a param where none belongs: no error and no line of the log has its password, and no error is as long."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from support.documents import workspace_json
from support.logs import EventDict
from support.serving import Client
from workspaced.process import log
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS

SECRET = "s3cr3tPass"  # noqa: S105 - no real one
URLS = [
    f"https://ada:{SECRET}@host/x",
    f"ada:{SECRET}@host:x",
    f"//ada:{SECRET}@host/x",
    f"https://proxy/ada:{SECRET}@host/x",
    f"https://host/x?access_token={SECRET}",
    f"https://ada:my own {SECRET}@host/x",
    f"ssh://{'a' * 180}:{SECRET}@host/x",  # longer than what an error shows of a text
    f"https://{'a' * 75}:{SECRET}{'b' * 60}@host/x",  # longer than what it shows of a key
]
FITTING: dict[str, Any] = {
    "client": "editor",
    "protocol": 1,
    "workspace": workspace_json(1),
    "changes": [{"save": workspace_json(1)}, {"remove": "ws_2"}],
    "topics": ["workspace.*"],
    "files": ["/a"],
    "source": "x",
    "path": "/nowhere/x",
    "targetDir": "/x",
    "rootPath": "/x",
    "gitUrl": "/nowhere",
    "ifRevision": None,
    "since": None,
    "state": None,
    "tags": ["web"],
    "metadata": {"app.key": 1},
    "requestKey": None,
}


def places(value: Any, text: str) -> Iterator[Any]:
    """Yield the value with the text in place of each part of it, and as the name of an unknown member of each object."""
    yield text
    if isinstance(value, list):
        for index, each in enumerate(value):
            for changed in places(each, text):
                yield [*value[:index], changed, *value[index + 1 :]]
    if isinstance(value, dict):
        yield {**value, text: 1}
        for name, each in value.items():
            for changed in places(each, text):
                yield {**value, name: changed}


@pytest.mark.requirement("FR-003")
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
async def test_no_refusal_of_any_method_tells_a_password(client: Client, method: Method) -> None:
    fitting = {name: deepcopy(FITTING.get(name, "ws_none")) for name in method.param_names()}
    told: list[str] = []
    tried = [
        (url, params)
        for url in URLS
        for params in (*places(fitting, url), *({name: url} for name in fitting))
    ]
    for url, params in tried:
        if not isinstance(params, dict) or params.get("gitUrl") == url:
            continue  # no params, and what a clone does with a URL: test_url_secrets.py
        answer = await client.answer(await client.request(method.name, **params))
        told.append(json.dumps(answer.get("error", {})))
    assert [each for each in told if SECRET in each] == []
    assert [each for each in told if each != "{}"] != [] or not fitting


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
async def test_no_refusal_of_any_method_tells_all_of_a_long_text(client: Client, method: Method) -> None:
    fitting = {name: deepcopy(FITTING.get(name, "ws_none")) for name in method.param_names()}
    tried = [
        params
        for text in ("x" * 50_000, "/" + "x" * 50_000, "/x" * 25_000)
        for params in (*places(fitting, text), *({name: text} for name in fitting))
    ]
    for params in tried:
        if isinstance(params, dict):
            answer = await client.answer(await client.request(method.name, **params))
            assert len(json.dumps(answer.get("error", {}), ensure_ascii=False)) < 1_500


@pytest.mark.parametrize("url", URLS)
async def test_a_secret_as_a_method_is_told_neither_to_the_client_nor_in_the_log(
    client: Client, url: str, logged: list[EventDict]
) -> None:
    await client.result("daemon.hello", client=url, protocol=1)
    refusal = await client.refusal(url)
    assert SECRET not in repr(refusal)
    assert SECRET not in repr(logged)
    assert logged[-1]["outcome"] == "methodNotFound"


@pytest.mark.parametrize("format_", ["console", "json"])
def test_no_line_of_the_log_tells_a_password(capsys: pytest.CaptureFixture[str], format_: Any) -> None:
    url = URLS[0]
    with log.to_stderr("info", format_):
        logger = log.Logger()
        logger.warning(f"{url} is wrong.", path=url, members=[url, {url: url}])
        try:
            raise ValueError(url)
        except ValueError:
            logger.exception("A request failed.")
    told = capsys.readouterr().err
    assert "https://ada@host/x" in told
    assert "ValueError" in told
    assert SECRET not in told


@pytest.mark.parametrize("name", ["Fix: me@work/today", "a@b", "#1; 50 % & more?"])
async def test_a_name_that_is_no_url_is_told_as_it_is(client: Client, name: str) -> None:
    _, message, data = await client.refusal("workspace.get", name=name)
    assert name in message
    _, message, data = await client.refusal("workspace.get", id=name)
    assert name in message
    assert data["id"] == name
