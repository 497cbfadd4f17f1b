"""Stands in for systemctl, loginctl, journalctl and launchctl, as far as the command line uses them.

Run as a program, by the name in its first argument, with its state in $FAKE_STATE: what was called, which
units it has read, which are enabled, what listens, the daemon's pid. It really starts the daemon by the line in
the unit or the property list, and is no more helpful than the real ones: a unit is unknown until `daemon-reload`,
`stop` and `bootout` do not wait (systemd's next order does), and launchd makes no directory for a socket.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BOTH = ("workspaced.socket", "workspaced.service")
_DEADLINE_SECONDS = 20.0
_UNITS = Path(os.environ["HOME"]) / ".config/systemd/user"


class Marks:
    """What is remembered between two runs: a file for each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def set(self, name: str, text: str = "") -> None:
        (self._directory / name).write_text(text)

    def get(self, name: str) -> str | None:
        path = self._directory / name
        return path.read_text() if path.exists() else None

    def clear(self, name: str) -> None:
        (self._directory / name).unlink(missing_ok=True)

    def add_call(self, arguments: Sequence[str]) -> None:
        with (self._directory / "calls").open("a") as file:
            file.write(json.dumps(arguments) + "\n")


marks = Marks(Path(os.environ["FAKE_STATE"]))


def running_pid() -> int | None:
    pid = marks.get("pid")
    if pid is None:
        return None
    # A process that has ended, and that nobody has waited for, is a zombie.
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return None
    else:
        ps = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False)
        state = ps.stdout.strip()[:1]
    return None if state in ("", "Z") else int(pid)


