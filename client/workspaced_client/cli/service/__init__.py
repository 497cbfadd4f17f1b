"""`workspacectl service`: the daemon as a service of systemd or launchd."""

import os
from pathlib import Path
from typing import Final

from workspaced_client import DaemonStatus
from workspaced_client.cli.base.failures import EXIT_UNREACHABLE
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import coloured, emit, emit_json, shown
from workspaced_client.cli.service import plans
from workspaced_client.cli.service.manager import Condition, State
from workspaced_client.cli.service.plans import Plan, Service
from workspaced_client.cli.service.running_daemon import (
    END_SECONDS,
    START_SECONDS,
    ask,
    wait_until_it_answers,
)
from workspaced_client.cli.service.steps import Kind, Step
from workspaced_client.cli.service.this_machine import find_manager, manager_of_platform

_DONE: Final[dict[Kind, str]] = {
    "make": "Made",
    "write": "Wrote",
    "remove": "Removed",
    "run": "Ran",
    "wait": "Waited",
}
_WOULD: Final[dict[Kind, str]] = {
    "make": "Would make",
    "write": "Would write",
    "remove": "Would remove",
    "run": "Would run",
    "wait": "Would wait",
}
_CONDITIONS: Final = {
    Condition.MISSING: "missing",
    Condition.CURRENT: "up to date",
    Condition.OUTDATED: "of another release or installation: `workspacectl service install` renews it",
    Condition.FOREIGN: "not written by workspacectl",
}


def install(options: Options, *, dry_run: bool, force: bool) -> None:
    """Run the daemon now and at each login."""
    service = _service(options, only_shown=dry_run)
    plan = plans.install(service, force=force)
    _carry_out(options, service, plan, dry_run=dry_run, tell_notes=True)


def uninstall(options: Options, *, dry_run: bool, force: bool) -> None:
    """Stop the service and remove its files."""
    service = _service(options, only_shown=dry_run)
    _carry_out(options, service, plans.uninstall(service, force=force), dry_run=dry_run)


def start(options: Options) -> None:
    """Start the service."""
    service = _service(options)
    _carry_out(options, service, plans.start(service))


def stop(options: Options) -> None:
    """Stop the service until the next start or login."""
    service = _service(options)
    _carry_out(options, service, plans.stop(service))


def restart(options: Options) -> None:
    """Restart the daemon."""
    service = _service(options)
    _carry_out(options, service, plans.restart(service))


def status(options: Options) -> int:
    """Show the state of the service."""
    service = _service(options)
    manager, state = service.manager, service.manager.state()
    found = ask(service.socket) if state.is_running else None
    if options.as_json:
        emit_json(
            {
                "manager": manager.name,
                "state": state.told,
                "running": state.is_running,
                "enabled": state.is_enabled,
                "listening": state.is_listening,
                "pid": state.pid,
                "socket": str(service.socket),
                "files": [
                    {"path": str(each.path), "condition": each.condition.value} for each in manager.files
                ],
                "daemon": found,
            }
        )
    else:
        emit(_status_text(service, state, found))
    return 0 if state.is_running else EXIT_UNREACHABLE


def logs(options: Options, lines: int, *, follow: bool) -> int:
    """Print the last lines of the daemon's log."""
    return find_manager().show_log(lines, follow=follow, as_json=options.as_json)


def _service(options: Options, *, only_shown: bool = False) -> Service:
    """Return this machine's service; the user names its socket if that was moved.

    A plan that is only shown needs no service manager.
    """
    manager, absence = manager_of_platform()
    if absence is not None and not only_shown:
        raise absence
    socket = Path(options.socket) if options.socket else manager.socket
    return Service(manager, socket, options.patience_seconds(END_SECONDS), absence)


def _carry_out(
    options: Options, service: Service, plan: Plan, *, dry_run: bool = False, tell_notes: bool = False
) -> None:
    """Carry out the plan, or only show it, and report. Raise the plan's obstacle before a step is done."""
    if plan.obstacle is not None and not dry_run:
        raise plan.obstacle
    is_told = not options.as_json and not options.quiet
    for step in plan.steps:
        if not dry_run:
            step.act()
        if is_told or (dry_run and not options.as_json):
            _tell(step, dry_run=dry_run)
    socket, seconds = service.socket, options.patience_seconds(START_SECONDS)
    answer: DaemonStatus | None = None
    if plan.expects_answer:
        waiting = f"until the daemon answers at {socket} ({seconds:g} s at most)"
        if is_told:
            emit(f"{_WOULD['wait'] if dry_run else 'Waiting'} {shown(waiting)}")
        if not dry_run:
            answer = wait_until_it_answers(socket, seconds, service.manager.state)
    notes = [*service.manager.notes(), *_of_this_shell()] if tell_notes and service.absence is None else []
    if plan.obstacle is not None:
        notes.insert(0, f"At present, this would be refused: {plan.obstacle.message}")
    if options.as_json:
        emit_json(
            {
                "manager": service.manager.name,
                "dryRun": dry_run,
                "steps": [_as_json(step) for step in plan.steps],
                "outcome": plan.outcome,
                "daemon": answer,
                "notes": notes,
            }
        )
    elif is_told:
        if answer is not None:
            emit(f"{_answers(answer)}; its data is in {shown(answer.data_dir)}.")
        if not dry_run or not plan.steps:
            emit(shown(plan.outcome))
        for note in notes:
            emit(shown(note))


def _tell(step: Step, *, dry_run: bool) -> None:
    words = (_WOULD if dry_run else _DONE)[step.kind]
    if dry_run and step.text is not None:
        lines = "\n".join(f"    {shown(line)}".rstrip() for line in step.text.splitlines())
        emit(f"{words} {shown(step.what)}:\n{lines}")
    else:
        emit(f"{words} {shown(step.what)}")


def _as_json(step: Step) -> dict[str, str]:
    told = {"kind": step.kind, "what": step.what}
    return told if step.text is None else {**told, "text": step.text}


def _answers(status: DaemonStatus) -> str:
    return f"workspaced {shown(status.version)} answers (pid {status.pid})"


def _of_this_shell() -> list[str]:
    """Return a note about variables that this shell sets, and that the service does not see."""
    names = sorted(name for name in os.environ if name.upper().startswith("WORKSPACED_"))
    if not names:
        return []
    return [
        f"The service does not see the variables of this shell ({', '.join(names)}): use config.toml instead."
    ]


def _status_text(service: Service, state: State, found: DaemonStatus | None) -> str:
    manager = service.manager
    colour = "green" if state.is_running else "red"
    pid = f", pid {state.pid}" if state.pid else ""
    listening = f"{manager.name} listens for the daemon" if state.is_listening else "nobody listens"
    if found is not None:
        daemon = f"{_answers(found)}; its data is in {shown(found.data_dir)}"
    else:
        daemon = "does not answer" if state.is_running else "does not run"
    lines = [
        f"Service  {coloured(shown(state.told), colour)}{pid} ({manager.name})",
        f"Login    {'starts when you log in' if state.is_enabled else 'does not start by itself'}",
        f"Socket   {shown(str(service.socket))} ({listening})",
        f"Daemon   {daemon}",
    ]
    lines += [f"File     {shown(str(each.path))} ({_CONDITIONS[each.condition]})" for each in manager.files]
    return "\n".join(lines)
