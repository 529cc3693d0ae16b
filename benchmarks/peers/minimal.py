"""A hand-written sync without history: one dict of rows, one upsert of the difference, one delete.

python minimal.py API_URL PAGE_SIZE DATABASE. DATABASE is the path of a SQLite file, or a postgresql:// URL.
"""

import sqlite3
import sys
from typing import Any

from pages import COLUMNS, walk

NAMES = ", ".join(COLUMNS)
UPSERT = (
    f"INSERT INTO fleet ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
)


def main(url: str, page: str, target: str) -> None:
    """Make the table `fleet` equal to the list."""
    connection: Any
    if target.startswith("postgresql"):
        import psycopg

        connection, mark = psycopg.connect(target), "%s"
    else:
        connection, mark = sqlite3.connect(target), "?"
    cursor = connection.cursor()
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS[1:])
    cursor.execute(f"CREATE TABLE IF NOT EXISTS fleet (id TEXT PRIMARY KEY, {columns})")
    cursor.execute(f"SELECT {NAMES} FROM fleet")
    known = {row[0]: tuple(row) for row in cursor}
    listed = {item["id"]: tuple(item.get(name) for name in COLUMNS) for items in walk(url, int(page)) for item in items}
    changed = [row for id_, row in listed.items() if known.get(id_) != row]
    cursor.executemany(UPSERT.replace("?", mark), changed)
    cursor.executemany(f"DELETE FROM fleet WHERE id = {mark}", [(id_,) for id_ in known.keys() - listed.keys()])
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
