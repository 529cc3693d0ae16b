"""Write the history as one HTML page that needs no network: `gather` reads, `page` renders, `page_file` writes.

The page holds every episode of its period, so that its filters can count them again in the browser. If there are too
many episodes, it holds only totals, which cannot be filtered.
"""

from inventory.report.file import page_file
from inventory.report.gather import gather, shown
from inventory.report.page import page

__all__ = ["gather", "page", "page_file", "shown"]
