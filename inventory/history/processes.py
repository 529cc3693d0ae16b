"""Which process of which host holds a lease."""

import socket
import uuid
from pathlib import Path


def host_id() -> str:
    """Return what a process id and a start time are unique in: the host, since its boot, and the container.

    Earlier versions wrote it without the boot, and another kind of start time: their leases are those of another host.
    """
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # no such files but on Linux
        processes = boot = ""
    return f"{socket.gethostname()}/{uuid.getnode():x}/{processes}/{boot}"


def process_started(pid: int) -> float | None:
    """Return when a process started, in clock ticks since the boot, which no step of the clock changes.

    None where it cannot be told: the process is gone, /proc hides it, or the system is not Linux.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # the fields from the third on; the second, the name in brackets, may hold blanks and brackets
    return float(stat.rpartition(b")")[2].split()[19])
