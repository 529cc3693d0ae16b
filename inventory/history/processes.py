"""Find out whether the process that holds a lease is still alive, even if another process has its id by now."""

import os
import socket
import uuid
from pathlib import Path


def host_id() -> str:
    """Return a text that names this host, its present boot, and the PID namespace of this process.

    Among the running processes that have the same text, each process id is unique. Earlier versions of this program
    left out the boot, and measured start times differently. So a lease that such a version wrote counts as a lease
    of another host.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # these files exist on Linux only
        namespace = boot = ""
    # the address of a network card; if the host has none, getnode() makes up another number in each process
    node = "" if boot else f"{uuid.getnode():x}"
    return f"{socket.gethostname()}/{node}/{namespace}/{boot}"


def start_time(pid: int) -> float | None:
    """Return when a process started, in clock ticks since the boot. Setting the clock does not change this number.

    Return None if the start time is unknown: the process is gone, /proc hides it, or the system is not Linux.
    """
    return _read_stat(pid)[1]


def _read_stat(pid: int) -> tuple[bytes, float | None]:
    """Return the state of a process, and the start time that `start_time` returns. An unknown state is empty."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return b"", None
    # field 2, the name in brackets, may itself contain blanks and brackets: count from its last bracket
    fields = stat.rpartition(b")")[2].split()
    return fields[0], float(fields[19])


def is_dead(pid: int, started: float | None) -> bool:
    """Return whether a process of this host is gone. `started` is what `start_time` returned for it earlier.

    If a process with the same id exists, but has another start time, that is a different process. If one of the two
    start times is unknown, an existing process counts as the same. A zombie is gone: it only waits for its parent.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists and belongs to another user
    state, now = _read_stat(pid)
    return state == b"Z" or (now is not None and started is not None and now != started)
