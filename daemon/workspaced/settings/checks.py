"""The checks of given settings: what each may be, and what is wrong with one.

pydantic checks all but the paths and the endpoints of etcd. It takes longer to import than most of the daemon, so
`check` imports it only where such a setting is given: most daemons are started with paths alone.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from workspaced.settings.model import FIELDS, PATHS
from workspaced.store.etcd.address import parse_endpoint
from workspaced_protocol.models import is_machine_name
from workspaced_protocol.paths import check_socket_path

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_CONSTRAINTS: Final = ("gt", "ge", "le", "pattern", "min_length", "max_length")
"""The members of a field's metadata that pydantic checks a value by."""


class WrongSetting(Exception):
    """A value that a setting can't have. The message shows it, to print after its place and a colon."""


def check(name: str, value: object) -> Any:
    """Return a given value as the setting has it. Raises WrongSetting."""
    if name not in FIELDS:
        raise WrongSetting(f"there is no such setting ({_near(name)})")
    if name in PATHS:
        try:
            path = _absolute(Path(str(value)))
            return Path(check_socket_path(str(path))) if name == "socket" else path
        except ValueError as error:
            raise WrongSetting(f"{_shown(value)}: {str(error).removesuffix('.')}") from error
    if name == "etcd_endpoints":
        return _endpoints(value)
    if name == "machine":
        if isinstance(value, str) and is_machine_name(value):
            return value
        raise WrongSetting(f"{_shown(value)}, but it must be {allowed(name)}")
    if isinstance(value, bool) and FIELDS[name].type is not bool:  # pydantic would take it for 1 or 0
        raise WrongSetting(f"{_shown(value)}, but it must be {allowed(name)}")
    from pydantic import ValidationError

    try:
        return _adapter(name).validate_python(value)
    except ValidationError as error:
        raise WrongSetting(f"{_shown(value)}, but it must be {allowed(name)}") from error


def allowed(name: str) -> str:
    """Return a description of a setting's allowed values, for people."""
    if name in PATHS:
        return "a path"
    if "allowed" in FIELDS[name].metadata:
        return str(FIELDS[name].metadata["allowed"])
    schema = _adapter(name).json_schema()
    if "enum" in schema:
        return f"{', '.join(schema['enum'][:-1])} or {schema['enum'][-1]}"
    if schema["type"] == "boolean":
        return "true or false"
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    if "exclusiveMinimum" in schema:
        return f"{kind} above {schema['exclusiveMinimum']:g}, up to {schema['maximum']:.15g}"
    return f"{kind} from {schema['minimum']} to {schema['maximum']}"


def _adapter(name: str) -> "TypeAdapter[Any]":
    from pydantic import Field, TypeAdapter

    field = FIELDS[name]
    limits = {each: field.metadata[each] for each in _CONSTRAINTS if each in field.metadata}
    limited: Any = Annotated[field.type, Field(**limits)]
    return TypeAdapter(limited)


def _absolute(path: Path) -> Path:
    """Return a path with ~ expanded, made absolute. Raises ValueError."""
    if not path.name or "\0" in str(path):  # `--data-dir "$DIR"` gives "" if DIR is unset
        raise ValueError("the path is empty, “.” or “/”, or contains a NUL character")
    try:
        path = Path(os.path.abspath(path.expanduser()))  # resolve() would also follow symbolic links
    except RuntimeError as error:
        raise ValueError("this home directory does not exist") from error
    except FileNotFoundError as error:
        raise ValueError("the path is relative, and the current directory no longer exists") from error
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path)
        raise ValueError(
            f"{shown!r} is not UTF-8, so it can't be sent to clients: choose another path"
        ) from error
    return path


def _endpoints(value: object) -> tuple[str, ...]:
    """Return the members of etcd as `scheme://host:port`, of a list or of a text with commas. Raises WrongSetting."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not given:
        raise WrongSetting(f"{_shown(value)}, but it must be a list of {allowed('etcd_endpoints')}")
    # A dict: in the order given, each once.
    return tuple(dict.fromkeys(_endpoint(each) for each in cast("list[object]", given)))


def _endpoint(given: object) -> str:
    if isinstance(given, str) and "@" in given:  # not shown: it may hold a password
        raise WrongSetting("one of them has a user in it; etcd_user and etcd_password_file are for that")
    text = given.strip().rstrip("/") if isinstance(given, str) else ""
    try:
        parse_endpoint(text)
    except ValueError as error:
        told = "but it must be a URL with a port, such as https://devbox:2379"
        raise WrongSetting(f"{_shown(given)}, {told}") from error
    return text


def _near(name: str) -> str:
    from difflib import get_close_matches  # loaded late: only a wrong name needs it

    near = get_close_matches(name, FIELDS, n=1)
    return f"did you mean `{near[0]}`?" if near else "`workspaced config sample` shows all settings"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= 100 else f"{text[:99]}…"
    return f"it is “{text}”" if text.isprintable() else f"it is {text!r}"
