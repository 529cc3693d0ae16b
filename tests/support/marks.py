"""Pytest marks, and functions that decide how many cases a test tries."""

import pytest
from hypothesis import HealthCheck, settings

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Return the mark for a test that proves the rule `name` of docs/meanings.md.

    `pytest -m 'rule(name="brake")'` runs the tests of the rule `brake`.
    """
    return pytest.mark.rule(name=name)


# conftest.py must not import this module: pytest loads the profile of `--hypothesis-profile` only after conftest.py.
SHARE = {"quick": 20, "ci": 8, "mutants": 8, "thorough": 1, "prove": 0.5}[settings.get_current_profile_name()]
"""A divisor for the number of random histories, set by the Hypothesis profile. 0.5 means twice as many."""
LONG = SHARE <= 1
"""True under the profiles `thorough` and `prove`: tests try all cases."""


def some(cases, *, one_in, first=0):
    """Return a list: if LONG, all cases; else every `one_in`-th case, from index `first % one_in` on.

    A test that calls this function several times passes another `first` each time, to get other cases.
    """
    return [*cases] if LONG else [*cases][first % one_in :: one_in]


def random_histories(number, **options):
    """Return Hypothesis settings that try `number` random histories, divided by SHARE."""
    return settings(max_examples=round(number / SHARE), suppress_health_check=list(HealthCheck), **options)
