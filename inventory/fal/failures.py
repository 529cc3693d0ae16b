"""Turn error answers of the API into ApiErrors, and errors of the network into text for the user."""

import ssl
from typing import Any

import httpx

from inventory import log
from inventory.errors import ApiError, Forbidden, RateLimited, ServerError, Unauthorized

_OUTSIDE_ITS_TIME = {9, 10}
"""OpenSSL's codes X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_OF_ANOTHER_HOST = {62, 64}
"""OpenSSL's codes X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def status_error(response: httpx.Response) -> ApiError:
    """Return the ApiError for an answer whose status is not 200."""
    status, message = response.status_code, _error_message(response)
    if status == httpx.codes.UNAUTHORIZED:
        return Unauthorized(
            f"The API refused the key (401{message}); check the account's key (by default FAL_KEY)", status=status
        )
    if status == httpx.codes.FORBIDDEN:
        return Forbidden(
            f"The key may not list compute instances (403{message}); use an admin key with compute permission",
            status=status,
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(f"The API allows no more requests for now (429{message})", status=status)
    if response.is_redirect:
        return ServerError(f"The API answered with a redirect ({status}), which is not followed", status=status)
    return ServerError(f"The API answered {status}{message}", status=status)


def _error_message(response: httpx.Response) -> str:
    """Return `: ` followed by the API's error message, shortened and safe to print; an empty text if there is none."""
    error = _member(response, "error")
    text = error.get("message") if isinstance(error, dict) else error or _member(response, "detail")
    return f": {log.plain(text, 160)}" if isinstance(text, str) and text else ""


def _member(response: httpx.Response, name: str) -> Any:
    """Return the member `name` of the JSON object in the body of an answer; None if there is no such member."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body.get(name) if isinstance(body, dict) else None


def says_not_found(response: httpx.Response) -> bool:
    """Return whether the body of a 404 is fal's own error: its member `error` is an object with `type` `not_found`.

    fal's OpenAPI document describes this form. Errors of gateways are often objects too, but in other forms.
    """
    error = _member(response, "error")
    return isinstance(error, dict) and error.get("type") == "not_found"


def describe(error: Exception) -> str:
    """Return the text of an error, safe to print; the name of its class if the text is empty."""
    return log.plain(str(error)) or type(error).__name__


def remedy_for(error: ssl.SSLCertVerificationError) -> str:
    """Return a text that says what the user can do about a certificate that was refused."""
    if error.verify_code in _OUTSIDE_ITS_TIME:
        return "Correct the clock of this host, or have the certificate renewed"
    if error.verify_code in _OF_ANOTHER_HOST:
        return "Check INVENTORY_API_URL"
    return "If that certificate is of an authority of your own, name the authority's file in SSL_CERT_FILE"


def find_cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the first error of the class `kind` in the chain of causes from `error` on; None if there is none."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
