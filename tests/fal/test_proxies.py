"""Proxies and certificates: the client reads the environment like curl, and an error names what failed."""

import ssl
import sys
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from inventory.config.keys import ApiKey
from inventory.config.settings import load
from inventory.errors import NetworkError, UsageError
from inventory.fal.client import Api
from inventory.simulator import Fleet, Simulator
from support.certificates import DAY, Authority, socks, tunnel
from support.command import KEY
from support.raw_server import raw

API = "https://api.example.org:8443/v1"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def error_of(url, **settings):
    """Fetch the first page, which must raise NetworkError, and return the text of this error."""
    usual = {"retry_attempts": 3, "retry_max_wait": 0.01, "timeout": 20}
    with (
        Api(ApiKey(KEY), load(api_url=url, **usual | settings), threading.Event()) as api,
        pytest.raises(NetworkError) as raised,
    ):
        api.fetch_page(None)
    return str(raised.value)


@contextmanager
def proxy(monkeypatch, answer, variable="HTTPS_PROXY"):
    """Start a proxy that sends the bytes `answer` to every client, and put its URL into an environment variable.

    Yield the address of the proxy, as host:port, and the list of the requests that the proxy got.
    """
    with raw(answer) as (url, requests):
        place = url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv(variable, f"http://bob:Hunter2x@{place}")
        yield place, requests


# Faults of a proxy


@pytest.mark.parametrize(
    ("status", "attempts"), [("407 Proxy Authentication Required", 1), ("403 Forbidden", 1), ("502 Bad Gateway", 3)]
)
def test_a_proxy_that_refuses_is_named(monkeypatch, status, attempts):
    with proxy(monkeypatch, f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as (place, requests):
        text = error_of(API)
        assert f"The proxy http://{place} refused: {status}" in text
        assert "Hunter2x" not in text
        assert [request.split(b"\r\n")[0] for request in requests] == [
            b"CONNECT api.example.org:8443 HTTP/1.1"
        ] * attempts


def test_a_dead_proxy_is_named(monkeypatch):
    with proxy(monkeypatch, b"") as (place, _):
        pass
    text = error_of(API)
    assert f"The proxy http://{place} cannot be reached: " in text
    assert "Hunter2x" not in text


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
def test_a_proxy_that_closes_the_connection_or_answers_with_nonsense_is_named(monkeypatch, answer):
    with proxy(monkeypatch, answer) as (place, _):
        assert f"cannot be reached through the proxy http://{place}: " in error_of(API)


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "socks5h://bob:Hunter2x@127.0.0.1:1080"])
def test_a_socks_proxy_needs_another_library(monkeypatch, address):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(UsageError, match="socksio") as raised:
        error_of(API)
    assert "Hunter2x" not in str(raised.value)


@pytest.mark.parametrize("user", ["bob:{}", "{}:word"])
def test_a_user_or_password_that_socks_has_no_room_for_is_refused_before_any_connection(monkeypatch, user):
    with socks(login=None) as (port, asked):
        monkeypatch.setenv("ALL_PROXY", f"socks5://{user.format('x' * 255)}@127.0.0.1:{port}")
        assert "refused: " in error_of(API)
        monkeypatch.setenv("ALL_PROXY", f"socks5://{user.format('x' * 256)}@127.0.0.1:{port}")
        with pytest.raises(UsageError, match="a user and a password of 255 bytes") as raised:
            error_of(API)
    assert "xx" not in str(raised.value)
    assert asked == []


@pytest.mark.parametrize(
    ("user", "login", "reason"),
    [
        (
            "",
            (b"bob", b"word"),
            "Requested NO AUTHENTICATION REQUIRED from proxy server, but got NO ACCEPTABLE METHODS",
        ),
        ("bob:Hunter2x@", None, "Requested USERNAME/PASSWORD from proxy server, but got NO ACCEPTABLE METHODS"),
        ("bob:Hunter2x@", (b"bob", b"word"), "Invalid username/password"),
    ],
)
def test_a_socks_proxy_that_refuses_the_login_is_named(monkeypatch, user, login, reason):
    with socks(login=login) as (port, asked):
        monkeypatch.setenv("ALL_PROXY", f"socks5://{user}127.0.0.1:{port}")
        assert error_of(API) == (
            f"The proxy socks5://127.0.0.1:{port} refused: {reason}. Check HTTPS_PROXY, its user and its password"
        )
    assert asked == []


