"""Libraries that only some commands need: they come with the package's extras."""

from importlib.util import find_spec

from inventory.errors import UsageError

LIBRARIES = {"alerts": "apprise", "explore": "datasette", "metrics": "prometheus_client", "report": "vl_convert"}


def installed(extra: str) -> bool:
    """Whether the library of an extra is there."""
    return find_spec(LIBRARIES[extra]) is not None


def remedy(extra: str) -> str:
    """The command that adds it."""
    return f"pip install '.[{extra}]' from a checkout"


def require(extra: str) -> None:
    """Return where the library is there; else UsageError, which names the remedy."""
    if not installed(extra):
        raise UsageError(f"{LIBRARIES[extra]} is not installed. Add it: {remedy(extra)}.")
