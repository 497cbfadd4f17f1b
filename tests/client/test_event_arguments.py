"""Wrong arguments of a stream of events: each is refused with a sentence, before anything is sent."""

import math
from typing import Any
from uuid import UUID

import pytest

from client.conftest import Serve
from client.fake_server import answering
from client.flavours import subscribed
from workspaced_client import Unsendable


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"topics": "workspace.*"}, TypeError, r"topics must be a list of names such as 'workspace\.\*'"),
        ({"topics": b"workspace.*"}, TypeError, "topics must be a list"),
        ({"topics": 5}, TypeError, "topics must be a list"),
        ({"topics": [b"workspace.*"]}, Unsendable, r"`topics\[0\]` is of type bytes"),
        ({"since": math.nan}, Unsendable, "`since` is the float nan"),
        ({"since": UUID(int=7)}, Unsendable, r"`since` is of type uuid\.UUID"),
    ],
)
def test_a_stream_with_wrong_arguments(
    flavour: str, serve: Serve, wrong: dict[str, Any], error: type[Exception], told: str
) -> None:
    path = serve(answering(lambda request: request.params))
    with pytest.raises(error, match=told), subscribed(flavour, path, **wrong):
        raise AssertionError("not reached")
