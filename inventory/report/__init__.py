"""The history as one HTML page that needs no network: `gather` reads it, `page` makes it, `page_file` keeps it.

The page holds every episode of its period, so that its filters count anew in the browser what the views count here. Of
a fleet too large for that it holds totals.
"""

from inventory.report.file import page_file
from inventory.report.gather import gather, shown
from inventory.report.page import page

__all__ = ["gather", "page", "page_file", "shown"]
