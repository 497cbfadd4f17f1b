"""How much memory, processor time and disk a process has taken, as Linux tells it."""

from pathlib import Path


def memory_kb(pid: int, field: str = "VmRSS") -> int:
    """Return a field of /proc/PID/status (proc_pid_status(5)): what is held now, or by VmHWM the most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process so far, by all its threads, in nanosecond steps (proc(5), schedstat)."""
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent_ns += int((task / "schedstat").read_text().split()[0])
    return spent_ns / 1e9


def written_bytes(pid: int) -> int:
    """Return the bytes that a process has had written to a disk so far (proc_pid_io(5), write_bytes): whole pages."""
    told = Path(f"/proc/{pid}/io").read_text()
    return int(told.partition("\nwrite_bytes:")[2].split()[0])
