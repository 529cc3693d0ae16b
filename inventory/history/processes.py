"""Identify the process that holds a lease, also after its process id was reused."""

import os
import socket
import uuid
from pathlib import Path


def host_id() -> str:
    """Return the name of this host with its boot and PID namespace: process ids are unique within one such value.

    Earlier versions wrote it without the boot and measured start times differently, so their leases count as those
    of another host.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # these files exist on Linux only
        namespace = boot = ""
    return f"{socket.gethostname()}/{uuid.getnode():x}/{namespace}/{boot}"


def start_time(pid: int) -> float | None:
    """Return when a process started, in clock ticks since the boot: a change of the clock does not affect it.

    Return None if it is unknown: the process is gone, /proc hides it, or the system is not Linux.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # field 2, the name in brackets, may itself contain blanks and brackets: count from its last bracket
    return float(stat.rpartition(b")")[2].split()[19])


def is_dead(pid: int, started: float | None) -> bool:
    """Return whether the process of this host that started then is gone. `started` is a `start_time`.

    A process with the same id and another start time is a different process.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists and belongs to another user
    now = start_time(pid)
    return now is not None and started is not None and now != started
