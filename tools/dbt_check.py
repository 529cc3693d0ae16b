"""Build and test the dbt package with a real dbt: `make dbt`.

It starts a PostgreSQL, or uses the one at TEST_DATABASE_URL, and fills a database there with a demo. It makes an
environment for dbt. It runs `dbt build` twice, for today and for a day of the demo, and then `dbt source freshness`. At
the end it compares the number of rows of the model `fleet_as_of` with the history. It needs the package registry, and
writes to temporary folders only.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.store import database

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.postgres import server  # noqa: E402 - found in the folder of the tests

DAYS = 10
LIBRARIES = ("dbt-core>=1.9,<1.11", "dbt-postgres>=1.9,<2")
"""dbt 2 is excluded, because it downloads a part of itself from another place than the package registry."""


def main() -> None:
    """Do all steps; end with an error if a test of dbt fails, or if `fleet_as_of` differs from the history."""
    with TemporaryDirectory() as name, server() as postgres, postgres.database() as made:
        folder, url = Path(name), postgres.url_of(made)
        print(f"filling a demo of {DAYS} days", flush=True)
        demo(url, days=DAYS)
        print(f"installing {' and '.join(LIBRARIES)}", flush=True)
        venv.create(folder / "venv", with_pip=True)
        program = folder / "venv" / "bin"
        subprocess.run([program / "pip", "install", "-q", *LIBRARIES], check=True)  # noqa: S603 - a list of words of our own
        where = sa.make_url(url)
        target = {
            "type": "postgres", "host": where.host or where.query["host"], "user": where.username,
            "password": where.password or "", "port": where.port or int(where.query.get("port", 5432)),
            "dbname": made, "schema": "dbt", "threads": 2,
        }  # fmt: skip
        profile = {"fal_inventory": {"target": "demo", "outputs": {"demo": target}}}
        (folder / "profiles.yml").write_text(json.dumps(profile))
        engine = database.connect(parse_url(url))
        with database.reading(engine) as connection:
            day = connection.exec_driver_sql("SELECT max(day) - 2 FROM fleet_daily").scalar_one()
            at = f"{day} 00:00:00+00"
            held = "valid_from <= %(at)s AND (valid_to IS NULL OR valid_to > %(at)s)"
            there = connection.exec_driver_sql(
                f"SELECT count(*) FROM instance_versions WHERE {held}", {"at": at}
            ).scalar_one()
        options = [
            "--project-dir", ROOT / "dbt", "--profiles-dir", folder, "--target-path", folder / "target",
            "--log-path", folder / "log",
        ]  # fmt: skip
        dbt = program / "dbt"
        subprocess.run([dbt, "build", *options], check=True)  # noqa: S603 - a list of words of our own
        subprocess.run([dbt, "build", *options, "--vars", json.dumps({"as_of": str(day)})], check=True)  # noqa: S603 - a list of words of our own
        subprocess.run([dbt, "source", "freshness", *options], check=True)  # noqa: S603 - a list of words of our own
        with database.reading(engine) as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM dbt.fleet_as_of").scalar_one()
        engine.dispose()
        if found != there:
            raise SystemExit(f"fleet_as_of has {found} instances on {day}, and the history {there}")
        print(f"fleet_as_of has the {found} instances of {day}; all tests of dbt passed", flush=True)


if __name__ == "__main__":
    main()
