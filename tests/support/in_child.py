"""Call a function in a forked child process, which may be killed (SIGKILL) before a statement or commit."""

import gc
import os
import pickle
import signal
import traceback
import warnings
from itertools import count

from sqlalchemy import event
from sqlalchemy.engine import Engine

from support import tally

KILLED = "killed"
"""What `in_child` returns if the process was killed."""


def in_child(engine, function, *, fatal=0):
    """Call `function` in a forked child process, and return what it returns. Return KILLED if the process was killed.

    If `fatal` is not 0, the process kills itself before the statement or commit with this number. Statements and
    commits of all engines are counted together, from 1. In the child, `engine` opens its own connections. No other
    thread may use `engine` when this is called.

    Raise AssertionError, with the traceback of the child, if `function` raises anything.
    """
    engine.dispose()  # two processes must not use the same connection
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside the simulator's thread
        child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(function, writer, fatal)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as answers:
            answer = answers.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if fatal and code == -signal.SIGKILL:
        tally.count("kills")
        return KILLED
    assert code == 0, f"the child process ended with {code}"
    result, error = pickle.loads(answer)
    assert error is None, error
    return result


def _be_the_child(function, writer, fatal):
    """Call `function`, write a pair to the descriptor `writer`, and end this process.

    The pair is the result of `function` and None, or None and the text of a traceback.
    """
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(300)  # a lock that another thread held at the fork would block this process for ever
        gc.disable()  # to free an object of the parent here could end a session of the parent
        if fatal:
            kill_at(fatal)
        try:
            answer = pickle.dumps((function(), None))
        except BaseException:  # noqa: BLE001 - the parent raises it
            answer = pickle.dumps((None, traceback.format_exc()))
        with os.fdopen(writer, "wb") as out:
            out.write(answer)
        os._exit(0)
    finally:
        os._exit(1)  # else the child would go on with the parent's tests


def kill_at(fatal):
    """Let this process kill itself before statement or commit number `fatal`; both are counted together, from 1."""
    numbers = count(1)

    def strike(*_):
        if next(numbers) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, strike)
