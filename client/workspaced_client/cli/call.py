"""`workspacectl call`: any method of the protocol, for scripts."""

import json
import os
import sys
from typing import cast

from workspaced_client import MethodNotFound
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage, failure_of, reason, report
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit_json, shown_name
from workspaced_client.cli.base.reading import did_you_mean
from workspaced_protocol.json_limits import Unkept, check_text
from workspaced_protocol.methods import METHODS


def call(options: Options, method: str, params: str | None) -> int:
    """Call a method, and print its result as JSON. Errors are JSON, too, on stderr."""
    try:
        given = _params(method, params)
        with connected(options) as client:
            result = client.call(method, given)
    except MethodNotFound as error:
        # Daemons of later releases have methods that this table lacks, so the daemon alone decides.
        failure = Failure.of(error, f"{error.message}{did_you_mean(method, METHODS)}")
        return report(failure, as_json=True)
    except Exception as error:
        told = failure_of(error)
        if told is None:
            raise
        return report(told, as_json=True)
    emit_json(result)
    return 0


def _params(method: str, text: str | None) -> dict[str, object]:
    """Return the params by name. Raise WrongUsage."""
    if text is None:
        return {}
    where = "from stdin" if text == "-" else f"“{shown_name(text)}”"
    data = _stdin() if text == "-" else os.fsencode(text)
    try:
        check_text(data)
        value: object = json.loads(data)
    except Unkept as error:
        raise WrongUsage(f"The params of {method} can't be sent: a value {error}.") from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(
            f"The params {where} are no JSON: {error}.",
            hint='Put them in single quotes: workspacectl call workspace.get \'{"name": "alpha"}\'',
        ) from error
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, list):
        return _by_name(method, cast("list[object]", value))
    raise WrongUsage(f"The params {where} are neither an object nor an array.")


def _stdin() -> bytes:
    """Return all of stdin. Raise WrongUsage if it is closed, or can't be read."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - None after `<&-`
        raise WrongUsage("The params should come from stdin, but it is closed.")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise WrongUsage(f"The params can't be read from stdin: {reason(error)}.") from error


def _by_name(method: str, values: list[object]) -> dict[str, object]:
    """Return params by position as params by name, as the daemon reads them."""
    known = METHODS.get(method)
    if known is None:
        raise WrongUsage(f"The params of {method} are not known here: give them by name, as an object.")
    names = known.param_names()
    if len(values) > len(names):
        listed = ", ".join(names) or "none"
        raise WrongUsage(f"{method} takes {len(names)} params ({listed}), not {len(values)}.")
    return dict(zip(names, values, strict=False))
