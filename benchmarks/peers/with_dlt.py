"""A pipeline of dlt with its REST client: `scd2` keeps every version of a row, `upsert` only the newest version.

python with_dlt.py API_URL PAGE_SIZE DATABASE scd2|upsert. DATABASE is the path of a SQLite file, or a postgresql://
URL.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator


def main(url: str, page: str, target: str, strategy: str) -> None:
    """Load the list into the database."""

    @dlt.resource(name="fleet", primary_key="id", write_disposition={"disposition": "merge", "strategy": strategy})
    def fleet() -> Iterator[Any]:
        paginator = JSONResponseCursorPaginator(cursor_path="next_cursor", cursor_param="cursor")
        client = RESTClient(url, headers={"Authorization": "Key a:b"}, paginator=paginator, data_selector="instances")
        yield from client.paginate("/compute/instances", params={"limit": page})

    where = (
        dlt.destinations.postgres(target)
        if target.startswith("postgresql")
        else dlt.destinations.sqlalchemy(f"sqlite:///{target}")
    )
    with tempfile.TemporaryDirectory() as folder:
        name = "main" if not target.startswith("postgresql") else "public"
        dlt.pipeline("fleet", destination=where, dataset_name=name, pipelines_dir=folder).run(fleet())


if __name__ == "__main__":
    main(*sys.argv[1:])
