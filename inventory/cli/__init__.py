"""The command line: parse, call one function, print, exit code.

Results go to stdout, all else to stderr. A failure is one line; `--debug` adds the traceback.
"""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    gc.set_threshold(100_000)  # instead of 700: nothing here makes cycles by the thousand, and looking takes a tenth
    atexit.register(gc.freeze)  # or the end looks for cycles in all that was imported: a fifth of a second
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, also while the imports go on
    try:
        code = _run(words, debug=debug)
    except KeyboardInterrupt:
        print("Stopped by a signal; nothing was begun.", file=sys.stderr)
        code = _stopped(words)
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(code)


def _run(words: list[str], *, debug: bool) -> int:
    import typer  # here, where main() catches an early Ctrl-C
    from typer.exceptions import TyperException

    from inventory import log
    from inventory.cli.app import app
    from inventory.errors import InventoryError, UsageError

    try:
        code = app(words, prog_name="inventory", standalone_mode=False)  # that of a typer.Exit, else None
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except InventoryError as error:
        return _failed(error, error.exit_code, debug=debug)
    except TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a group without a command: its help
            print(message, file=sys.stderr)
        else:
            print(f"error: {log.plain(message)} `inventory --help` shows how.", file=sys.stderr)
        return UsageError.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("Stopped by a signal; nothing more was done.", file=sys.stderr)
        return _stopped(words)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the exit does not fail again
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line, whatever happened
        name = type(error).__name__
        print(
            f"error: a fault of inventory itself: {name}: {log.plain(str(error))}. "
            "Run again with --debug to see where.",
            file=sys.stderr,
        )
        return _failed(None, 1, debug=debug)


def _stopped(words: list[str]) -> int:
    return 0 if words[:1] == ["run"] else 4  # `run` is there to be ended by a signal, however early


def _failed(error: Exception | None, code: int, *, debug: bool) -> int:
    import traceback

    from inventory import log

    if error is not None:
        print(f"error: {log.plain(str(error), 1000)}", file=sys.stderr)
    if debug:
        print(log.redact(traceback.format_exc()), file=sys.stderr)
    return code
