"""What every service manager can do with the daemon."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.service.file_texts import is_ours
from workspaced_client.cli.service.steps import Step


class Condition(StrEnum):
    """What is found where a service file goes."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    """Written by another installation or release of ours, or changed since."""
    FOREIGN = "foreign"
    """Somebody else's."""


@dataclass(frozen=True)
class ServiceFile:
    """A file that `service install` writes, with the text that this installation would write."""

    path: Path
    text: str

    @cached_property
    def condition(self) -> Condition:
        """What is there, at the first look. Raises Failure where nothing can be read."""
        try:
            found = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return Condition.MISSING
        except OSError as error:
            raise Failure(f"{self.path} can't be read: {error.strerror}.") from error
        if found == self.text:
            return Condition.CURRENT
        return Condition.OUTDATED if is_ours(found) else Condition.FOREIGN


@dataclass(frozen=True)
class State:
    """What the manager knows of the service."""

    told: str
    """In the manager's own words."""
    is_known: bool = False
    """Whether it could be started."""
    is_enabled: bool = False
    """Whether it starts at the login."""
    is_running: bool = False
    """Whether the daemon runs, or is about to."""
    is_listening: bool = False
    """Whether the manager listens for the daemon, and so starts it when a client comes."""
    has_failed: bool = False
    """Whether it ended with an error, and the manager does not try again by itself at once."""
    pid: int | None = None
    """The daemon's, where one runs."""

    @property
    def is_stopped(self) -> bool:
        """Whether no daemon runs, and no client could start one."""
        return not self.is_running and not self.is_listening

    def after_stop(self) -> "State":
        """The same once it is stopped; what has failed is still counted."""
        return replace(self, is_running=False, is_listening=False, pid=None)


class Manager(ABC):
    """A service manager. Its methods that give steps change nothing by themselves."""

    name: ClassVar[str]

    @cached_property
    def socket(self) -> Path:
        """Where it listens for the daemon, which is where clients look for that by themselves."""
        from workspaced_protocol import paths  # only here, because it loads a library that finds directories

        return paths.default_socket_path()

    @cached_property
    def files(self) -> Sequence[ServiceFile]:
        """What an installation consists of, in the order of writing. Raises Failure where parts of it are missing."""
        return self._files()

    @abstractmethod
    def _files(self) -> Sequence[ServiceFile]: ...

    @abstractmethod
    def state(self) -> State:
        """How the service is now."""

    @abstractmethod
    def reload(self) -> list[Step]:
        """For the manager to see files that were written or removed."""

    @abstractmethod
    def enable(self, state: State) -> list[Step]:
        """For the service to start at the login, and now."""

    @abstractmethod
    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """For it not to start at the login, before these files are removed."""

    @abstractmethod
    def start(self, state: State) -> list[Step]:
        """For it to start now."""

    @abstractmethod
    def stop(self) -> list[Step]:
        """For the daemon to end, and not to be started by the next client."""

    @abstractmethod
    def restart(self) -> list[Step]:
        """For a daemon that runs to be replaced while the manager listens; empty where it can't do that."""

    @abstractmethod
    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """Prints the last lines of the daemon's log, and gives an exit code."""

    @abstractmethod
    def notes(self) -> list[str]:
        """What the user should know of how the service will run."""
