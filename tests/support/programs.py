"""Skip or fail a test if this machine lacks a program that the test needs. Pip does not install such programs."""

import os

import pytest


def skip_without(program):
    """Skip the test, because `program` is not installed. If the variable CI is `true`, fail the test instead."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {program}")
