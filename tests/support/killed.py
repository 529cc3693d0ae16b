"""Kill commands of `inventory` (SIGKILL) at one of their statements or commits, or after a time."""

import time

from support.forked import Forked
from support.workers import PATIENCE


class Killer:
    """A callable that runs a command in a child process, in a folder. The call can say when to kill the process."""

    def __init__(self, folder, environment, *, root_bypass=True):
        self._folder = folder
        self._environment = environment
        self._root_bypass = root_bypass

    def __call__(self, *words, seconds=None, fatal=0, bulk=None, largest_file=None, **environment):
        """Run a command and return its exit code; -9 if the process was killed.

        The process is killed `seconds` after its start, or before the statement or commit with the number `fatal`.
        `support.forked.Forked` says what `fatal`, `bulk` and `largest_file` are.
        """
        process = Forked(
            words, cwd=self._folder, env=self._environment | environment, fatal=fatal, bulk=bulk,
            largest_file=largest_file, quick_end=True, root_bypass=self._root_bypass,
        )  # fmt: skip
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        try:
            _, err = process.communicate(PATIENCE)
        finally:
            process.kill()
            process.wait()
        assert "Traceback" not in err, err
        return process.returncode
