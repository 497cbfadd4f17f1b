"""The tags and the metadata of a workspace: as they are typed, and their texts for people."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.output import shown_name
from workspaced_protocol.json_limits import Unkept, check_text
from workspaced_protocol.url_secrets import BLACKED_OUT
from workspaced_protocol.urls import without_secret

# Nobody shows these to others; `--json` has them.
_SECRET_KEY: Final = re.compile(
    r"token|secret|passw|passphrase|credential|api.?key|private.?key", re.IGNORECASE
)


# Any: any JSON value.
def metadata_of(given: Sequence[str] | None, option: str = "--meta ") -> dict[str, Any] | None:
    """Return the metadata in these texts of the form KEY=JSON, or None without any. Raise WrongUsage.

    `option` is what stands before each of them, for errors.
    """
    metadata: dict[str, Any] = {}
    for each in given or ():
        key, equals, text = each.partition("=")
        if not equals or not key:
            raise WrongUsage(f"{option or 'A change '}takes the form KEY=JSON, not “{shown_name(each)}”.")
        if key in metadata:
            raise WrongUsage(f"The key “{shown_name(key)}” is given twice: leave one out.")
        metadata[key] = _value(key, text, option)
    return metadata or None


def _value(key: str, text: str, option: str) -> object:
    try:
        check_text(text.encode())
        value: object = json.loads(text, parse_constant=_refuse)
    except Unkept as unkept:
        raise WrongUsage(f"The value of {option}{shown_name(key)} {shown_name(str(unkept))}.") from unkept
    except UnicodeEncodeError as error:
        raise WrongUsage(f"The value of {option}{shown_name(key)} is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(
            f"The value of {option}{shown_name(key)} is no JSON: “{shown_name(text)}”.",
            hint=f"A text needs double quotes, and those need single ones: {option}{_quoted(key, text)}",
        ) from error
    return value


def _quoted(key: str, text: str) -> str:
    """Return how to type this text as the value of the key."""
    return shown_name(shlex.quote(f"{key}={json.dumps(text, ensure_ascii=False)}"))


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return metadata as JSON for people, without its secrets."""
    return json.dumps(_without_secrets(metadata), ensure_ascii=False, separators=(",", ":"))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_secret(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {
            key: BLACKED_OUT
            if isinstance(member, str) and _SECRET_KEY.search(key)
            else _without_secrets(member)
            for key, member in members.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in cast("list[object]", value)]
    return value
