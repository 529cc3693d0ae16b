"""What an answer or an error of the network says, in words."""

from typing import Any

import httpx

from inventory import log


def error_message(response: httpx.Response) -> str:
    """What the API says of its error, made safe to print, with a leading ': '; or nothing."""
    error = error_member(response, "error")
    text = error.get("message") if isinstance(error, dict) else error or error_member(response, "detail")
    return f": {log.plain(text, 160)}" if isinstance(text, str) and text else ""


def error_member(response: httpx.Response, name: str) -> Any:
    """Return a member of the JSON object that an error's body is; None where it is no such object."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body.get(name) if isinstance(body, dict) else None


def describe(error: Exception) -> str:
    """Return what an error says, or else its name without our underscore."""
    return log.plain(str(error)) or type(error).__name__.lstrip("_")


def find_cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the first error of that kind among an error and those behind it."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
