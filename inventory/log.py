"""Logging to stderr, as text for people or as JSON for machines.

After `configure`, the text of each log event passes through `redact`. The text that `say` gets does not.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, Literal, TextIO

from inventory.lean_imports import without
from inventory.masks import hide_keys

Style = Literal["text", "json"]

_secrets: set[str] = set()
_style: Style = "text"

SHORTEST_SECRET = 6
"""Texts with fewer characters than this are not hidden, because they may also occur inside ordinary words."""


def hide(secret: str) -> None:
    """Let `redact` replace this secret from now on, and also the part of the secret after its first colon.

    A secret or part that is shorter than SHORTEST_SECRET is not replaced.
    """
    _secrets.update(part for part in (secret, secret.partition(":")[2]) if len(part) >= SHORTEST_SECRET)


def redact(text: str) -> str:
    """Return the text with `***` in place of each secret that `hide` got, and of all that has the form of a key."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return hide_keys(text)


def plain(text: str, limit: int = 300) -> str:
    """Return the text as one line of at most `limit` printable characters, without secrets."""
    line = " ".join(_visible(redact(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def set_style(style: Style) -> None:
    """Set the style of what `say` writes from now on. To set the style of log events too, call `configure` instead."""
    global _style  # noqa: PLW0603 - a process has one stderr
    _style = style


def style() -> Style:
    """Return the style of lines on stderr: `text`, or `json` if each line is a JSON object."""
    return _style


def say(message: str, level: Literal["info", "warning", "error"] = "info", **more: str) -> None:
    """Write a command's message to stderr, as text or as a JSON object, in the style of log lines.

    stdout is for results. In text, each value of `more` is a further line. In JSON, each name and value of `more` is a
    further member of the object. The message is written whatever log level is configured. Secrets in the message are
    not hidden.
    """
    if style() == "json":
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = json.dumps({"event": message, "level": level, "timestamp": now} | more)
    else:
        text = "\n".join([message if level == "info" else f"{level}: {message}", *more.values()])
    sys.stderr.write(f"{text}\n")


def configure(style: Style = "text", level: str = "info") -> None:
    """Send the log events of the program and of its libraries to stderr, from `level` up.

    Some libraries log much: their events below `warning` are never sent.
    """
    set_style(style)
    handler = _StderrHandler()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "httpx_retries", "alembic", "apscheduler", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(root.level, logging.WARNING))
    _structlog.cache_clear()


class _StderrHandler(logging.StreamHandler[TextIO]):
    """A handler that looks up sys.stderr for each event, because a caller may replace sys.stderr at any time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the event to the present sys.stderr, unless a signal caused it.

        A signal raises KeyboardInterrupt. SQLAlchemy logs this exception with its traceback before it raises it again.
        A person who stops a command must not see that traceback.
        """
        if record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt):
            return
        if self.formatter is None:
            self.setFormatter(_formatter())
        self.stream = sys.stderr
        super().emit(record)


class _Logger:
    """A logger that imports structlog only at its first event.

    Most commands log no event, and the import of structlog takes long.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(_structlog().stdlib.get_logger(self._name), method)


def get(name: str) -> Any:
    """Return a logger: `log.get(__name__).info("what happened", key=value)`."""
    return _Logger(name)


_bound: ContextVar[dict[str, Any]] = ContextVar("bound", default={})  # noqa: B039 - the dict is replaced, never changed


@contextmanager
def bound(**names: Any) -> Iterator[None]:
    """Add these names and their values to every log event during the block.

    The names are added to the events of this thread, and of threads that run in a copy of the context of this thread.
    """
    before = _bound.set(_bound.get() | names)
    try:
        yield
    finally:
        _bound.reset(before)


@cache
def _structlog() -> Any:
    """Return the module structlog, set up to pass events to the handler of `configure`.

    If `configure` was not called, structlog keeps its defaults, which print events to stdout.
    """
    structlog = _import_structlog()
    if not any(isinstance(handler, _StderrHandler) for handler in logging.getLogger().handlers):
        return structlog
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return structlog


@cache
def _import_structlog() -> Any:
    """Return the module structlog, imported without Rich.

    structlog uses Rich only to draw tracebacks. The import of Rich takes 5 MB of memory and 25 ms.
    """
    with without("rich"):
        return import_module("structlog")


def _formatter() -> logging.Formatter:
    structlog = _import_structlog()
    last: Any = (
        structlog.processors.JSONRenderer()
        if style() == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    )
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_processors(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    return formatter


def _processors() -> list[Any]:
    """Return the structlog processors for each event, of this program or of a library, in the order of their calls."""
    structlog = _import_structlog()
    return [
        _merge_bound,
        _drop_repeats,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
    ]


def _merge_bound(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return _bound.get() | event


class RepeatFilter:
    """A filter for the log events of work that is repeated in rounds.

    It drops an event whose text came before in this round or in the previous one, even if the earlier event was dropped
    too. At log level `debug` it drops nothing. It never drops events of libraries. Call `start_round` before each
    round, and run the work of the round inside `bound(**repeats.names)`, where `repeats` is the filter.
    """

    def __init__(self) -> None:
        self._previous: set[str] = set()
        self._current: set[str] = set()
        self.names: dict[str, Any] = {"_repeats": self}

    def start_round(self) -> None:
        """Begin the next round of the work."""
        self._previous, self._current = self._current, set()

    def is_new(self, event: str) -> bool:
        """Return True if neither this round nor the previous one has had this text; add the text to this round."""
        new = event not in self._previous | self._current
        self._current.add(event)
        return new


def _drop_repeats(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    repeats = event.pop("_repeats", None)
    is_from_library = "_record" in event  # structlog allows no DropEvent for such an event
    if repeats is None or is_from_library or logging.root.isEnabledFor(logging.DEBUG):
        return event
    if not repeats.is_new(str(event["event"])):
        raise _structlog().DropEvent
    return event


def _redacted(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {key: _safe(key, value) for key, value in event.items()}


def _safe(key: str, value: Any) -> Any:
    if value is None or isinstance(value, int | float) or key.startswith("_"):  # `_record` belongs to structlog
        return value
    if key == "exception":  # a traceback keeps its lines
        return "\n".join(_visible(line) for line in redact(str(value)).splitlines())
    return plain(str(value))


def _visible(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
