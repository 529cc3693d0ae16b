"""Make the library of the charts, in a child process.

The library is a script that vl-convert makes with the JavaScript engine V8. In this process V8 would stop every thread
for seconds and keep 130 MB of memory. V8 also kills its process if the system refuses memory that V8 needs.
"""

import os
import subprocess
import sys
from functools import cache
from signal import Signals

from inventory.errors import InventoryError, explain_host_fault

SECONDS = 120
"""The longest time for making the script, in seconds."""

_CODE = """
import signal, sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would handle Ctrl-C only after V8 has returned
signal.alarm(int(sys.argv[1]))  # the process ends in time, also if its parent has been killed
sys.path[:] = sys.argv[2:]
from vl_convert import javascript_bundle

sys.stdout.write(javascript_bundle())
"""


@cache
def chart_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script. The first call takes seconds, later ones no time.

    The child process gets no environment variable that could hold a secret. Raise InventoryError if the child process
    fails.
    """
    options = ("-I", "-S", "-B", "-X", "utf8")  # no variables of Python, no site-packages, no .pyc files
    command = [sys.executable, *options, "-c", _CODE, str(SECONDS), *sys.path]
    passed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}  # the folder of libpython
    try:
        done = subprocess.run(  # noqa: S603 - our own code
            command, stdin=subprocess.DEVNULL, capture_output=True, env=passed, check=False
        )
    except OSError as error:
        raise _failure(f"a process for it cannot be started: {explain_host_fault(error)}") from error
    if done.returncode == 0:
        return done.stdout.decode()
    if done.returncode == -Signals.SIGALRM:
        raise _failure(f"it took longer than {SECONDS} s")
    if done.returncode < 0:
        raise _failure(f"{Signals(-done.returncode).name} ended it")
    lines = done.stderr.decode(errors="replace").splitlines()
    raise _failure(lines[-1] if lines else f"exit code {done.returncode}")


def _failure(reason: str) -> InventoryError:
    return InventoryError(
        f"The library of the charts, vl-convert, made no script: {reason}. No report was written; the history is as it "
        "was. It needs 150 MB of memory and, under systemd, MemoryDenyWriteExecute=no."
    )
