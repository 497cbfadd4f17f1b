"""`workspacectl doctor`: checks of everything that the daemon and its clients need, with advice.

It needs no running daemon, and asks one that runs. No check changes anything, or holds the daemon up.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from workspaced_client import DaemonStatus
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import (
    coloured,
    count,
    emit,
    emit_json,
    shown,
    shown_sentence,
)
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_client.cli.doctor import database, etcd
from workspaced_client.cli.doctor.data_directory import check_directory
from workspaced_client.cli.doctor.endpoint import (
    check_daemon,
    check_socket,
    check_socket_directory,
    reach,
)
from workspaced_client.cli.doctor.environment import check_configuration, check_git, check_python
from workspaced_client.cli.doctor.finding import Finding
from workspaced_client.cli.doctor.lock_owner import check_lock, check_path
from workspaced_client.cli.doctor.pending_recovery import check_recovery
from workspaced_client.cli.doctor.store_files import check_number, checks_by_daemon, checks_without_daemon
from workspaced_client.cli.doctor.store_kind import check_kind
from workspaced_protocol import paths

_COLOURS: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(options: Options, data_dir: str | None) -> int:
    """Check the installation, and show how to fix each problem."""
    findings = list(_findings(options, data_dir))
    problems = sum(each.status == "problem" for each in findings)
    if options.as_json:
        emit_json(findings)
    else:
        for each in findings:
            if each.status != "ok" or not options.quiet:
                _tell(each)
        warnings = sum(each.status == "warning" for each in findings)
        if not options.quiet:
            emit(f"\n{_summary(problems, warnings)}")
    return 1 if problems else 0


def _tell(finding: Finding) -> None:
    label = coloured(f"{finding.status:<7}", _COLOURS[finding.status])
    emit(f"{label}  {finding.name}: {shown_sentence(finding.message)}")
    if finding.advice:
        emit(f"{'':7}  -> {shown(finding.advice)}")  # whole: it may hold a command to copy


def _summary(problems: int, warnings: int) -> str:
    if problems:
        return f"{count(problems, 'problem')}, {count(warnings, 'warning')}."
    return f"No problem, {count(warnings, 'warning')}." if warnings else "All is well."


def _findings(options: Options, given_data_dir: str | None) -> Iterator[Finding]:
    daemon = reach(options)
    data_dir = _data_dir(given_data_dir, daemon.status)
    status = daemon.status if daemon.status and _is_same(data_dir, Path(daemon.status.data_dir)) else None
    yield check_python()
    in_configuration, choice = check_configuration()
    yield in_configuration
    yield check_daemon(daemon, data_dir, owns_it=status is not None)
    in_socket_directory = check_socket_directory(daemon)
    if in_socket_directory is not None:
        yield in_socket_directory
    yield check_socket(daemon)
    path_finding = check_path(daemon.socket, daemon.status)
    if path_finding is not None:
        yield path_finding
    yield from check_directory(data_dir)
    yield check_lock(data_dir, daemon.socket, status)
    in_kind = check_kind(data_dir, choice) if status is None else None  # the daemon may have other settings
    if in_kind is not None:
        yield in_kind
    if etcd.is_in_etcd(data_dir, choice):
        yield from etcd.checks(data_dir)
        if status is not None and daemon.store is not None:
            yield etcd.check_by_daemon(daemon.store)
            yield check_recovery(status.recovery)
        yield check_git()
        return
    is_database = database.is_database(data_dir, daemon.store if status is not None else None)
    if status is not None and daemon.store is not None:
        if is_database:
            yield database.check_by_daemon(daemon.store)
        else:
            yield from checks_by_daemon(daemon.store, status.revision)
            yield from check_number(status.workspaces)
        yield check_recovery(status.recovery)
    else:
        yield from database.checks_alone(data_dir) if is_database else checks_without_daemon(data_dir)
    yield check_git()


def _data_dir(given: str | None, status: DaemonStatus | None) -> Path:
    """Return the directory given, else the running daemon's, else the one that a new daemon would use."""
    if given:
        return Path(absolute_path(given))
    if status is not None:
        return Path(status.data_dir)
    try:
        return Path(paths.data_dir())
    except paths.UnusablePath:  # the check of the configuration reports it
        return Path(paths.default_data_dir())


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other
