"""Paths that give no answer, as those on a dead network mount do."""

import contextlib
import os
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from support.waiting import PATIENCE_SECONDS


@contextlib.contextmanager
def hanging(patch: pytest.MonkeyPatch, path: Path) -> Generator[None]:
    """Give no answer to a look of this process at the directory `path`, in the `with` block."""
    look, released = os.scandir, threading.Event()

    def hang(given: str) -> object:
        if given == str(path):
            released.wait(PATIENCE_SECONDS)
        return look(given)

    with patch.context() as scandir:
        scandir.setattr(os, "scandir", hang)
        try:
            yield
        finally:
            released.set()
