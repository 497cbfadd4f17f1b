"""The model of the settings, loaded from arguments, environment and configuration file.

The strategy: merge the three sources as plain values, each with its origin, then validate the result with
pydantic. So the message about a wrong value names the place where it is set.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from workspaced.host.git import ALLOWED_PROTOCOLS, TIMEOUT_SECONDS
from workspaced.host.path_checks import CHECK_SECONDS
from workspaced.process.log import LogLevel
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.store.backups import Retention
from workspaced.store.kinds import Choice
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.paths import (
    UnusableFile,
    UnusablePath,
    check_socket_path,
    check_written_path,
    default_config_file,
    default_data_dir,
    default_socket_path,
    read_config_file,
)

LogFormat = Literal["console", "json"]

ENV_PREFIX: Final = "WORKSPACED_"

NEED_RESTART: Final = frozenset({"data_dir", "socket", "store", "log_format"})
"""The settings that need a restart. All others are reloaded at SIGHUP."""


class BadConfiguration(Exception):
    """Wrong settings. The message names each one and the place where it is set."""


class Settings(BaseModel):
    """All settings. An argument overrides the environment (WORKSPACED_…), and that the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        validate_default=True,  # it is computed from environment variables
        description="The data directory.",
        examples=["~/.local/share/workspaced"],
    )
    socket: Path = Field(
        default_factory=default_socket_path,
        validate_default=True,
        description="The socket on which the daemon listens.",
        examples=["~/.local/state/workspaced/workspaced.sock"],
    )
    store: Choice = Field(
        "auto",
        description="The kind of store: two JSON files, or a SQLite database for thousands of workspaces. “auto” is what "
        "the data directory holds, and JSON if it is empty.",
    )
    log_level: LogLevel = Field("info", description="The lowest level of log lines that are written.")
    log_format: LogFormat = Field(
        "console", description="The format of the log: for people, or one JSON object a line."
    )
    slow_request_ms: float = Field(
        SLOW_REQUEST_MS,
        gt=0,
        le=24 * 60 * 60 * 1000,
        description="The number of milliseconds from which on a request is logged as slow.",
    )
    max_line_bytes: int = Field(
        MAX_LINE_BYTES,
        ge=1024,
        le=64 * 1024 * 1024,
        description="The maximum length of a line from a client, in bytes.",
    )
    backups_hourly: int = Field(
        24, ge=0, le=1000, description="The number of hourly backups to keep: the newest of each hour."
    )
    backups_daily: int = Field(
        30, ge=0, le=1000, description="The number of daily backups to keep: the newest of each day."
    )
    path_check_seconds: float = Field(
        CHECK_SECONDS,
        gt=0,
        le=60,
        description="The time limit for checking a project's directory, in seconds.",
    )
    git_timeout_seconds: float = Field(
        TIMEOUT_SECONDS, gt=0, le=24 * 60 * 60, description="The time limit of one clone, in seconds."
    )
    git_allowed_protocols: str = Field(
        ":".join(ALLOWED_PROTOCOLS),
        pattern=r"^[a-z0-9+.-]+(:[a-z0-9+.-]+)*$",
        description="The protocols that git may clone by, as in GIT_ALLOW_PROTOCOL. Your own settings of git hold too.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: object) -> object:
        if isinstance(value, bool):  # pydantic would accept it as 1 or 0
            raise ValueError("true and false are not allowed for any setting")  # noqa: TRY004 - pydantic does not convert a TypeError
        return value

    @property
    def retention(self) -> Retention:
        """The retention of automatic backups."""
        return Retention(self.backups_hourly, self.backups_daily)

    @field_validator("data_dir", "socket")
    @classmethod
    def _make_absolute(cls, path: Path) -> Path:
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

    @field_validator("socket")
    @classmethod
    def _check_length(cls, path: Path) -> Path:
        return check_socket_path(path)


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
    file = config_file or default_config_file()
    in_file = _from_file(file) if file else None
    if in_file is None and config_file is not None:
        raise BadConfiguration(f"There is no configuration file {config_file}: check --config.")
    environment, unknown = _from_environment()
    given = {
        **(in_file or {}),
        **environment,
        **{name: Given(value, "argument", option(name)) for name, value in arguments.items()},
    }
    problems: list[str] = []
    for name in ("data_dir", "socket"):
        if name in given and given[name].origin == "file":
            try:
                check_written_path(given[name].value, given[name].place)
            except UnusablePath as error:
                problems.append(str(error).removesuffix("."))
                del given[name]
    try:
        settings = Settings.model_validate({name: each.value for name, each in given.items()})
    except ValidationError as error:
        problems += (_problem(item, given) for item in error.errors())
    except UnusablePath as error:  # from a default: there is no home directory
        problems.append(str(error).removesuffix("."))
    else:
        if not problems:
            return Configuration(settings, given, file, unknown)
    raise BadConfiguration("; ".join(problems) + ".")


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def allowed(name: str) -> str:
    """Return a description of a setting's allowed values, for people."""
    schema = Settings.model_json_schema()["properties"][name]
    if "enum" in schema:
        return f"{', '.join(schema['enum'][:-1])} or {schema['enum'][-1]}"
    if schema["type"] == "string":
        return "a path" if schema.get("format") == "path" else "names separated by colons"
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    if "exclusiveMinimum" in schema:
        return f"{kind} above {schema['exclusiveMinimum']:g}, up to {schema['maximum']:.15g}"
    return f"{kind} from {schema['minimum']} to {schema['maximum']}"


def _from_environment() -> tuple[dict[str, Given], tuple[str, ...]]:
    """Return the settings in the environment, and the unknown variables with their prefix.

    Empty variables are ignored. The names must be in capitals, as for clients.
    """
    given: dict[str, Given] = {}
    unknown: list[str] = []
    for variable, value in os.environ.items():
        if not variable.startswith(ENV_PREFIX) or not value:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name in Settings.model_fields and variable.isupper():
            given[name] = Given(value, "environment", variable)
        else:
            unknown.append(variable)
    return given, tuple(sorted(unknown))


def _from_file(file: Path) -> dict[str, Given] | None:
    """Return the settings in the file, or None if it is missing. Raises BadConfiguration."""
    try:
        text, values = read_config_file(file)
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


def _problem(item: ErrorDetails, all_given: Mapping[str, Given]) -> str:
    name = str(item["loc"][0])
    given = all_given.get(name) or Given(str(item["input"]), "default", f"the default of {option(name)}")
    if item["type"] == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`workspaced config sample` shows all settings"
        return f"{given.place}: there is no such setting ({hint})"
    if item["type"] == "value_error":  # from a validator above; pydantic adds a prefix
        reason = item["msg"].removeprefix("Value error, ").removesuffix(".")
        return f"{given.place}: {_shown(given.value)}: {reason}"
    return f"{given.place}: {_shown(given.value)}, but it must be {allowed(name)}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= 100 else f"{text[:99]}…"
    return f"it is “{text}”" if text.isprintable() else f"it is {text!r}"
