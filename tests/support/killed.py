"""Run a command of `inventory` again and again, killed (SIGKILL) at its first statement or commit, then a later one.

    python killed.py EVERY COMMAND...

Of EVERY statements one is struck. Each attempt is a process of its own. After each the history is verified against
checkpoints that were taken before. It ends with the attempt that reaches its end, and prints how many were killed.
"""

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

from inventory.cli import main
from inventory.cli.app import loaded
from inventory.config.database_url import parse_url
from inventory.store import database
from inventory.sync import sync  # noqa: F401 - imported once, before the processes are forked
from support.checkpoints import check_rows, take_checkpoints

left = [0]


def strike(*_):
    """Kill this process if it is its turn."""
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(function, *arguments):
    """Call the function in a child process, and return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = function(*arguments)
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def attempt(words, kill_at):
    """Run the command; be killed at that statement."""
    left[0] = kill_at
    main(words)


def checkpoints():
    """Return a checkpoint of each log."""
    engine = database.connect(parse_url(os.environ["INVENTORY_DATABASE_URL"]))
    with database.reading(engine) as connection:
        taken = take_checkpoints(connection)
    engine.dispose()
    return taken


def verified(taken):
    """Verify the history against the checkpoints, and return 0 if it agrees."""
    engine = database.connect(parse_url(os.environ["INVENTORY_DATABASE_URL"]))
    with database.reading(engine) as connection:
        verdict = check_rows(connection, taken, allow_pruned=True)
    for each in (*verdict.breaches, *verdict.differences):
        sys.stderr.write(f"{each}\n")
    return 1 if verdict else 0


def play(every, words):
    """Play all attempts, and return the number of those that were killed. Raise AssertionError for a wrong end."""
    taken = checkpoints()
    for killed, number in enumerate(range(1, 1000, every)):
        code = in_a_child(attempt, words, number)
        assert in_a_child(verified, taken) == 0, f"the history is wrong after a kill at statement {number}"
        if code != -signal.SIGKILL:
            assert code in {0, 2}, f"{code} at statement {number}"  # 2: done by the attempt that was killed before
            return killed
    raise AssertionError("no attempt reached its end")


if __name__ == "__main__":
    loaded()
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, strike)
    sys.stdout.write(f"{play(int(sys.argv[1]), sys.argv[2:])}\n")
