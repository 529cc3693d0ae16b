"""Find the proxy for the API in the environment."""

import contextlib
import ipaddress
import re
import urllib.request
from urllib.parse import urlsplit

import httpx

from inventory import log
from inventory.errors import UsageError
from inventory.masks import is_clear_url

LONGEST_LOGIN = 255
"""The largest length of a user name for a SOCKS proxy, and of a password, in bytes (RFC 1929)."""


def find_proxy(base: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for the API at the URL `base`, or None.

    As in curl, HTTPS_PROXY takes precedence over ALL_PROXY, and a name in lower case over the same name in upper case.
    NO_PROXY may exclude the API's host. An API under plain http is on this host, and gets no proxy.

    The proxy's password is hidden in the log from now on. Raise UsageError if the proxy cannot be used. The text of
    this error quotes no part of the proxy's address, which may hold a password.
    """
    parts = urlsplit(base)
    named = urllib.request.getproxies()
    variable = "HTTPS_PROXY" if named.get("https") else "ALL_PROXY"
    text = (named.get("https") or named.get("all") or "").strip()
    if parts.scheme != "https" or not text:
        return None
    if _bypasses_proxy(parts.hostname or "", parts.port or 443, named.get("no", "")):
        return None
    text = text if "://" in text else f"http://{text}"
    try:
        proxy = httpx.Proxy(text)
        if proxy.url.host and proxy.url.path in {"", "/"} and not proxy.url.query and is_clear_url(text):
            user_and_password = proxy.auth or ("", "")
            log.hide(user_and_password[1])
            if (
                proxy.url.scheme.startswith("socks")
                and max(len(part.encode()) for part in user_and_password) > LONGEST_LOGIN
            ):
                raise UsageError(
                    f"{variable} cannot be used: SOCKS takes a user and a password of {LONGEST_LOGIN} bytes each."
                )
            return proxy
    except (ValueError, httpx.InvalidURL):  # not chained, because the text of these errors quotes the address
        pass
    raise UsageError(
        f"{variable} cannot be used. Write it like http://user:password@proxy.example:3128 "
        "(in a password, @ is written %40, / %2F, ? %3F, # %23 and : %3A)."
    )


def _bypasses_proxy(host: str, port: int, rules: str) -> bool:
    """Return whether a rule of NO_PROXY covers the host.

    A rule is one of these:

    - a name, with or without a port; it also covers the subdomains of the name
    - an address, with or without a port
    - a network, such as 10.0.0.0/8
    - `*`, which covers all hosts

    Neither urllib nor httpx supports all of these. Neither has networks, and httpx never matches a rule that names the
    default port, such as `api.example:443`.
    """
    names = [rule.strip(".").lower() for rule in re.split(r"[\s,]+", rules) if rule]
    places = (host.rstrip("."), f"[{host}]:{port}" if ":" in host else f"{host.rstrip('.')}:{port}")
    if "*" in names or any(place == name or place.endswith(f".{name}") for place in places for name in names):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        for name in names:
            with contextlib.suppress(ValueError):
                if address in ipaddress.ip_network(name.strip("[]"), strict=False):
                    return True
    return False
