"""The libraries that the program, its extras and its tests require, and the dependencies of those libraries."""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PROGRAM = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = PROJECT["optional-dependencies"]
TESTS = [
    Requirement(text)
    for texts in EXTRAS.values()
    for text in texts
    if not text.startswith(f"{PROJECT['name']}[")  # the extra `test` names the other extras
]
"""The requirements of all extras."""


def closure(requirements):
    """Find the distributions of these requirements and of all their dependencies.

    Return a pair: a dict from a name to the installed distribution, and the set of the names that are not installed.
    """
    found, absent, asked, waiting = {}, set(), set(), list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            absent.add(name)
            continue
        needs = map(Requirement, found[name].requires or [])
        marks = [{"extra": extra} for extra in extras or {""}]
        waiting += [need for need in needs if need.marker is None or any(map(need.marker.evaluate, marks))]
    return found, absent
