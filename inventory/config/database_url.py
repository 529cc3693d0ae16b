"""The database URL: parse it, find its file, show it without its secrets."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from inventory import log
from inventory.errors import UsageError
from inventory.masks import HARMLESS_PARAMETERS, hide_key_words, is_secret_name, mask_url
from inventory.record import clean


def parse_url(text: str) -> URL:
    """Return the SQLAlchemy URL of a SQLite file or a PostgreSQL database.

    Plain `postgres://` and `postgresql://` mean the driver psycopg 3. Secrets in the URL are hidden in logs from now
    on. Raise UsageError for any other text, and for a SQLite database in memory or without the name of a file. The
    message quotes at most the scheme, because the rest of the text may hold a password.
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
        log.hide(quote(secret, safe=""))  # in the form in which a driver may quote it
    if any(map(is_secret_name, url.query)):  # if the password holds an &, what follows was parsed as another parameter
        for rest in (*_unknown(url), *_parameters(url, lambda name: name in _unknown(url))):
            log.hide(rest)
    backend = url.get_backend_name()
    if backend == "postgresql" and url.get_driver_name() == "psycopg":
        return url
    if backend == "sqlite" and url.get_driver_name() == "pysqlite":
        file = sqlite_path(url)
        if not url.database or str(file) == ":memory:" or "memory" in _parameters(url, lambda name: name == "mode"):
            raise UsageError("A SQLite database in memory keeps no history. Name a file: sqlite:///inventory.db.")
        if file is not None and (not file.name or url.database.endswith("/")):
            raise UsageError("The database URL names a folder. Name a file: sqlite:///inventory.db.")
        return url
    name = hide_key_words(url.drivername)
    raise UsageError(f"{name} is not a backend of inventory. Use sqlite:///... or postgresql://...")


def _is_ambiguous(text: str, url: URL) -> bool:
    """Return whether the text may mean another URL than `url`, for example one with a longer password.

    An @, / or ? in a password must be percent-encoded, but SQLAlchemy does not require that. So a PostgreSQL URL is
    unambiguous only if it has no @, or a single @ whose meaning is certain. The meaning is certain in two cases:

    - The URL has a user, and no `?...=` is before the @.
    - The URL has no user, and the @ is in the value of a known parameter.

    A SQLite URL is ambiguous if it has a host, a user or a password.
    """
    if url.get_backend_name() == "sqlite":
        return bool(url.host or url.username or url.password)
    before, at, after = text.partition("://")[2].partition("@")
    if not at or "@" in after:
        return bool(at)
    if url.username is None:
        name, equals, _ = before.partition("?")[2].rpartition("&")[2].partition("=")
        return not (equals and (is_secret_name(name) or name in HARMLESS_PARAMETERS))
    return re.search(r"\?.*=", before) is not None


def _parameters(url: URL, wanted: Callable[[str], bool]) -> list[str]:
    """Return all values of the URL's parameters for which `wanted` is true. It is called with the parameter's name."""
    values = (value for name, value in url.query.items() if wanted(name))
    return [each for value in values for each in ([value] if isinstance(value, str) else value)]


def _unknown(url: URL) -> list[str]:
    """Return the names of the parameters that are neither known to be harmless nor known to hold a secret."""
    return [name for name in url.query if not is_secret_name(name) and name not in HARMLESS_PARAMETERS]


def render_masked(url: URL) -> str:
    """Return the URL as text with masked secrets; `masks.NOT_SHOWN` if the place of a password is not certain."""
    if url.get_backend_name() != "sqlite":
        return mask_url(url.render_as_string(hide_password=False))
    masked = {
        clean(name): "hidden" if is_secret_name(name) else [*map(clean, [value] if isinstance(value, str) else value)]
        for name, value in url.query.items()
    }  # `clean`, because bytes that are not UTF-8 in the environment are lone surrogates here
    return url.set(database=clean(url.database or ""), query=masked).render_as_string()


def sqlite_path(url: URL) -> Path | None:
    """Return the path of a SQLite database, also from a `file:` URI; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)
