"""`inventory run` in child processes, and functions that wait for a condition."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from inventory.store import database
from support.forked import Forked
from support.postgres import WAITS_FOR_A_LOCK

PROGRAM = [sys.executable, "-c", "from inventory.cli import main; main()"]
PATIENCE = 90
"""Seconds that a test waits before it fails. No correct program takes that long."""


def until(true, why=lambda: ""):
    """Call `true()` again and again until its result is true, and return the result.

    After PATIENCE seconds raise AssertionError with the text that `why()` returns.
    """
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, f"the condition did not become true {why()}"
        time.sleep(0.02)
    return found


def until_it_stays(true, seconds):
    """Wait until `true()` has been true at each call for this number of seconds."""
    since = time.monotonic()

    def stays():
        nonlocal since
        if not true():
            since = time.monotonic()
        return time.monotonic() - since > seconds

    until(stays)


def until_it_waits_for_a_lock(process, engine):
    """Wait until the process waits for a lock in the database of `engine`.

    SQLite cannot be asked. There, wait until the process has had the file open for two seconds.
    """

    def waits():
        with database.reading(engine) as connection:
            return connection.exec_driver_sql(WAITS_FOR_A_LOCK).all()

    if engine.dialect.name == "postgresql":
        until(waits)
    else:
        begun = psutil.Process(process.pid)
        until_it_stays(lambda: engine.url.database in {each.path for each in begun.open_files()}, seconds=2)


class Worker:
    """A process that runs `inventory run`, with `words` as further arguments.

    `program` is a list of words, the beginning of a command line. If it is given, it replaces `inventory`. The process
    writes its log as JSON into the file `log` in `folder`.
    """

    def __init__(self, folder, environment, *words, program=None):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._file = folder / "log"
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "INVENTORY_LOG_FORMAT": "json",
        } | environment  # fmt: skip
        with self._file.open("w") as stderr, Path(os.devnull).open("w") as nothing:
            if program is None:
                self.process = Forked(
                    ["run", *words], cwd=folder, env=environment, stdout=nothing.fileno(), stderr=stderr.fileno()
                )
            else:
                self.process = subprocess.Popen(
                    [*program, "run", *words],
                    cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=nothing, stderr=stderr,
                )  # fmt: skip

    @property
    def text(self):
        return self._file.read_text()

    def log(self, event=None, **names):
        """Return the log lines whose fields have all the values in `names`, as a list of dicts.

        If `event` is given, return only lines of this event.
        """
        lines = [json.loads(line) for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]
        wanted = {"event": event, **names} if event else names
        return [line for line in lines if all(line.get(name) == value for name, value in wanted.items())]

    def wait_for(self, event, *, count=1, **names):
        """Wait until `log(event, **names)` returns `count` lines or more, and return the lines.

        Raise AssertionError if the process ends earlier, or after PATIENCE seconds.
        """

        def there():
            ended = self.process.poll() is not None  # asked first: if the process has ended, its log is complete
            found = self.log(event, **names)
            assert len(found) >= count or not ended, self.text
            return found if len(found) >= count else None

        return until(there, lambda: self.text)

    def signal(self, number):
        self.process.send_signal(number)

    def ends(self):
        """Wait until the process ends, and return its exit code. Raise TimeoutExpired after PATIENCE seconds."""
        return self.process.wait(PATIENCE)

    def stop(self):
        """Stop the process by SIGTERM, like a service manager, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.ends()


@contextmanager
def crew():
    """Yield a function that starts a Worker and returns it.

    At the end, kill all workers and check that no log has a traceback.
    """
    workers = []

    def start(*arguments, **options):
        workers.append(Worker(*arguments, **options))
        return workers[-1]

    try:
        yield start
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.process.kill()
            worker.process.wait()
    for worker in workers:
        assert "Traceback" not in worker.text


def configuration(folder, names):
    """Write a configuration file with the accounts `names`. Return a dict of the variables that `inventory` needs.

    The variables are INVENTORY_CONFIG with the path of the file, and one variable with the key of each account.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "accounts.toml"
    file.write_text("".join(f'[[accounts]]\nname = "{name}"\napi_key_env = "KEY_{name.upper()}"\n' for name in names))
    return {"INVENTORY_CONFIG": str(file)} | {f"KEY_{name.upper()}": f"{name}:secret-{name}" for name in names}
