"""Write the history as one HTML page that needs no network: `gather` reads, `page` renders.

The page holds every episode of its period, so that its filters can count them again in the browser. If there are too
many episodes, it holds only totals, which cannot be filtered.
"""

from inventory.report.gather import gather, shown
from inventory.report.page import page

__all__ = ["gather", "page", "shown"]
