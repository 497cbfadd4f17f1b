"""The settings of the daemon: their types, their defaults, their limits, and a description of each for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, cast

from workspaced.host.git import ALLOWED_PROTOCOLS, TIMEOUT_SECONDS
from workspaced.host.path_checks import CHECK_SECONDS
from workspaced.process.log import LogLevel
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.store.backups import Retention
from workspaced.store.etcd.address import DEFAULT_PREFIX, EtcdAddress
from workspaced.store.joining import DEFAULT_ENDPOINTS, EtcdSettings
from workspaced.store.kinds import Choice
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.paths import default_data_dir, default_socket_path

LogFormat = Literal["console", "json"]

NEED_RESTART: Final = frozenset(
    {
        "data_dir",
        "socket",
        "store",
        "etcd_endpoints",
        "etcd_prefix",
        "etcd_ca_file",
        "etcd_cert_file",
        "etcd_key_file",
        "etcd_user",
        "etcd_password_file",
        "etcd_start_seconds",
        "machine",
        "log_format",
    }
)
"""The settings that need a restart. All others are reloaded at SIGHUP."""

DEFAULT_PATHS: Final[Mapping[str, Callable[[], str]]] = {
    "data_dir": default_data_dir,
    "socket": default_socket_path,
}
"""The paths that every daemon has: their defaults depend on the environment."""

OPTIONAL_PATHS: Final = ("etcd_ca_file", "etcd_cert_file", "etcd_key_file", "etcd_password_file")
"""The paths that are None where they are not given."""

PATHS: Final = (*DEFAULT_PATHS, *OPTIONAL_PATHS)
"""All settings that are paths."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. An argument overrides the environment (WORKSPACED_…), and that the configuration file.

    The metadata of a field are its limits and its description, in the words of pydantic, which checks given values; an
    example, where a file can't hold the default; and its allowed values for people, where the limits don't tell them.
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
            "description": "The kind of store: two JSON files; a SQLite database, for thousands of workspaces; or etcd, one "
            "list for several machines. “auto” is what the data directory holds, and JSON if it is empty."
        },
    )
    etcd_endpoints: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "description": 'The members of etcd, for `store = "etcd"`: any of them does, the others stand in for it. The '
            f"default is {DEFAULT_ENDPOINTS[0]}, later those that served the data directory last.",
            "allowed": "URLs such as https://devbox:2379, in the environment and as an argument separated by commas",
            "examples": [["https://devbox:2379"]],
        },
    )
    etcd_prefix: str | None = field(
        default=None,
        metadata={
            "pattern": r"^/([A-Za-z0-9._-]+/)+$",
            "max_length": 256,
            "description": "The beginning of all keys in etcd. Machines with the same prefix have one list of workspaces. "
            f"The default is {DEFAULT_PREFIX}, later the one of the store that the data directory belongs to.",
            "allowed": f"names of letters, digits and . _ - with a slash before and after each, such as {DEFAULT_PREFIX}",
            "examples": ["/workspaced/ada/"],
        },
    )
    etcd_ca_file: Path | None = field(
        default=None,
        metadata={
            "description": "The certificates of the authorities that etcd's own is checked against, in place of the "
            "system's.",
            "examples": ["~/.config/workspaced/etcd-ca.crt"],
        },
    )
    etcd_cert_file: Path | None = field(
        default=None,
        metadata={
            "description": "The certificate that this machine shows to etcd.",
            "examples": ["~/.config/workspaced/etcd-client.crt"],
        },
    )
    etcd_key_file: Path | None = field(
        default=None,
        metadata={
            "description": "The private key of that certificate, if it is in a file of its own.",
            "examples": ["~/.config/workspaced/etcd-client.key"],
        },
    )
    etcd_user: str | None = field(
        default=None,
        metadata={
            "min_length": 1,
            "max_length": 256,
            "description": "The user of etcd, with etcd_password_file.",
            "allowed": "a name of up to 256 characters",
            "examples": ["ada"],
        },
    )
    etcd_password_file: Path | None = field(
        default=None,
        metadata={
            "description": "The file that holds the password of that user.",
            "examples": ["~/.config/workspaced/etcd-password"],
        },
    )
    etcd_start_seconds: float = field(
        default=0.0,
        metadata={
            "ge": 0,
            "le": 24 * 60 * 60,
            "description": "How long a start waits for an etcd that does not answer, in seconds. With 0 it fails at once.",
        },
    )
    machine: str | None = field(
        default=None,
        metadata={
            "description": "The name of this machine for the others that share its store. The default is the host name, "
            "as it was when this machine came to the store.",
            "allowed": "1 to 253 letters, digits and . _ -, a letter or a digit first",
            "examples": ["devbox"],
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
            "allowed": "names separated by colons",
        },
    )

    @property
    def retention(self) -> Retention:
        """The retention of automatic backups."""
        return Retention(self.backups_hourly, self.backups_daily)

    @property
    def etcd(self) -> EtcdSettings:
        """The settings of the store in etcd."""
        address = EtcdAddress(
            self.etcd_endpoints or DEFAULT_ENDPOINTS,
            self.etcd_prefix or DEFAULT_PREFIX,
            self.etcd_ca_file,
            self.etcd_cert_file,
            self.etcd_key_file,
            self.etcd_user,
            self.etcd_password_file,
        )
        return EtcdSettings(
            address,
            self.machine,
            has_endpoints=self.etcd_endpoints is not None,
            has_prefix=self.etcd_prefix is not None,
        )

    def by_name(self) -> dict[str, object]:
        """Return the settings by name, as JSON values."""
        return {name: _as_json(getattr(self, name)) for name in FIELDS}


# Any: the types of the fields' values differ.
FIELDS: Final[Mapping[str, Any]] = {each.name: each for each in fields(Settings)}
"""The fields of `Settings` by name, in their order."""


def _as_json(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value
