"""Marks of tests, and the number of random histories that they try."""

import pytest
from hypothesis import HealthCheck, settings

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Mark a test of a rule of docs/meanings.md; `pytest -m 'rule(name="brake")'` selects the tests of a rule."""
    return pytest.mark.rule(name=name)


SHARES = {"quick": 10, "ci": 4, "thorough": 1}
"""By hypothesis profile: one in how many of the random histories is tried."""


def random_histories(number, **options):
    """Return settings that try `number` random histories under the profile `thorough`, and a share of them else."""
    share = SHARES[settings.get_current_profile_name()]
    return settings(max_examples=number // share, suppress_health_check=list(HealthCheck), **options)
