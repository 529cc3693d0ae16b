"""Logging to stderr, as text for people or as JSON for machines. Every line passes through `redact`."""

import json
import logging
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import structlog

from inventory.masks import hide_keys

Style = Literal["text", "json"]

_secrets: set[str] = set()
_style: Style = "text"

SHORTEST_SECRET = 6
"""Shorter parts are not hidden: replacing them would garble ordinary lines."""


def hide(secret: str) -> None:
    """Let `redact` replace this secret, and the part of it after the colon, from now on."""
    _secrets.update(part for part in (secret, secret.partition(":")[2]) if len(part) >= SHORTEST_SECRET)


def redact(text: str) -> str:
    """Return the text without the secrets given to `hide`, and without anything in the form of a key."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return hide_keys(text)


def plain(text: str, limit: int = 300) -> str:
    """Return the text as one printable line: no secret, no control character, at most `limit` characters."""
    line = " ".join(_visible(redact(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def set_style(style: Style) -> None:
    """Set the style of all lines from now on."""
    global _style  # noqa: PLW0603 - a process has one stderr
    _style = style


def style() -> Style:
    """Return the style of lines on stderr: with `json` each line is a JSON object."""
    return _style


def say(message: str, level: Literal["info", "warning", "error"] = "info", **more: str) -> None:
    """Write a command's message to stderr, where it does not mix with results; as JSON if logs are JSON.

    `more` are further keys of the JSON object, or further lines. Unlike a log event, it ignores the log level.
    """
    if style() == "json":
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = json.dumps({"event": message, "level": level, "timestamp": now} | more)
    else:
        text = "\n".join([message if level == "info" else f"{level}: {message}", *more.values()])
    sys.stderr.write(f"{text}\n")


def configure(style: Style = "text", level: str = "info") -> None:
    """Send the records of every logger, also those of libraries, to stderr: one line per event."""
    set_style(style)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _drop_repeats,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    )
    handler = _StderrHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "httpx_retries", "alembic", "apscheduler", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _StderrHandler(logging.StreamHandler[TextIO]):
    """A handler that writes to the current sys.stderr, because a caller may replace that at any time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the event to sys.stderr."""
        self.stream = sys.stderr
        super().emit(record)


def get(name: str) -> Any:
    """Return a logger: `log.get(__name__).info("what happened", key=value)`."""
    return structlog.stdlib.get_logger(name)


def bound(**names: Any) -> AbstractContextManager[Any]:
    """Return a context manager that adds these names to every event of this thread and of threads with its context."""
    return structlog.contextvars.bound_contextvars(**names)


class RepeatFilter:
    """A filter for repeated work: it drops events that the previous round logged too, except at level `debug`.

    Pass `names` to `bound` around each round.
    """

    def __init__(self) -> None:
        self._previous: set[str] = set()
        self._current: set[str] = set()
        self.names: dict[str, Any] = {"_repeats": self}

    def start_round(self) -> None:
        """Begin the next round of the work."""
        self._previous, self._current = self._current, set()

    def is_new(self, event: str) -> bool:
        """Return whether neither this round nor the previous one has logged the event; remember it."""
        new = event not in self._previous | self._current
        self._current.add(event)
        return new


def _drop_repeats(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    repeats = event.pop("_repeats", None)
    is_from_library = "_record" in event  # such an event cannot be dropped here
    if repeats is None or is_from_library or logging.root.isEnabledFor(logging.DEBUG):
        return event
    if not repeats.is_new(str(event["event"])):
        raise structlog.DropEvent
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
