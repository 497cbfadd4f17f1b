"""How much memory a process has, as Linux tells it."""

from pathlib import Path


def memory_kb(pid: int, field: str = "VmRSS") -> int:
    """Return a field of /proc/PID/status (proc_pid_status(5)): what is held now, or by VmHWM the most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])
