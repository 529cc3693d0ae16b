"""The libraries that only some commands need, and the extras that install them."""

from importlib.util import find_spec

from inventory.errors import UsageError

LIBRARIES = {
    "alerts": "apprise", "explore": "datasette", "export": "pyarrow", "metrics": "prometheus_client",
    "report": "vl_convert",
}  # fmt: skip


def installed(extra: str) -> bool:
    """Return whether the library of an extra is installed."""
    return find_spec(LIBRARIES[extra]) is not None


def remedy(extra: str) -> str:
    """Return a text with the command that installs an extra, and the place where to run the command."""
    return f"pip install '.[{extra}]' from a checkout"


def require(extra: str) -> None:
    """Raise UsageError if the library of an extra is missing. The message has the command that installs the extra."""
    if not installed(extra):
        raise UsageError(f"{LIBRARIES[extra]} is not installed. Add it: {remedy(extra)}.")
