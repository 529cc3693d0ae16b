"""Kill commands of `inventory` (SIGKILL) at one of their statements or commits, or after a time.

The module is also the program that does it. `killer` starts it once. Each attempt is a process that it forks, which
saves the time of the imports. A line of stdin asks for an attempt, a line of stdout is the exit code.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager


class Killer:
    """Runs commands in processes that are killed."""

    def __init__(self, process, environment):
        self._process = process
        self._environment = environment

    def __call__(self, *words, statement=0, seconds=None, bulk=None, largest_file=None, **environment):
        """Run a command and return its exit code, -9 if it was killed.

        It is killed at this statement or commit, counted from 1, or after `seconds`; with neither it lives. `bulk` is
        the number of rows from which the indexes of empty tables are dropped and made again. `largest_file` is the size
        in bytes beyond which no file can grow, as on a full disk.
        """
        wanted = {
            "words": words, "statement": statement, "seconds": seconds, "bulk": bulk, "largest_file": largest_file,
            "environment": self._environment | environment,
        }  # fmt: skip
        self._process.stdin.write(f"{json.dumps(wanted)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


WITHOUT_ROOT_BYPASS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""A prefix of a command that makes the permissions of files apply to root."""


@contextmanager
def killer(folder, environment, *, root_bypass=True):
    """Start the program and yield a Killer whose commands have this environment and folder.

    Without `root_bypass` the permissions of files apply to root too.
    """
    prefix = WITHOUT_ROOT_BYPASS if os.geteuid() == 0 and not root_bypass else []
    with (
        (folder / "killed.log").open("w") as log,
        subprocess.Popen(
            [*prefix, sys.executable, __file__], cwd=folder,
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        ) as process,
    ):  # fmt: skip
        yield Killer(process, environment)
        process.stdin.close()
    text = (folder / "killed.log").read_text()
    assert "Traceback" not in text, text


def serve():
    """Make the attempts that stdin asks for, until it ends."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from inventory.cli import main
    from inventory.cli.app import loaded
    from inventory.store import indexes
    from inventory.sync import sync  # noqa: F401 - imported once, before the processes are forked

    loaded()
    left = [0]

    def strike(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, strike)
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            left[0] = wanted["statement"]
            indexes.MANY = wanted["bulk"] or indexes.MANY
            os.environ.clear()
            os.environ.update(wanted["environment"])
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            if wanted["largest_file"] is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["largest_file"],) * 2)
            code = 99
            try:
                main(wanted["words"])
            except SystemExit as ended:
                code = ended.code or 0
            finally:
                os._exit(code)
        if wanted["seconds"] is not None:
            time.sleep(wanted["seconds"])
            os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve()
