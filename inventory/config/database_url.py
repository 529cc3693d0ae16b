"""The database URL: parse it, name its file, show it without its secrets."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from inventory import log
from inventory.errors import UsageError
from inventory.masks import HARMLESS_PARAMETERS, hide_key_words, is_secret_name, mask_url


def parse_url(text: str) -> URL:
    """A SQLAlchemy URL of one of the two backends; plain `postgres://` and `postgresql://` mean psycopg 3.

    Raises UsageError, without the text, which may hold a password.
    """
    try:
        url = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", text))
    except (ArgumentError, ValueError):
        url = None
    if url is None or _is_ambiguous(text, url):
        raise UsageError(
            "The database URL cannot be read. Give one like sqlite:///inventory.db or postgresql://user@host/name "
            "(in a password, @ is written %40, / %2F, ? %3F, # %23 and : %3A)."
        )
    for secret in (url.password or "", *_parameters(url, is_secret_name)):
        log.hide(secret)
        log.hide(quote(secret, safe=""))  # as a driver may quote it
    if any(map(is_secret_name, url.query)):  # a & in a password makes a parameter of what follows
        for rest in (*_strange(url), *_parameters(url, lambda name: name in _strange(url))):
            log.hide(rest)
    backend = url.get_backend_name()
    if backend == "postgresql" and url.get_driver_name() == "psycopg":
        return url
    if backend == "sqlite" and url.get_driver_name() == "pysqlite":
        if url.database in (None, "", ":memory:"):
            raise UsageError("A SQLite database in memory keeps no history. Name a file: sqlite:///inventory.db.")
        return url
    name = hide_key_words(url.drivername)
    raise UsageError(f"{name} is not a backend of inventory. Use sqlite:///... or postgresql://...")


def _is_ambiguous(text: str, url: URL) -> bool:
    """Return whether another reading of the URL than SQLAlchemy's could take a part of it for the password.

    A password may hold a / or a ?, as SQLAlchemy lets it, while nothing else explains the @ behind it.
    """
    if url.get_backend_name() == "sqlite":
        return bool(url.host or url.username or url.password)
    before, at, after = text.partition("://")[2].partition("@")
    if not at or "@" in after:
        return bool(at)
    if url.username is None:  # then the @ must be in a parameter
        known = _parameters(url, lambda name: is_secret_name(name) or name in HARMLESS_PARAMETERS)
        return not any("@" in value for value in known)
    return re.search(r"\?.*=", before) is not None


def _parameters(url: URL, wanted: Callable[[str], bool]) -> list[str]:
    """Return the values of the URL's parameters that have such a name."""
    values = (value for name, value in url.query.items() if wanted(name))
    return [each for value in values for each in ([value] if isinstance(value, str) else value)]


def _strange(url: URL) -> list[str]:
    return [name for name in url.query if not is_secret_name(name) and name not in HARMLESS_PARAMETERS]


def render_masked(url: URL) -> str:
    """Return the whole URL, but for its secrets."""
    return (
        url.render_as_string()
        if url.get_backend_name() == "sqlite"
        else mask_url(url.render_as_string(hide_password=False))
    )


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite database, also of a `file:` URI; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)
