"""A sync with sqlite-utils: `upsert_all` of each page. It deletes nothing, like the library's own examples.

python with_sqlite_utils.py API_URL PAGE_SIZE DATABASE. DATABASE is the path of a SQLite file.
"""

import sys

from sqlite_utils import Database

from pages import walk


def main(url: str, page: str, target: str) -> None:
    """Insert the instances of the list into the table `fleet`, or update them."""
    table = Database(target).table("fleet")
    for items in walk(url, int(page)):
        table.upsert_all(items, pk="id")


if __name__ == "__main__":
    main(*sys.argv[1:])
