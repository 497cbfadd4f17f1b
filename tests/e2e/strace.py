"""Faults in the system calls of a running process, put there by strace(1)."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_SECONDS = 30.0


def _missing() -> str:
    """Why system calls can't be met here; nothing where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (it is of Linux, and optional)"
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return f"this system does not let strace trace: {probe.stderr.decode()}" if probe.returncode else ""


needs_strace = pytest.mark.skipif(_missing() != "", reason=_missing())


@contextmanager
def injected(pid: int, calls: str, fault: str, *, path: Path | None = None) -> Generator[None]:
    """Each of the calls (of those on `path`, by name or descriptor) of the process has the fault meanwhile."""
    only = ["-P", str(path)] if path else []
    process = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), *only, "-o", os.devnull, "-e", f"inject={calls}:{fault}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        while line and " attached" not in line:
            line = process.stderr.readline()
        assert line, "strace ended before it was attached"
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)
        process.stderr.close()
