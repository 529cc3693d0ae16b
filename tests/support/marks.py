"""Pytest marks, and functions that decide what a test tries: how many cases, or nothing if a program is missing."""

import os

import pytest
from hypothesis import HealthCheck, settings

ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"])


def rule(name):
    """Return the mark of tests of the rule `name` in docs/meanings.md.

    `pytest -m 'rule(name="brake")'` runs the tests of the rule `brake`.
    """
    return pytest.mark.rule(name=name)


def skip_without(program):
    """Skip the test, because `program` is not installed. If the variable CI is `true`, fail the test instead."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {program}")


SHARES = {"quick": 20, "ci": 8, "mutants": 8, "thorough": 1, "prove": 0.5}
"""A dict from a Hypothesis profile to a divisor for the number of random histories. 0.5 means twice as many."""
LONG = settings.get_current_profile_name() in {"thorough", "prove"}
"""True under the profiles `thorough` and `prove`: tests try all cases."""


def some(cases, *, one_in, first=0):
    """Return a list of every `one_in`-th case, from index `first % one_in` on; of all cases if LONG.

    A test that calls this function several times passes another `first` each time, to get other cases.
    """
    return [*cases] if LONG else [*cases][first % one_in :: one_in]


def random_histories(number, **options):
    """Return Hypothesis settings that try `number` random histories, divided by the profile's divisor in SHARES."""
    share = SHARES[settings.get_current_profile_name()]
    return settings(max_examples=round(number / share), suppress_health_check=list(HealthCheck), **options)
