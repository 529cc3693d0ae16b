"""Marks of tests."""

import pytest

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])