@pytest.mark.parametrize(
    ("reply", "reason", "attempts"),
    [
        (1, "General SOCKS server failure", 3),
        (2, "Connection not allowed by ruleset", 1),
        (3, "Network unreachable", 3),
        (4, "Host unreachable", 3),
        (5, "Connection refused", 3),
        (6, "TTL expired", 3),
        (7, "Command not supported", 1),
        (8, "Address type not supported", 1),
    ],
)
def test_a_socks_proxy_that_makes_no_connection_is_named_and_asked_again_if_that_may_help(
    monkeypatch, reply, reason, attempts
):
    with socks(reply=reply) as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://127.0.0.1:{port}")
        text = error_of(API)
    assert f"The proxy socks5h://127.0.0.1:{port} refused: Proxy Server could not connect: {reason}. Check" in text
    assert asked == ["api.example.org:8443"] * attempts


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"\x05\x00"])
def test_a_socks_proxy_that_answers_with_nonsense_is_named(monkeypatch, answer):
    with raw(answer) as (url, requests):
        place = url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("ALL_PROXY", f"socks5://{place}")
        assert f"cannot be reached through the proxy socks5://{place}: " in error_of(API)
    assert len(requests) == 3


@pytest.mark.parametrize(
    "address", ["socks4://127.0.0.1:1080", "ftp://proxy", "http://", "http://:3128", "http://p/a?b"]
)
def test_an_invalid_proxy_address_is_a_usage_error(monkeypatch, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(UsageError, match="HTTPS_PROXY cannot be used"):
        error_of(API)


# Which proxy


@pytest.mark.parametrize(
    ("environment", "through"),
    [
        ({"HTTPS_PROXY": "http://one", "ALL_PROXY": "http://other.invalid"}, True),
        ({"https_proxy": "http://one", "HTTPS_PROXY": "http://other.invalid"}, True),
        ({"https_proxy": "http://one", "all_proxy": "http://other.invalid"}, True),
        ({"HTTPS_PROXY": "http://one", "all_proxy": "http://other.invalid"}, True),
        ({"ALL_PROXY": "http://one"}, True),
        ({"all_proxy": "http://one"}, True),
        ({"HTTP_PROXY": "http://one"}, False),
        ({"HTTPS_PROXY": "", "ALL_PROXY": ""}, False),
    ],
)
def test_the_proxy_is_the_one_that_curl_would_take(monkeypatch, environment, through):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with raw(b"HTTP/1.1 418 Taken\r\nContent-Length: 0\r\n\r\n") as (url, requests):
        for name, value in environment.items():
            if value == "http://one":
                monkeypatch.setenv(name, url.removesuffix("/v1"))
        assert ("418 Taken" in error_of("https://127.0.0.1:1/v1", retry_attempts=1)) == through
        assert bool(requests) == through


def test_a_proxy_may_be_written_without_its_scheme(monkeypatch):
    with proxy(monkeypatch, b"HTTP/1.1 418 Taken\r\nContent-Length: 0\r\n\r\n") as (place, _):
        monkeypatch.setenv("HTTPS_PROXY", place)
        assert "418 Taken" in error_of(API)


@pytest.mark.parametrize(
    ("host", "rules", "direct"),
    [
        ("127.0.0.1", "127.0.0.0/8", True),
        ("127.0.0.1", "10.0.0.0/8, 127.0.0.1", True),
        ("127.0.0.1", "10.0.0.0/8", False),
        ("127.0.0.1", "127.0.0.1:1", True),
        ("127.0.0.1", "127.0.0.1:2", False),
        ("127.0.0.1", "*", True),
        ("127.0.0.1", "example.org *", True),
        ("127.0.0.1", "27.0.0.1", False),
        ("127.0.0.1", "::1/128", False),
        ("127.0.0.1", "300.0.0.0/8,/,::::", False),
        ("[::1]", "::1/128", True),
        ("[::1]", "[::1]", True),
        ("[::1]", "[::1]:1", True),
        ("[::1]", "fe80::/10", False),
        ("a.localhost", "localhost", True),
        ("a.localhost", ".localhost", True),
        ("a.localhost", "a.localhost.", True),
        ("a.localhost", "A.LOCALHOST:1", True),
        ("a.localhost", "b.localhost  .example.org,\ta.localhost", True),
        ("a.localhost", "localhost:2", False),
        ("a.localhost", "ocalhost", False),
        ("a.localhost", "", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(monkeypatch, host, rules, direct):
    monkeypatch.setenv("NO_PROXY", rules)
    with proxy(monkeypatch, b"HTTP/1.1 418 Taken\r\nContent-Length: 0\r\n\r\n") as (_, requests):
        error_of(f"https://{host}:1/v1", retry_attempts=1)
        assert bool(requests) == (not direct)


# Certificates


@contextmanager
def secure(certificate):
    """Yield the URL of a simulator behind TLS with a certificate, and the list of the requests that it got."""
    with Simulator(Fleet(), keys={KEY}) as simulator:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = simulator._server  # noqa: SLF001 - the simulator itself speaks only plain HTTP
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield simulator.url.replace("http:", "https:"), simulator.requests


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """Return a certificate authority, and put the path of its certificate into SSL_CERT_FILE."""
    authority = Authority(tmp_path / "company")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


OWN = "name the authority's file in SSL_CERT_FILE"


@pytest.mark.parametrize(
    ("issuer", "issued", "reason", "remedy"),
    [
        ("company", {}, None, None),
        ("stranger", {}, "unable to get local issuer certificate", OWN),
        (
            "company",
            {"valid": -DAY},
            "certificate has expired",
            "Correct the clock of this host, or have the certificate renewed",
        ),
        ("company", {"address": "127.0.0.2"}, "IP address mismatch", "Check INVENTORY_API_URL"),
    ],
    ids=["trusted", "unknown authority", "expired", "wrong host"],
)
def test_a_certificate_that_does_not_prove_the_host_is_refused_before_the_key_is_sent(
    trusted, tmp_path, issuer, issued, reason, remedy
):
    authority = trusted if issuer == "company" else Authority(tmp_path / issuer)
    with secure(authority.issue(**{"address": "127.0.0.1"} | issued)) as (url, requests):
        if reason is None:
            with Api(ApiKey(KEY), load(api_url=url), threading.Event()) as api:
                assert api.fetch_page(None).items == []
            assert len(requests) == 1
            return
        text = error_of(url)
        assert "certificate verify failed" in text
        assert reason in text
        assert text.endswith(remedy)
        assert not requests


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "Https"])
def test_a_self_signed_certificate_is_refused_before_the_key_is_sent(tmp_path, monkeypatch, scheme):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with secure(Authority(tmp_path / "own").issue("127.0.0.1")) as (url, requests):
        assert error_of(url.replace("https", scheme)).endswith(OWN)
        assert not requests


def test_tls_goes_through_the_proxy_to_the_host_of_the_certificate(trusted, monkeypatch):
    with secure(trusted.issue("127.0.0.1")) as (url, requests), tunnel(urlsplit(url).port) as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://bob:Hunter2x@127.0.0.1:{port}")
        with Api(ApiKey(KEY), load(api_url=url), threading.Event()) as api:
            assert api.fetch_page(None).items == []
        assert asked == [f"CONNECT 127.0.0.1:{urlsplit(url).port} HTTP/1.1"]
        assert len(requests) == 1

        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        with Api(ApiKey(KEY), load(api_url=url), threading.Event()) as api:
            assert api.fetch_page(None).items == []
        assert len(asked) == 1
        assert len(requests) == 2


def test_tls_goes_through_a_socks_proxy_too(trusted, monkeypatch):
    with (
        secure(trusted.issue("127.0.0.1")) as (url, requests),
        socks(urlsplit(url).port, login=(b"bob", b"Hunter@2x")) as (port, asked),
    ):
        monkeypatch.setenv("ALL_PROXY", f"socks5://bob:Hunter%402x@127.0.0.1:{port}")
        with Api(ApiKey(KEY), load(api_url=url), threading.Event()) as api:
            assert api.fetch_page(None).items == []
        assert asked == [f"127.0.0.1:{urlsplit(url).port}"]
        assert len(requests) == 1


def test_a_host_that_the_proxy_puts_in_place_of_the_api_is_refused_before_the_key_is_sent(trusted, monkeypatch):
    other = trusted.issue("127.0.0.2")
    with secure(other) as (url, requests), tunnel(urlsplit(url).port) as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        text = error_of(API)
        assert "Hostname mismatch" in text
        assert text.endswith("Check INVENTORY_API_URL")
        assert not requests


@pytest.mark.parametrize("text", ["", "no certificate", None], ids=["empty", "damaged", "missing"])
def test_an_ssl_cert_file_that_cannot_be_read_is_a_usage_error(tmp_path, monkeypatch, text):
    file = tmp_path / "broken.pem"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(UsageError, match="Check SSL_CERT_FILE and SSL_CERT_DIR"):
        Api(ApiKey(KEY), load(api_url=API), threading.Event())


def test_the_error_for_a_server_without_tls_says_nothing_of_certificates():
    with Simulator(Fleet()) as simulator:
        text = error_of(simulator.url.replace("http:", "https:"))
        assert "cannot be reached" in text
        assert "cert" not in text.lower()
