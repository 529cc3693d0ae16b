"""Measure how fast `inventory export` writes `instance_versions`, and how much memory it takes.

    python benchmarks/export.py [--versions 1000000]

The history is made up in PostgreSQL: hourly runs, and instances with ten versions each, in the order in which runs
write them. A process of its own exports it, and its peak memory is measured. The exit code is 1 if the process writes
fewer than 150,000 rows a second, takes more than 250 MB, or does not write every row.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from arguments import positive

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from inventory.config.database_url import parse_url
from inventory.export.export import Export, Request
from inventory.export.folder import open_folder
from inventory.export.relations import exported_relations
from inventory.store import database, schema
from support.postgres import server

LEAST_ROWS, MOST_BYTES = 150_000, 250e6  # rows a second, and bytes of memory

FILL = """
INSERT INTO accounts (account, created_at) VALUES ('a', '2026-01-01 00:00:00+00');
INSERT INTO sync_runs (run_id, account, trigger, status, started_at, heartbeat_at, api_url, version, complete)
SELECT n, 'a', 'schedule', 'succeeded', timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour',
    timestamptz '2026-01-01 00:00:00+00', 'http://127.0.0.1', '1', true
FROM generate_series(1, 4000) AS n;
DROP INDEX ix_instance_versions_stretches, ix_instance_versions_vanished, ix_instance_versions_valid_to;
INSERT INTO instance_versions (account, instance_id, episode, valid_from, valid_to, opened_by_run_id, closed_by_run_id,
    opened_as, closed_as, instance_type, region, status, creator_user_nickname, extra, gpu_count, gpu_model,
    episode_creator, content_hash, moved, closed_log_index)
SELECT 'a', 'inst_' || md5((n / 10)::text), 1, t, CASE WHEN n % 10 < 9 THEN t + interval '300 hours' END, r,
    CASE WHEN n % 10 < 9 THEN r + 300 END, CASE WHEN n % 10 = 0 THEN 'appeared' ELSE 'changed' END,
    CASE WHEN n % 10 < 9 THEN 'changed' END, 'gpu_8x_h100_sxm5', 'us-west', 'ready', 'user-' || n % 97,
    ('{"price":' || n % 1000 || '}')::json, 8, 'h100_sxm5', 'user-' || n % 97, sha256(n::text::bytea), false,
    CASE WHEN n % 10 < 9 THEN r + 300 END
FROM (
    SELECT n, 1 + n / 10 % 1000 + n % 10 * 300 AS r,
        timestamptz '2026-01-01 00:00:00+00' + (1 + n / 10 % 1000 + n % 10 * 300) * interval '1 hour' AS t
    FROM generate_series(0, {versions} - 1) AS n
) AS made
ORDER BY t, n;
ANALYZE"""


def main() -> int:
    """Fill a database, export it in a child process, and return the exit code of the child.

    The child runs this file too, with `--url`. With `--url`, only call `export_versions` and return its result.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=positive, default=1_000_000)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.url:
        return export_versions(arguments.url, arguments.versions)
    with ExitStack() as stack:
        postgres = stack.enter_context(server())
        url = postgres.url_of(stack.enter_context(postgres.database()))
        engine = database.connect(parse_url(url), create=True)
        schema.upgrade(engine)
        began = time.monotonic()
        for statement in FILL.replace("{versions}", str(arguments.versions)).split(";\n"):
            with engine.begin() as connection:
                connection.exec_driver_sql(statement.replace("%", "%%"))
        engine.dispose()
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        words = [sys.executable, __file__, "--url", url, "--versions", str(arguments.versions)]
        return subprocess.run(words, check=False).returncode


def export_versions(url: str, versions: int) -> int:
    """Export `instance_versions` in this process; print the speed, the size of the files, and the peak memory.

    Return 1 if a limit is missed, or if the number of rows in the files is not `versions`; else 0.
    """
    engine = database.connect(parse_url(url))
    with (
        tempfile.TemporaryDirectory() as name,
        database.reading(engine) as connection,
        open_folder(Path(name) / "lake", "parquet", None) as folder,
    ):
        (relation,) = [each for each in exported_relations(connection) if each.name == "instance_versions"]
        work, began = Export(connection, folder, Request(folder.path)), time.monotonic()
        work.write_months(relation, None, lambda _: None)
        seconds = time.monotonic() - began
        folder.finish(work.names, {})
        rows = sum(each["rows"] for each in folder.manifest.files.values())
        size = sum(each["bytes"] for each in folder.manifest.files.values())
    engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{rows:,} versions in {seconds:.1f} s: {rows / seconds:,.0f} a second, {size / 1e6:.0f} MB, "
        f"peak {peak / 1e6:.0f} MB",
        flush=True,
    )
    if rows != versions:
        print(f"{versions:,} versions were made up")
    return int(rows != versions or rows / seconds < LEAST_ROWS or peak > MOST_BYTES)


if __name__ == "__main__":
    raise SystemExit(main())
