"""Marks of tests."""

import pytest

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Mark a test as one of that rule of docs/meanings.md; `pytest -m 'rule(name="brake")'` selects them."""
    return pytest.mark.rule(name=name)
