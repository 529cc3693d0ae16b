"""Measure the write-ahead log of a run in which nothing changed, for fleets of several sizes.

    python benchmarks/wal.py [SIZE ...]

SQLite: pages in the `-wal`, which a reader keeps from being written back. PostgreSQL: bytes, on a server of its own
without full-page images (a checkpoint between two runs adds 8 kB for each page that the next run changes first).
"""

import sqlite3
import sys
from pathlib import Path

import psycopg
from walk import SYNC, databases, measure

from fal import serving


def wal_pages(file: Path, run: object) -> float:
    """Return the pages that a run writes into the -wal of a SQLite file."""
    reader = sqlite3.connect(file)
    reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reader.execute("SELECT count(*) FROM accounts").fetchall()
    run()
    written = file.with_name(file.name + "-wal").stat().st_size
    (size,) = reader.execute("PRAGMA page_size").fetchone()
    reader.close()
    return (written - 32) / (size + 24)


def wal_bytes(url: str, run: object) -> float:
    """Return the bytes of WAL that a PostgreSQL server writes during a run."""
    with psycopg.connect(url, autocommit=True) as connection:
        (before,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        run()
        (bytes_,) = connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (before,)).fetchone()
    return float(bytes_)


def main() -> None:
    """Print the table."""
    sizes = [int(word) for word in sys.argv[1:]] or [1_000, 100_000]
    print(f"{'instances':>12}{'SQLite, pages':>16}{'PostgreSQL, bytes':>20}")
    with serving() as server, databases(None) as made:
        for size in sizes:
            server.fleet(size, 1_000)
            found = []
            for backend, fresh in made.items():
                url = fresh()
                environment = {
                    "FAL_KEY": "a:b",
                    "INVENTORY_API_URL": server.url,
                    "INVENTORY_PAGE_SIZE": "1000",
                    "INVENTORY_DATABASE_URL": url,
                }

                def run(environment: dict[str, str] = environment) -> None:
                    measure(SYNC, "sync", **environment)

                for _ in range(2):
                    run()
                found.append(
                    wal_pages(Path(url.removeprefix("sqlite:///")), run) if backend == "sqlite" else wal_bytes(url, run)
                )
            print(f"{size:12,}{found[0]:16.0f}{found[1]:20,.0f}")


if __name__ == "__main__":
    main()
