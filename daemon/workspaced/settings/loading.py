"""The loading of the settings from arguments, environment and configuration file.

The strategy: lay the three sources over each other as plain values, each with its origin, then check each value. So
the message about a wrong one names the place where it is set.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from workspaced.settings.checks import WrongSetting, check
from workspaced.settings.model import DEFAULT_PATHS, FIELDS, PATHS, Settings
from workspaced.store.joining import DEFAULT_ENDPOINTS
from workspaced_protocol.paths import (
    WORKSPACE_VARIABLES,
    UnusableFile,
    UnusablePath,
    check_written_path,
    default_config_file,
    read_config_file,
)

ENV_PREFIX: Final = "WORKSPACED_"


_NEEDS: Final = {
    "etcd_key_file": "etcd_cert_file",
    "etcd_user": "etcd_password_file",
    "etcd_password_file": "etcd_user",
}
"""The settings that are of no use without another one."""

_TLS_FILES: Final = ("etcd_ca_file", "etcd_cert_file", "etcd_key_file")


class BadConfiguration(Exception):
    """Wrong settings. The message names each one and the place where it is set."""


Origin = Literal["default", "file", "environment", "argument"]


@dataclass(frozen=True)
class Given:
    """A value from one source, and the place where it is set, such as `--socket` or a line of the file."""

    value: object
    origin: Origin
    place: str


@dataclass(frozen=True)
class Configuration:
    """The settings in force, the origins of those that are not defaults, and the ignored variables."""

    settings: Settings
    given: Mapping[str, Given]
    file: Path | None
    """The configuration file, which may be missing; None for a user without a home directory."""
    unknown_variables: tuple[str, ...]


def load_settings(arguments: Mapping[str, object], config_file: Path | None) -> Configuration:
    """Load the settings in force. Raises BadConfiguration, which names every wrong setting.

    `arguments` are the command line's. `config_file` must exist if it is given.
    """
    default_file = default_config_file()
    file = config_file or (Path(default_file) if default_file else None)
    in_file = _from_file(file) if file else None
    if in_file is None and config_file is not None:
        raise BadConfiguration(f"There is no configuration file {config_file}: check --config.")
    environment, unknown = _from_environment()
    given = {
        **(in_file or {}),
        **environment,
        **{name: Given(value, "argument", option(name)) for name, value in arguments.items()},
    }
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name in (*DEFAULT_PATHS, *(name for name in given if name not in DEFAULT_PATHS)):
        try:
            values[name] = _checked(name, given.get(name))
        except UnusablePath as error:
            problems.append(str(error).removesuffix("."))
        except BadConfiguration as error:
            problems.append(str(error))
    problems += _disagreements(values, given)
    if problems:
        raise BadConfiguration("; ".join(problems) + ".")
    return Configuration(Settings(**values), given, file, unknown)


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def _checked(name: str, given: Given | None) -> Any:
    """Return the value of a setting that is given, or of a path. Raises BadConfiguration or UnusablePath."""
    if given is None:
        given = Given(DEFAULT_PATHS[name](), "default", f"the default of {option(name)}")
    elif name in PATHS and given.origin == "file":
        check_written_path(given.value, given.place)
    try:
        return check(name, given.value)
    except WrongSetting as error:
        raise BadConfiguration(f"{given.place}: {error}") from error


def _disagreements(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield what is wrong with settings that are right by themselves."""
    for name, needed in _NEEDS.items():
        if name in values and needed not in given:
            yield f"{given[name].place}: it needs `{needed}` too"
    plain = [each for each in values.get("etcd_endpoints", DEFAULT_ENDPOINTS) if each.startswith("http://")]
    for name in _TLS_FILES:
        if name in values and plain:
            yield f"{given[name].place}: it is for https, but one of `etcd_endpoints` is {plain[0]}"


def _from_environment() -> tuple[dict[str, Given], tuple[str, ...]]:
    """Return the settings in the environment, and the unknown variables with their prefix.

    Empty variables are ignored, and so are those that tell a command which workspace it runs in. The names must be in capitals, as for clients.
    """
    given: dict[str, Given] = {}
    unknown: list[str] = []
    for variable, value in os.environ.items():
        if not variable.startswith(ENV_PREFIX) or not value:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if variable in WORKSPACE_VARIABLES:
            continue
        if name in FIELDS and variable.isupper():
            given[name] = Given(value, "environment", variable)
        else:
            unknown.append(variable)
    return given, tuple(sorted(unknown))


def _from_file(file: Path) -> dict[str, Given] | None:
    """Return the settings in the file, or None if it is missing. Raises BadConfiguration."""
    try:
        text, values = read_config_file(str(file))
    except FileNotFoundError:
        return None
    except UnusableFile as error:
        raise BadConfiguration(str(error)) from error
    return {name: Given(value, "file", _place(file, text, name)) for name, value in values.items()}


def _place(file: Path, text: str, name: str) -> str:
    """Return the place of a setting in the file: the first line that begins with it, since tomllib gives no lines."""
    begins = re.compile(rf"""\s*\[?\s*["']?{re.escape(name)}["']?\s*[\].=]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if begins.match(line):
            return f"`{name}` in {file}, line {number}"
    return f"`{name}` in {file}"
