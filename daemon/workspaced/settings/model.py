"""The settings of the daemon: their types, their defaults, their limits, and a description of each for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from workspaced.host.git import ALLOWED_PROTOCOLS, TIMEOUT_SECONDS
from workspaced.host.path_checks import CHECK_SECONDS
from workspaced.process.log import LogLevel
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.store.backups import Retention
from workspaced.store.kinds import Choice
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.paths import default_data_dir, default_socket_path

LogFormat = Literal["console", "json"]

NEED_RESTART: Final = frozenset({"data_dir", "socket", "store", "log_format"})
"""The settings that need a restart. All others are reloaded at SIGHUP."""

DEFAULT_PATHS: Final[Mapping[str, Callable[[], str]]] = {
    "data_dir": default_data_dir,
    "socket": default_socket_path,
}
"""The settings that are paths: their defaults depend on the environment."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. An argument overrides the environment (WORKSPACED_…), and that the configuration file.

    The metadata of a field are its limits and its description, in the words of pydantic, which checks given values.
    """

    data_dir: Path = field(
        metadata={"description": "The data directory.", "examples": ["~/.local/share/workspaced"]}
    )
    socket: Path = field(
        metadata={
            "description": "The socket on which the daemon listens.",
            "examples": ["~/.local/state/workspaced/workspaced.sock"],
        }
    )
    store: Choice = field(
        default="auto",
        metadata={
            "description": "The kind of store: two JSON files, or a SQLite database for thousands of workspaces. “auto” "
            "is what the data directory holds, and JSON if it is empty."
        },
    )
    autostart: bool = field(
        default=True,
        metadata={
            "description": "Whether workspacectl and apps start the daemon where none runs. It is for them: the daemon "
            "only checks it."
        },
    )
    log_level: LogLevel = field(
        default="info", metadata={"description": "The lowest level of log lines that are written."}
    )
    log_format: LogFormat = field(
        default="console",
        metadata={"description": "The format of the log: for people, or one JSON object a line."},
    )
    slow_request_ms: float = field(
        default=SLOW_REQUEST_MS,
        metadata={
            "gt": 0,
            "le": 24 * 60 * 60 * 1000,
            "description": "The number of milliseconds from which on a request is logged as slow.",
        },
    )
    max_line_bytes: int = field(
        default=MAX_LINE_BYTES,
        metadata={
            "ge": 1024,
            "le": 64 * 1024 * 1024,
            "description": "The maximum length of a line from a client, in bytes.",
        },
    )
    backups_hourly: int = field(
        default=24,
        metadata={
            "ge": 0,
            "le": 1000,
            "description": "The number of hourly backups to keep: the newest of each hour.",
        },
    )
    backups_daily: int = field(
        default=30,
        metadata={
            "ge": 0,
            "le": 1000,
            "description": "The number of daily backups to keep: the newest of each day.",
        },
    )
    path_check_seconds: float = field(
        default=CHECK_SECONDS,
        metadata={
            "gt": 0,
            "le": 60,
            "description": "The time limit for checking a project's directory, in seconds.",
        },
    )
    git_timeout_seconds: float = field(
        default=TIMEOUT_SECONDS,
        metadata={
            "gt": 0,
            "le": 24 * 60 * 60,
            "description": "The time limit of one clone, in seconds.",
        },
    )
    git_allowed_protocols: str = field(
        default=":".join(ALLOWED_PROTOCOLS),
        metadata={
            "pattern": r"^[a-z0-9+.-]+(:[a-z0-9+.-]+)*$",
            "description": "The protocols that git may clone by, as in GIT_ALLOW_PROTOCOL. Your own settings of git "
            "hold too.",
        },
    )

    @property
    def retention(self) -> Retention:
        """The retention of automatic backups."""
        return Retention(self.backups_hourly, self.backups_daily)

    def by_name(self) -> dict[str, object]:
        """Return the settings by name, as JSON values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


# Any: the types of the fields' values differ.
FIELDS: Final[Mapping[str, Any]] = {each.name: each for each in fields(Settings)}
"""The fields of `Settings` by name, in their order."""


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
