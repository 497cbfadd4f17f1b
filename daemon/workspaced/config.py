"""The daemon's settings: the one place that reads the environment and the configuration file."""

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from workspaced.git import ALLOWED_PROTOCOLS, TIMEOUT_SECONDS
from workspaced.path_checks import CHECK_SECONDS
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.store.backups import Retention
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.paths import UnusablePath, check_socket_path, default_data_dir, default_socket_path

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]

_ENV_PREFIX = "WORKSPACED_"


class BadConfiguration(Exception):
    """Settings that can't be used; the message names each of them, and where it stands."""


class Settings(BaseSettings):
    """What can be set, by argument, by environment (WORKSPACED_…) or in the file, in that order of strength."""

    model_config = SettingsConfigDict(
        env_prefix=_ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default_factory=default_data_dir, description="Where the data is kept.")
    socket: Path = Field(default_factory=default_socket_path, description="Where the daemon listens.")
    log_level: LogLevel = Field("info", description="How much is logged.")
    log_format: LogFormat = Field("console", description="For people, or one JSON object a line.")
    max_line_bytes: int = Field(
        MAX_LINE_BYTES, ge=1024, le=64 * 1024 * 1024, description="The longest line that a client may send."
    )
    backups_hourly: int = Field(24, ge=0, le=1000, description="For how many hours an hourly backup is kept.")
    backups_daily: int = Field(30, ge=0, le=1000, description="For how many days a daily backup is kept.")
    slow_request_ms: float = Field(
        SLOW_REQUEST_MS,
        gt=0,
        le=24 * 60 * 60 * 1000,
        description="From when on a request is slow, and is logged.",
    )

    @property
    def retention(self) -> Retention:
        """Which of the automatic backups are kept."""
        return Retention(self.backups_hourly, self.backups_daily)

    @field_validator("data_dir", "socket", mode="before")
    @classmethod
    def _given(cls, path: object) -> object:
        if path == "":
            raise ValueError("the path is empty: give one, or leave the setting out")
        return path

    path_check_seconds: float = Field(
        CHECK_SECONDS, gt=0, le=60, description="How long a project's directory may take to answer."
    )
    git_timeout_seconds: float = Field(
        TIMEOUT_SECONDS, gt=0, le=24 * 60 * 60, description="How long one clone may take."
    )
    git_allowed_protocols: str = Field(
        ":".join(ALLOWED_PROTOCOLS),
        pattern=r"^[a-z0-9+.-]+(:[a-z0-9+.-]+)*$",
        description="The protocols that may be cloned by, separated by colons, as in GIT_ALLOW_PROTOCOL.",
    )

    @field_validator("data_dir", "socket")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if "\0" in str(path):
            raise ValueError("no path can hold a NUL character")
        try:
            return Path(os.path.abspath(path.expanduser()))  # resolve() would follow links the user chose
        except RuntimeError as error:
            raise ValueError(f"{path} names a home directory that there is not") from error

    @field_validator("socket")
    @classmethod
    def _short_enough(cls, path: Path) -> Path:
        try:
            return check_socket_path(path)
        except UnusablePath as error:
            raise ValueError(str(error)) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(arguments: dict[str, object], config_file: Path | None) -> Settings:
    """The settings in force. Raises BadConfiguration.

    `arguments` are those given on the command line; `config_file` must exist where it is given.
    """
    if config_file is not None and not config_file.is_file():
        raise BadConfiguration(f"There is no configuration file {config_file}: check --config.")
    file = config_file or Path(platformdirs.user_config_dir("workspaced", appauthor=False)) / "config.toml"

    class SettingsOfFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return SettingsOfFile(**arguments)  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as error:
        raise BadConfiguration(_describe(error, arguments, file)) from error
    except ValueError as error:  # tomllib.TOMLDecodeError, and a file that is not UTF-8
        raise BadConfiguration(f"{file} can't be read: {error}.") from error
    except OSError as error:
        raise BadConfiguration(f"{file} can't be read: {error.strerror}.") from error


def _describe(error: ValidationError, arguments: dict[str, object], file: Path) -> str:
    problems: list[str] = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        if name in arguments:
            where = f"--{name.replace('_', '-')}"
        elif variable := _variable(name):
            where = variable
        else:
            where = f"`{name}` in {file}"
        problems.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)


def _variable(name: str) -> str | None:
    """The environment's variable of a setting, however it is written (they are read without regard to case)."""
    wanted = f"{_ENV_PREFIX}{name}".upper()
    return next((variable for variable in os.environ if variable.upper() == wanted), None)
