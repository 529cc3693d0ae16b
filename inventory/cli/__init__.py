"""The entry point of the command line: `main` runs one command and ends the process with an exit code.

Results go to stdout, all other output to stderr. A failure is one line; `--debug` adds the traceback.
"""

import atexit
import gc
import mmap
import os
import sys
import threading
from collections.abc import Sequence

from inventory.cli import output, signals
from inventory.errors import ApiError, InventoryError, UsageError, explain_host_fault

STOPPED = 130
"""The exit code that Typer returns after a KeyboardInterrupt."""

RESERVE = 4 << 20
"""The bytes of address space that are released when a command fails.

Without them, a command that lacks memory might have too little to report that, and to end without a traceback.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code.

    `arguments` are the words after the name of the program. If None, they are read from `sys.argv`.
    """
    gc.set_threshold(100_000)  # the default of 700 takes a tenth of the run time, and few cycles arise
    atexit.register(gc.freeze)  # at exit, imported objects are not searched for cycles: saves 0.2 s
    if arguments is None:
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them takes 5 ms
        gc.disable()  # until `ListedCommand.load` has imported the command: imports leave no garbage
    results = output.take_over()
    undo = signals.install()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if arguments is None:  # no caller in Python, such as a test, shares this process
        signals.guard_the_end()
        threading.excepthook = threading.__excepthook__ if debug else _thread_failed
    reserve = None
    try:
        reserve = mmap.mmap(-1, RESERVE)  # not written to, so it takes no memory
        code = _run(words)
    except BaseException as error:  # noqa: BLE001 - any error ends in one line on stderr
        if reserve is not None:
            reserve.close()
        code = _failed(error, words, debug=debug)
    sys.stdout.flush()
    if results is not None and results.failure is not None:
        from inventory import log

        reason = results.failure.strerror
        log.say(f"The results could not be written to stdout: {reason}. All other work was done.", "error")
        code = code or InventoryError.exit_code
    if arguments is not None:
        undo()
    sys.exit(code)


def _run(words: list[str]) -> int:
    from inventory import log
    from inventory.cli.app import app
    from inventory.config.sources import log_format

    log.set_style(log_format())
    with signals.raising():
        code = app(words, prog_name="inventory", standalone_mode=False)  # the code of a typer.Exit, else None
    if code == STOPPED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _failed(error: BaseException, words: list[str], *, debug: bool) -> int:
    """Print one line about the error to stderr, and return the exit code.

    If a group was called without a command, print its help instead. For a SystemExit print nothing. With `debug`, add
    the traceback to the line, unless a signal stopped the command.
    """
    if isinstance(error, SystemExit):  # Typer raises SystemExit after shell completion
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error.__cause__, EOFError):  # Typer turns any EOFError into Abort; Abort at a prompt has no cause
        error = error.__cause__
    try:
        from inventory import log

        if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":  # Typer raises Abort at a prompt
            log.say("Stopped by a signal; nothing more was done.")
            return 0 if words[:1] == ["run"] else ApiError.exit_code  # a signal is the normal end of `run`
        message, code = _described(error)
        if message.startswith("Usage:"):  # the help of a group that was called without a command
            log.say(message)
        else:
            log.say(message, "error", **({"exception": _traceback(error)} if debug else {}))
    except Exception:  # noqa: BLE001 - for example no memory or no descriptor is left for the usual message
        print(f"error: {explain_host_fault(error) or type(error).__name__}.", file=sys.stderr)
        return InventoryError.exit_code
    return code


def _described(error: BaseException) -> tuple[str, int]:
    """Return the message for stderr and the exit code of an error."""
    from typer.exceptions import TyperException

    from inventory import log
    from inventory.masks import hide_key_words

    if isinstance(error, InventoryError):
        return log.plain(str(error), 1000), error.exit_code
    if isinstance(error, TyperException):
        message = error.format_message()
        if not message.startswith("Usage:"):
            message = f"{hide_key_words(log.plain(message))} `inventory --help` shows how."
        return message, UsageError.exit_code
    if reason := explain_host_fault(error):
        return f"This host failed: {log.plain(reason)}. Nothing more was done.", InventoryError.exit_code
    what = f"{type(error).__name__}: {log.plain(str(error))}"
    return f"a fault of inventory itself: {what}. Run again with --debug to see where.", InventoryError.exit_code


def _traceback(error: BaseException) -> str:
    import traceback

    from inventory import log

    return log.redact("".join(traceback.format_exception(error)))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Log one line that says why a thread failed. Python would print a traceback."""
    from inventory import log

    error = failed.exc_value or failed.exc_type()
    name = failed.thread.name if failed.thread else None
    reason = explain_host_fault(error) or f"{type(error).__name__}: {error}"
    log.get(__name__).error("a thread failed", thread=name, reason=reason)
