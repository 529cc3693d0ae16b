"""Make one HTML page of the history. `gather` reads the data of the page, and `page` renders them.

The page needs no network. It holds every episode of its period, so that the browser can compute the numbers again
when the reader sets a filter. If there are too many episodes, the page holds only totals, and cannot be filtered.
"""

from inventory.report.gather import gather, shown
from inventory.report.page import page

__all__ = ["gather", "page", "shown"]
