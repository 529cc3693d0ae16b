"""Logs: text for people, JSON for machines, always on stderr. The one place that configures logging and redacts."""

import json
import logging
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from inventory.masks import hide_keys

Style = Literal["text", "json"]

_secrets: set[str] = set()
_style: Style = "text"

SHORTEST_SECRET = 6
"""Shorter parts are not hidden: replacing them would garble every line and hide nothing worth it."""


def hide(secret: str) -> None:
    """From now on this secret, and the part of it after the colon, is replaced in all that `redact` sees."""
    _secrets.update(part for part in (secret, secret.partition(":")[2]) if len(part) >= SHORTEST_SECRET)


def redact(text: str) -> str:
    """Return the text without any secret that `hide` was told, and without what is a key by its form."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return hide_keys(text)


def plain(text: str, limit: int = 300) -> str:
    """One line that may be printed: no secret, no control or escape character, not longer than `limit`."""
    line = " ".join(_visible(redact(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def set_style(style: Style) -> None:
    """Write in this style from now on."""
    global _style  # noqa: PLW0603 - a process has one stderr
    _style = style


def style() -> Style:
    """Return how lines are written to stderr: `json` means that each is a JSON object."""
    return _style


def say(message: str, level: Literal["info", "warning", "error"] = "info", **more: str) -> None:
    """Write what a command has to say besides its results to stderr; as JSON, if logs are JSON, with `more` keys.

    Unlike an event of a logger it is written whatever the log level.
    """
    if style() == "json":
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = json.dumps({"event": message, "level": level, "timestamp": now} | more)
    else:
        text = "\n".join([message if level == "info" else f"{level}: {message}", *more.values()])
    sys.stderr.write(f"{text}\n")


def configure(style: Style = "text", level: str = "info") -> None:
    """Send every logger's records (ours and the libraries') to stderr, one line an event."""
    set_style(style)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _new_only,
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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "httpx_retries", "alembic", "apscheduler"):
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


def get(name: str) -> Any:
    """A logger; `log.get(__name__).info("event words", key=value)`."""
    return structlog.stdlib.get_logger(name)


def bound(**names: Any) -> AbstractContextManager[Any]:
    """A while in which every event of this thread, and of threads given its context, bears these names."""
    return structlog.contextvars.bound_contextvars(**names)


class News:
    """What a work that is done again and again has to say: not what it said the last time, unless for `debug`.

    `names` are for `bound`.
    """

    def __init__(self) -> None:
        """Everything is new."""
        self._before: set[str] = set()
        self._now: set[str] = set()
        self.names: dict[str, Any] = {"_news": self}

    def turn(self) -> None:
        """The work begins again."""
        self._before, self._now = self._now, set()

    def is_new(self, event: str) -> bool:
        """Whether it was said neither this time nor the last."""
        new = event not in self._before | self._now
        self._now.add(event)
        return new


def _new_only(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    news = event.pop("_news", None)
    of_a_library = "_record" in event  # those cannot be dropped here
    if news is None or of_a_library or logging.root.isEnabledFor(logging.DEBUG):
        return event
    if not news.is_new(str(event["event"])):
        raise structlog.DropEvent
    return event


def _redacted(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {key: _safe(key, value) for key, value in event.items()}


def _safe(key: str, value: Any) -> Any:
    if value is None or isinstance(value, int | float) or key.startswith("_"):  # `_record` is structlog's own
        return value
    if key == "exception":  # a traceback keeps its lines
        return "\n".join(_visible(line) for line in redact(str(value)).splitlines())
    return plain(str(value))


def _visible(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
