"""Make one HTML page of the history, which needs no network: `gather` reads the data, and `page` renders them.

The page holds every episode of its period, so that the browser can count again what a filter leaves. If there are too
many episodes, the page holds only totals, and cannot be filtered.
"""

from inventory.report.gather import gather, shown
from inventory.report.page import page

__all__ = ["gather", "page", "shown"]
