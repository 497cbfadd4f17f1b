"""Doctor's checks of the data directory: permissions, file system, free space, left-over files."""

import os
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from workspaced_client.cli.base.failures import reason
from workspaced_client.cli.base.output import count
from workspaced_client.cli.doctor.finding import (
    Finding,
    belongs_to_another,
    missing_directory,
    mode_of,
    ok,
    problem,
    warning,
)
from workspaced_protocol import mounts
from workspaced_protocol.datadir import BACKUPS, FILES, MIGRATION, QUARANTINE, is_temp

_NAME = "data directory"
_MIB: Final = 1024 * 1024
_LITTLE_SPACE_BYTES: Final = 256 * _MIB
_NO_SPACE_BYTES: Final = 8 * _MIB  # a commit needs each of the two files twice, and some room
_NAMED_FILES: Final = 3
_LEFT_OVER_SECONDS: Final = 60.0  # a newer file may belong to a commit in progress


def check_directory(data_dir: Path) -> Iterator[Finding]:
    """Run all checks of the directory, or only the first if it does not exist."""
    try:
        status = os.stat(data_dir)
    except FileNotFoundError:
        yield missing_directory(_NAME, data_dir, "--data-dir")
        return
    except OSError as error:
        yield problem(_NAME, f"{data_dir} can't be accessed: {reason(error)}.", "Fix its permissions.")
        return
    yield _check_permissions(data_dir, status)
    if not stat.S_ISDIR(status.st_mode):
        return
    yield from _check_file_system(data_dir)
    yield from _check_space(data_dir)
    yield from _check_left_overs(data_dir)
    yield from _check_migration(data_dir)
    yield from _check_directories_of_copies(data_dir)
    yield _check_modes(data_dir)


def _check_permissions(data_dir: Path, status: os.stat_result) -> Finding:
    if not stat.S_ISDIR(status.st_mode):
        return problem(
            _NAME, f"{data_dir} is not a directory.", "Move it away, or choose another --data-dir."
        )
    if belongs_to_another(status):
        return problem(_NAME, f"{data_dir} belongs to another user.", "Choose another --data-dir.")
    mode = mode_of(status)
    if stat.S_IMODE(status.st_mode) & 0o777 != 0o700:
        message = (
            f"{data_dir} has mode {mode}, not 0700: other users may read it, or you may not write to it."
        )
        return problem(_NAME, message, f"chmod 700 '{data_dir}'")
    if not os.access(data_dir, os.W_OK | os.X_OK):
        return problem(_NAME, f"{data_dir} can't be written to.", "Is it mounted read-only?")
    return ok(_NAME, f"{data_dir} (mode {mode}).")


def _check_file_system(data_dir: Path) -> Iterator[Finding]:
    """Check the file system, on Linux only: other systems have no readable table of mounts, and no tmpfs."""
    try:
        table = Path(mounts.TABLE).read_bytes()
    except OSError:
        return
    kind = mounts.file_system_of(os.fsencode(os.path.realpath(data_dir)), table)
    doubt = mounts.doubt_about(kind)
    if doubt:
        yield warning("file system", f"{data_dir} is on {kind}: {doubt}.", mounts.ADVICE)
    elif kind:
        yield ok("file system", f"{kind}.")


def _check_space(data_dir: Path) -> Iterator[Finding]:
    name = "free space"
    try:
        space = os.statvfs(data_dir)
    except OSError as error:
        yield problem(name, f"Unknown for {data_dir}: {reason(error)}.", "Check the disk.")
        return
    free = space.f_bavail * space.f_frsize
    told = _size(free)
    advice = "Free some space on that disk."
    if space.f_files and not space.f_favail:
        yield problem(name, "The file system of the data directory has no room for more files.", advice)
    elif free < _NO_SPACE_BYTES:
        yield problem(name, f"Only {told} left: writes will fail.", advice)
    elif free < _LITTLE_SPACE_BYTES:
        yield warning(name, f"Only {told} left.", advice)
    else:
        yield ok(name, f"{told}.")


def _size(size_bytes: int) -> str:
    """Return a number of bytes in MiB or GiB."""
    mib = size_bytes / _MIB
    return f"{mib / 1024:,.1f} GiB" if mib >= 1024 else f"{mib:,.1f} MiB"


def _check_left_overs(data_dir: Path) -> Iterator[Finding]:
    name = "temporary files"
    old: list[str] = []
    try:
        for entry in os.scandir(data_dir):
            if is_temp(entry.name):
                try:
                    age_seconds = time.time() - entry.stat(follow_symlinks=False).st_mtime
                except FileNotFoundError:
                    continue
                if age_seconds > _LEFT_OVER_SECONDS:
                    old.append(entry.name)
    except OSError as error:
        yield problem(name, f"{data_dir} can't be listed: {reason(error)}.", f"chmod 700 '{data_dir}'")
        return
    if old:
        message = f"Left over from an interrupted write: {', '.join(sorted(old))}."
        yield warning(name, message, "They do no harm; the daemon removes them when it starts.")
    else:
        yield ok(name, "None left over.")


def _check_migration(data_dir: Path) -> Iterator[Finding]:
    if os.path.lexists(data_dir / MIGRATION):
        told = f"A migration to another kind of store is under way, or was stopped: {MIGRATION} names the store that serves."
        advice = "If none runs, start the daemon, which takes away what is left of it: workspaced run"
        yield warning("migration", told, advice)


def _check_directories_of_copies(data_dir: Path) -> Iterator[Finding]:
    """Report a file or a link in the place of `backups` or `quarantine`. A missing one is made when it is needed."""
    needed_for = {BACKUPS: "backups fail", QUARANTINE: "writes fail after a file of the store was edited"}
    for name, failing in needed_for.items():
        path = data_dir / name
        try:
            status = path.lstat()
        except OSError:
            continue  # missing; an unusable data directory is reported above
        if not stat.S_ISDIR(status.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no directory"
            yield problem(name, f"{path} is {what}: {failing}.", "Move it away.")


def _check_modes(data_dir: Path) -> Finding:
    """Check that the store's files and copies are for their owner alone, whatever the directory's mode is."""
    name = "permissions"
    open_files = [
        f"{path.relative_to(data_dir)} ({mode_of(status)})"
        for path, status in _own_files(data_dir)
        if stat.S_IMODE(status.st_mode) & 0o077
    ]
    if not open_files:
        return ok(name, "The store's files and copies are yours alone.")
    more = len(open_files) - _NAMED_FILES
    named = ", ".join(open_files[:_NAMED_FILES]) + (f" and {count(more, 'more file')}" if more > 0 else "")
    return warning(
        name,
        f"Other users have permissions for files of the store: {named}.",
        f"chmod -R go-rwx {shlex.quote(str(data_dir))}",
    )


def _own_files(data_dir: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the store's files, and the directories of copies with theirs. What can't be seen, others report."""
    for name in (*FILES, BACKUPS, QUARANTINE):
        path = data_dir / name
        try:
            status = path.lstat()
            inside = sorted(path.iterdir()) if stat.S_ISDIR(status.st_mode) else []
            found = [(path, status), *((each, each.lstat()) for each in inside)]
        except OSError:
            continue
        yield from (each for each in found if not stat.S_ISLNK(each[1].st_mode))
