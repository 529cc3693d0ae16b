"""Marks of tests, and the number of random histories that they try."""

import pytest
from hypothesis import HealthCheck, settings

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Mark a test of a rule of docs/meanings.md; `pytest -m 'rule(name="brake")'` selects the tests of a rule."""
    return pytest.mark.rule(name=name)


def random_histories(number, **options):
    """Return settings that try `number` random histories, or a tenth of them in `make quick`."""
    quick = settings.get_current_profile_name() == "quick"
    return settings(max_examples=number // 10 if quick else number, suppress_health_check=list(HealthCheck), **options)
