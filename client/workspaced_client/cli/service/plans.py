"""The plan of each command, as steps: made from the current state, before anything is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.service.manager import Condition, Manager, ServiceFile, State
from workspaced_client.cli.service.running_daemon import (
    another_daemon,
    data_directory,
    wait_until_data_is_free,
)
from workspaced_client.cli.service.steps import Step, remove, write


@dataclass(frozen=True)
class Plan:
    """The steps of a command; `outcome` is their result, or the reason for none."""

    steps: Sequence[Step]
    outcome: str
    expects_answer: bool = False
    """Whether the daemon should answer afterwards."""
    obstacle: Failure | None = None
    """The reason to do none of it at present."""


@dataclass(frozen=True)
class Service:
    """The service on this machine."""

    manager: Manager
    socket: Path
    """The socket of its daemon."""
    end_seconds: float
    """The time for a stopped daemon to free its data."""
    absence: Failure | None = None
    """The reason why this machine lacks the manager: its plans can only be shown."""

    def state(self) -> State:
        """Return the current state; that of a service that never was, without a manager."""
        return State("no manager") if self.absence is not None else self.manager.state()

    def stop(self, state: State) -> list[Step]:
        """Return the steps that stop it, and wait until its data is free."""
        data_dir = data_directory(self.socket, state)
        return [*self.manager.stop(), wait_until_data_is_free(data_dir, self.end_seconds)]


def install(service: Service, *, force: bool) -> Plan:
    """Plan to write the files that are not up to date, and to run the service; an outdated daemon is replaced."""
    state = service.state()
    changed = [each for each in service.manager.files if each.condition is not Condition.CURRENT]
    obstacle = None if force else _not_ours(changed, "add --force to replace it")
    obstacle = obstacle or service.absence or another_daemon(service.manager, service.socket, state)
    steps: list[Step] = []
    # A manager can't start to listen while the daemon runs.
    if not state.is_stopped and (changed or not state.is_listening):
        steps += service.stop(state)
        state = state.after_stop()
    if changed:
        steps += [write(each.path, each.text) for each in changed]
        steps += service.manager.reload()
    if changed or not (state.is_enabled and state.is_running and state.is_listening):
        steps += service.manager.enable(state)
    if not steps:
        return Plan([], "The service is installed already: nothing to do.", expects_answer=True)
    outcome = "The service is installed, and starts when you log in."
    return Plan(steps, outcome, expects_answer=True, obstacle=obstacle)


def uninstall(service: Service, *, force: bool) -> Plan:
    """Plan to stop the service and remove its files; the data stays."""
    present = [each for each in service.manager.files if each.condition is not Condition.MISSING]
    if not present:
        return Plan([], "The service is not installed: nothing to do.")
    obstacle = None if force else _not_ours(present, "remove it yourself, or add --force")
    obstacle = obstacle or service.absence
    state = service.state()
    data_dir = data_directory(service.socket, state)
    steps: list[Step] = []
    if not state.is_stopped:
        steps += service.stop(state)
    steps += service.manager.disable(present)
    steps += [remove(each.path) for each in present]
    steps += service.manager.reload()
    return Plan(steps, f"The service is removed. The data stays in {data_dir}.", obstacle=obstacle)


def start(service: Service) -> Plan:
    """Plan to start the service."""
    state = service.manager.state()
    _require_known(state)
    if state.is_running and state.is_listening:
        return Plan([], "The service runs already: nothing to do.", expects_answer=True)
    obstacle = another_daemon(service.manager, service.socket, state)
    return Plan(_anew(service, state), "The service is started.", expects_answer=True, obstacle=obstacle)


def stop(service: Service) -> Plan:
    """Plan to stop the service until the next login or start, and to free the data."""
    state = service.manager.state()
    if state.is_stopped:
        return Plan([], "The service does not run: nothing to do.")
    later = " It starts again when you log in." if state.is_enabled else ""
    return Plan(service.stop(state), f"The service is stopped.{later}")


def restart(service: Service) -> Plan:
    """Plan to replace the running daemon, or to start one."""
    state = service.manager.state()
    _require_known(state)
    obstacle = another_daemon(service.manager, service.socket, state)
    steps = service.manager.restart() if state.is_running and state.is_listening else []
    steps = steps or _anew(service, state)
    return Plan(steps, "The service is restarted.", expects_answer=True, obstacle=obstacle)


def _anew(service: Service, state: State) -> list[Step]:
    if state.is_running:
        return [*service.stop(state), *service.manager.start(state.after_stop())]
    return service.manager.start(state)


def _require_known(state: State) -> None:
    if not state.is_known:
        raise Failure(
            "The service is not installed.", kind="notInstalled", hint="Try: workspacectl service install"
        )


def _not_ours(files: Sequence[ServiceFile], advice: str) -> Failure | None:
    for each in files:
        if each.condition is Condition.FOREIGN:
            return Failure(
                f"`workspacectl service install` did not write {each.path}: look at it, then {advice}.",
                kind="notOurs",
            )
    return None
