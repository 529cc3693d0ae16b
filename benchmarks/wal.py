"""Measure the write-ahead log of a run in which nothing changed, for fleets of several sizes.

    python benchmarks/wal.py [SIZE ...]

A SIZE is a number of instances.

On SQLite, the table shows how many pages the run writes to the `-wal` file. A reader stays open during the run, so that
SQLite does not empty this file. On PostgreSQL, it shows how many bytes of WAL the server writes. The
server of the tests has `full_page_writes` off. Where it is on, the first change of a page after a checkpoint of
PostgreSQL adds up to 8 kB.
"""

import argparse
import sqlite3
from pathlib import Path

import psycopg

from arguments import positive
from fal import serving
from walk import SYNC, databases, measure


def wal_pages(file: Path, run: object) -> float:
    """Call `run`, which makes a run. Return the number of pages that the run writes to the -wal file of `file`."""
    reader = sqlite3.connect(file)
    reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reader.execute("SELECT count(*) FROM accounts").fetchall()
    run()
    written = file.with_name(file.name + "-wal").stat().st_size
    (size,) = reader.execute("PRAGMA page_size").fetchone()
    reader.close()
    return (written - 32) / (size + 24)  # the file has a header of 32 bytes, and each page in it one of 24


def wal_bytes(url: str, run: object) -> float:
    """Call `run`, which makes a run. Return the number of bytes of WAL that the PostgreSQL server writes meanwhile."""
    with psycopg.connect(url, autocommit=True) as connection:
        (before,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        run()
        (bytes_,) = connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (before,)).fetchone()
    return float(bytes_)


def main() -> None:
    """Make three runs for each size on each backend, measure the third, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=positive, nargs="*", metavar="SIZE", help="by default 1,000 and 100,000")
    sizes = parser.parse_args().sizes or [1_000, 100_000]
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
