"""The operations of every service manager on the daemon."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from workspaced_client.cli.base.failures import Failure, reason
from workspaced_client.cli.service.file_texts import is_ours
from workspaced_client.cli.service.steps import Step
from workspaced_protocol import paths


class Condition(StrEnum):
    """The state of a service file on disk."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    """Written by another installation or release of workspaced, or changed since."""
    FOREIGN = "foreign"
    """Not written by workspacectl."""


@dataclass(frozen=True)
class ServiceFile:
    """A file of `service install`, with the text of this installation."""

    path: Path
    text: str

    @cached_property
    def condition(self) -> Condition:
        """The file's state at the first look. Raise Failure if it can't be read."""
        try:
            found = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return Condition.MISSING
        except OSError as error:
            raise Failure(f"{self.path} can't be read: {reason(error)}.") from error
        if found == self.text:
            return Condition.CURRENT
        return Condition.OUTDATED if is_ours(found) else Condition.FOREIGN


@dataclass(frozen=True)
class State:
    """The manager's knowledge of the service."""

    told: str
    """In the manager's own words."""
    is_known: bool = False
    """Whether it can be started."""
    is_enabled: bool = False
    """Whether it starts at the login."""
    is_running: bool = False
    """Whether the daemon runs, or is about to."""
    is_listening: bool = False
    """Whether the manager listens for the daemon, and starts it for a client."""
    has_failed: bool = False
    """Whether it ended with an error, and the manager does not restart it at once."""
    pid: int | None = None
    """The daemon's pid, if one runs."""

    @property
    def is_stopped(self) -> bool:
        """Whether no daemon runs, and no client could start one."""
        return not self.is_running and not self.is_listening

    def after_stop(self) -> "State":
        """Return the state after a stop; a failure is still counted."""
        return replace(self, is_running=False, is_listening=False, pid=None)


class Manager(ABC):
    """A service manager. The methods that return steps change nothing themselves."""

    name: ClassVar[str]

    @cached_property
    def socket(self) -> Path:
        """The socket on which it listens for the daemon: the clients' default one."""
        return Path(paths.default_socket_path())

    @cached_property
    def files(self) -> Sequence[ServiceFile]:
        """The service files, in the order of writing. Raise Failure if this installation lacks one."""
        return self._files()

    @abstractmethod
    def _files(self) -> Sequence[ServiceFile]: ...

    @abstractmethod
    def state(self) -> State:
        """Return the current state of the service."""

    @abstractmethod
    def reload(self) -> list[Step]:
        """Return the steps that make the manager notice written and removed files."""

    @abstractmethod
    def enable(self, state: State) -> list[Step]:
        """Return the steps that start the service now, and at each login."""

    @abstractmethod
    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """Return the steps that end the start at each login, before these files are removed."""

    @abstractmethod
    def start(self, state: State) -> list[Step]:
        """Return the steps that start the service now."""

    @abstractmethod
    def stop(self) -> list[Step]:
        """Return the steps that stop the daemon, and keep the next client from starting it."""

    @abstractmethod
    def restart(self) -> list[Step]:
        """Return the steps that replace a running daemon while the manager listens; none if it can't do that."""

    @abstractmethod
    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """Print the last lines of the daemon's log, and return an exit code."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Return notes for the user on how the service will run."""
