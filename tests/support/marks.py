"""Marks of tests, and the number of random histories that they try."""

import pytest
from hypothesis import HealthCheck, settings

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Mark a test of a rule of docs/meanings.md; `pytest -m 'rule(name="brake")'` selects the tests of a rule."""
    return pytest.mark.rule(name=name)


SHARES = {"quick": 20, "ci": 8, "mutants": 8, "thorough": 1, "prove": 0.1}
"""By hypothesis profile: one in how many of the random histories is tried."""
LONG = settings.get_current_profile_name() in {"thorough", "prove"}
"""Whether to try all that there is, which takes hours."""


def some(cases, *, one_in, first=0):
    """Return each `one_in`-th of these cases, or all of them under the profiles `thorough` and `prove`.

    Tests that call it often pass another `first` each time, so that it does not choose the same cases.
    """
    return [*cases] if LONG else [*cases][first % one_in :: one_in]


def random_histories(number, **options):
    """Return settings that try `number` random histories under the profile `thorough`, a share of them or more else."""
    share = SHARES[settings.get_current_profile_name()]
    return settings(max_examples=round(number / share), suppress_health_check=list(HealthCheck), **options)
