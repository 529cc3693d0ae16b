"""The history as one HTML page that needs no network: `gather` reads it, `page` makes it, `page_file` keeps it.

The page holds every episode of its period, so that its filters count anew in the browser what the views count here.
"""

from importlib.util import find_spec

from inventory.errors import UsageError
from inventory.report.file import page_file
from inventory.report.gather import gather
from inventory.report.page import page

__all__ = ["REMEDY", "drawable", "gather", "page", "page_file", "require_drawable"]

REMEDY = "pip install 'fal-inventory[report]'"


def drawable() -> bool:
    """Whether the library that draws the charts is installed: it comes with the extra `report`."""
    return find_spec("vl_convert") is not None


def require_drawable() -> None:
    """Return where charts can be drawn; else UsageError, which names the remedy."""
    if not drawable():
        raise UsageError(f"The page's charts need a library that is not installed. Run: {REMEDY}")
