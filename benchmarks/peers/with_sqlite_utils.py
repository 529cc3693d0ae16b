"""A sync by sqlite-utils: `upsert_all` of each page. It deletes nothing, as the library's own pages show it.

python with_sqlite_utils.py API_URL PAGE_SIZE DATABASE: a path of a SQLite file.
"""

import sys

from sqlite_utils import Database

from pages import walk


def main(url: str, page: str, target: str) -> None:
    """Upsert the list into the table."""
    table = Database(target).table("fleet")
    for items in walk(url, int(page)):
        table.upsert_all(items, pk="id")


if __name__ == "__main__":
    main(*sys.argv[1:])
