"""Faults in the system calls of a running process, put there by strace(1)."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.waiting import PATIENCE_SECONDS


def _missing() -> str:
    """Return why system calls can't be traced here; nothing where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (it is of Linux, and optional)"
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return f"this system does not let strace trace: {probe.stderr.decode()}" if probe.returncode else ""


needs_strace = pytest.mark.skipif(_missing() != "", reason=_missing())


@contextmanager
def injected(pid: int, calls: str, fault: str, *, path: Path | None = None) -> Generator[None]:
    """Give each of these system calls of the process the fault, or those on `path` alone, in the `with` block."""
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
        process.wait(PATIENCE_SECONDS)
        process.stderr.close()