def spawn(command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
    with open(log, "ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    marks.set("pid", str(process.pid))
    return process


def terminate() -> None:
    pid = running_pid()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)


def wait_or_exit(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit("the fake manager waited in vain")
        time.sleep(0.01)


def daemon_answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(os.path.join(os.environ["XDG_RUNTIME_DIR"], "workspaced/workspaced.sock"))
        return True
    return False


def start_service() -> None:
    """Wait until it is ready, as systemd does with Type=notify."""
    unit = marks.get("read-workspaced.service") or ""
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    command = shlex.split(line.removeprefix("ExecStart=").replace("%%", "%"))
    process = spawn(command, os.path.join(os.environ["FAKE_STATE"], "log"))
    wait_or_exit(lambda: daemon_answers() or process.poll() is not None)
    if process.poll() is not None:
        marks.set("failed", str(process.returncode))
        sys.exit("Job for workspaced.service failed because the control process exited with error code.")


def start_units(units: Sequence[str]) -> None:
    for unit in units:
        if marks.get(f"read-{unit}") is None:
            sys.exit(f"Failed to start {unit}: Unit {unit} not found.")
        if marks.get("failed") is not None:
            sys.exit(f"Failed to start {unit}: start request repeated too quickly.")
        if unit == "workspaced.socket":
            if running_pid() is not None and marks.get("listens") is None:
                sys.exit("workspaced.socket: Socket service workspaced.service already active, refusing.")
            marks.set("listens")
        elif running_pid() is None:
            start_service()


def show(unit: str) -> str:
    is_service = unit == "workspaced.service"
    pid = running_pid() if is_service else None
    is_active = pid is not None if is_service else marks.get("listens") is not None
    failed = marks.get("failed") if is_service else None
    found = {
        "Id": unit,
        "LoadState": "not-found" if marks.get(f"read-{unit}") is None else "loaded",
        "ActiveState": "failed" if failed else "active" if is_active else "inactive",
        "SubState": "running" if is_active else "dead",
        "UnitFileState": "" if marks.get(f"enabled-{unit}") is None else "enabled",
    }
    if marks.get("masked") is not None:
        found |= {"LoadState": "masked", "UnitFileState": "masked"}
    if not is_service:
        lines = (marks.get(f"read-{unit}") or "").splitlines()
        listens = [line.partition("=")[2] for line in lines if line.startswith("ListenStream=")]
        found["Listen"] = f"{''.join(listens).replace('%t', os.environ['XDG_RUNTIME_DIR'])} (Stream)"
    if is_service:
        found |= {
            "MainPID": str(pid or 0),
            "ExecMainStatus": failed or "0",
            "Result": "exit-code" if failed else "success",
        }
    return "".join(f"{name}={value}\n" for name, value in found.items())


def systemctl(verb: str, *arguments: str) -> None:
    units = [each for each in arguments if not each.startswith("-")]
    if marks.get("stopping") is not None:
        wait_or_exit(lambda: running_pid() is None)
        marks.clear("stopping")
    if verb == "is-system-running":
        print(marks.get("manager") or "running")
    elif verb == "show":
        print("\n".join(show(unit) for unit in units))
    elif verb == "daemon-reload":
        for unit in BOTH:
            if (_UNITS / unit).exists():
                marks.set(f"read-{unit}", (_UNITS / unit).read_text())
            else:
                marks.clear(f"read-{unit}")
    elif verb == "enable":
        for unit in units:
            if not (_UNITS / unit).exists():
                sys.exit(f"Failed to enable unit: Unit file {unit} does not exist.")
            marks.set(f"enabled-{unit}")
        if "--now" in arguments:
            start_units(units)
    elif verb == "disable":
        for unit in units:
            marks.clear(f"enabled-{unit}")
    elif verb == "start":
        start_units(units)
    elif verb == "stop":
        marks.clear("listens")
        marks.set("stopping")
        terminate()
        if any(marks.get(f"read-{unit}") is None for unit in units):
            print("Failed to stop a unit: not loaded.", file=sys.stderr)
            sys.exit(5)
    elif verb == "restart":
        terminate()
        wait_or_exit(lambda: running_pid() is None)
        start_units(units)
    elif verb == "is-failed":
        sys.exit(marks.get("failed") is None)
    elif verb == "reset-failed":
        marks.clear("failed")
    else:
        sys.exit(f"Unknown command verb {verb}.")


def launchctl(verb: str, *arguments: str) -> None:
    domain, _, label = arguments[0].partition("/io.")
    if domain != f"gui/{os.getuid()}" or marks.get("no-session") is not None:
        sys.exit("Could not find domain.")
    plist = marks.get("loaded")
    # What was booted out stays until its process has ended, and some time longer.
    looks_left = int(marks.get("going") or 0)
    if looks_left and running_pid() is None:
        marks.set("going", str(looks_left - 1))
        if looks_left == 1:
            marks.clear("loaded")
            plist = None
    if verb == "print":
        if label and plist is None:
            print("Could not find service.", file=sys.stderr)
            sys.exit(113)
        pid = running_pid()
        print(f"{label} = {{\n\tstate = {'running' if pid else 'not running'}")
        print(f"\tpid = {pid}\n}}" if pid else "\tlast exit code = 78: EX_CONFIG\n}")
    elif verb == "bootstrap":
        if plist is not None:
            print("Bootstrap failed: 5: Input/output error", file=sys.stderr)
            sys.exit(5)
        marks.set("loaded", arguments[1])
        load(arguments[1])
    elif verb == "kickstart" and running_pid() is None:
        load(plist or "")
    elif verb == "bootout":
        marks.set("going", "3")
        terminate()
        print("Boot-out failed: 36: Operation now in progress", file=sys.stderr)
        sys.exit(36)


def load(path: str) -> None:
    import plistlib  # only here, because it takes long to load

    job = plistlib.loads(Path(path).read_bytes())
    place = os.path.dirname(job["Sockets"]["workspaced"]["SockPathName"])
    if not os.path.isdir(place):
        sys.exit(f"{place} is not there")
    # Without the job's EnvironmentVariables: no socket is passed here, so the daemon makes its own.
    spawn(job["ProgramArguments"], job["StandardErrorPath"])


if __name__ == "__main__":
    program, *given = sys.argv[1:]
    marks.add_call([program, *given])
    if program == "systemctl":
        assert given[0] == "--user"
        systemctl(*given[1:])
    elif program == "launchctl":
        launchctl(*given)
    elif program == "loginctl":
        print(marks.get("lingers") or "no")
    elif program == "journalctl":
        log = Path(os.environ["FAKE_STATE"], "log")
        print(log.read_text() if log.exists() else "a line of the log", flush=True)
        if marks.get("pipe-breaks") is not None:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it
            os.kill(os.getpid(), signal.SIGPIPE)
