"""The reaper: it reaps the children of others, and takes no exit code from the owner of a child."""

import subprocess
import sys

import pytest

# A process of its own: the reaper would reap the children of other tests.
PROGRAM = """
import os, signal, trio
from workspaced.process.children import Children

async def main():
    children = Children()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(children.reap_others)
        own = [await children.start(["/bin/sh", "-c", f"exit {number}"]) for number in (7, 8)]
        other = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], {})
        for pid in (own[0].pid, own[1].pid, other):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        signal.raise_signal(signal.SIGCHLD)
        await trio.testing.wait_all_tasks_blocked()  # the reaper has looked
        print([await process.wait() for process in own])
        for process in own:
            children.forget(process)
        try:
            os.waitpid(other, os.WNOHANG)
        except ChildProcessError:
            print("the other one is reaped")
        nursery.cancel_scope.cancel()

import trio.testing
trio.run(main)
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="there is no reaper on macOS: launchd is PID 1 there")
def test_exit_codes_are_their_owners_and_others_are_reaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[7, 8]\nthe other one is reaped\n", "")
