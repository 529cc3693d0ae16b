"""A real browser for tests of the HTML pages that this project writes."""

import shutil
from contextlib import contextmanager

from support.programs import skip_without

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The names of the programs to try, in this order."""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-background-networking",
    "--disable-component-update",
)  # fmt: skip


@contextmanager
def chromium():
    """Start this machine's Chromium and yield it as a Playwright `Browser`.

    The headless shell is preferred: without windows, Chromium takes less time. If no Chromium is installed, skip the
    test; if the variable CI is `true`, fail the test instead.
    """
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        skip_without("a browser: install Chromium (Debian: apt-get install chromium-headless-shell)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()
