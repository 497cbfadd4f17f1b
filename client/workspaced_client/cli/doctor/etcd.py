"""Doctor's checks of a store in etcd: by `workspaced etcd`, which knows the settings and speaks to etcd, and by the daemon.

The client speaks to no etcd itself: it would need the daemon's settings, its certificates and its HTTP client.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from workspaced_client import DaemonError, StoreCheck
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.installation import executable
from workspaced_client.cli.base.programs import run_program
from workspaced_client.cli.doctor.finding import Finding, marked_kind, ok, problem
from workspaced_protocol.datadir import JOINED

_NAME: Final = "etcd"

_PROGRAM_SECONDS: Final = 60.0
"""Longer than several members take that do not answer."""


def is_in_etcd(data_dir: Path, choice: str) -> bool:
    """Return whether the store is in etcd: as the directory tells, else as the settings do; `choice` is their `store`."""
    kind = marked_kind(data_dir)
    if kind is not None:
        return kind == "etcd"
    return choice == "etcd" or os.path.lexists(data_dir / JOINED)


def checks(data_dir: Path) -> Iterator[Finding]:
    """Check the way to etcd, its members and the store there."""
    try:
        command = (str(executable()), "etcd", "--json", "--data-dir", str(data_dir))
        result = run_program(*command, seconds=_PROGRAM_SECONDS)
    except Failure as error:
        yield problem(_NAME, f"workspaced could not look: {error}", "Install workspaced again.")
        return
    try:
        yield from msgspec.json.decode(result.out, type=list[Finding])
    except msgspec.DecodeError:  # a line on stderr tells why there are no findings
        told = result.err.strip().removeprefix("workspaced: ") or f"workspaced ended with {result.code}."
        yield problem(_NAME, told, "Fix that: no daemon starts until then.")


def check_by_daemon(found: StoreCheck | DaemonError) -> Finding:
    """Report the check of its keys by the daemon."""
    name = "store in etcd"
    if isinstance(found, DaemonError):
        return problem(name, found.message, "Fix that; until then nothing can be written.")
    reason = found.primary.reason
    if found.primary.corrupted or (reason or "").startswith("missing"):
        advice = "workspacectl flush writes it again from memory."
        return problem(name, f"It is {'damaged: ' * found.primary.corrupted}{reason}.", advice)
    if reason is not None and reason.startswith("edited"):
        return problem(
            name, f"It is {reason}.", "See who wrote it, and remove it: no daemon starts with it there."
        )
    if reason is not None:
        return problem(name, f"It is {reason}.", "Fix that; until then nothing can be written.")
    return ok(name, "Valid: the daemon has just verified it.")
