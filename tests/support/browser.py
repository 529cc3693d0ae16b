"""A real browser for the pages of this project."""

import os
import shutil
from contextlib import contextmanager

import pytest

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-background-networking",
    "--disable-component-update",
)  # fmt: skip


@contextmanager
def chromium():
    """Yield the Chromium of this machine. If there is none, skip the test; in CI, fail it."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        why = "needs a browser: install Chromium (Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()
