"""Serve a SQLite database with Datasette, whose pages show ready-made queries and what each table and column means.

Datasette comes with the extra `explore`, so it is imported only when it starts. Its connections to the database are
read-only. They are not opened as immutable, because a sync may write to the file at the same time.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inventory.errors import InventoryError, UsageError
from inventory.read.canned_queries import QUESTIONS
from inventory.store.catalogue import RELATIONS

HOST = "127.0.0.1"
SETTINGS = {
    "sql_time_limit_ms": 10_000,  # enough to read a whole view over a million versions
    "allow_download": False,  # a downloaded file would lack the rows that are still in the -wal file
}
HIDDEN = ("instance_state", "dropped_entries", "typed", "alembic_version", "sqlite_sequence", "sqlite_stat1")
NEWEST_FIRST = {
    "sync_runs": "run_id", "instance_versions": "valid_from", "operator_actions": "action_id",
    "instances": "first_seen_at", "live_instances": "first_seen_at", "instance_events": "occurred_at",
    "instance_field_changes": "changed_at", "instance_episodes": "appeared_at", "creators": "gpu_hours_low",
    "fleet_daily": "day", "sync_gaps": "gap_start",
}  # fmt: skip


def metadata(database: str) -> dict[str, Any]:
    """Return Datasette's metadata for the database file. `database` is the file's name without its suffix."""
    tables: dict[str, dict[str, Any]] = {name: {"hidden": True} for name in HIDDEN}
    for relation in RELATIONS:
        table = tables.setdefault(relation.name, {})
        table["description"] = relation.meaning
        table["columns"] = {column.name: column.meaning for column in relation.columns}
        if relation.name in NEWEST_FIRST:
            table["sort_desc"] = NEWEST_FIRST[relation.name]
    queries = {
        question.name: {
            "title": question.title,
            "description": question.meaning,
            "sql": question.sql,
            "params": list(question.parameters),
        }
        for question in QUESTIONS
    }
    return {
        "title": "The history of your fal compute instances",
        "databases": {
            database: {"description": "All times are UTC.", "tables": tables, "queries": queries},
        },
    }


@contextmanager
def serving(file: Path, port: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Serve the file with Datasette on loopback during the block. Port 0 is any free port.

    Yield the address, and a function that returns whether the server still runs. Raise UsageError if the port cannot be
    used, InventoryError if Datasette does not start.
    """
    import uvicorn
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.plugins import pm
    from datasette.utils.sqlite import sqlite3

    # this plugin prints a thousand lines for an error in a user's SQL; the page shows the error anyway
    pm.get_plugin("datasette.handle_exception").rich = None
    name = file.stem
    datasette = Datasette([], metadata=metadata(name), settings=SETTINGS, memory=False)
    datasette.remove_database("_memory")
    database = Database(datasette, path=str(file))

    def connect(write: bool = False) -> Any:  # noqa: ARG001 - Datasette passes it by this name
        place = f"file:{quote(str(file))}?mode=ro"  # Datasette's own connect() does not quote the path
        opened = sqlite3.connect(place, uri=True, check_same_thread=False)
        database._all_file_connections.append(opened)  # noqa: SLF001 - database.close() closes these
        return opened

    database.connect = connect
    datasette.add_database(database, name=name)
    pm.register(plugin := _plain_text())
    server = uvicorn.Server(
        uvicorn.Config(
            _local_only(datasette.app()), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
        )
    )
    with _listening(port) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="datasette")
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                thread.join(0.05)
            if not server.started:
                raise InventoryError("Datasette did not start; the lines above say why.")
            yield f"http://{HOST}:{listener.getsockname()[1]}{datasette.urls.database(name)}", thread.is_alive
        finally:
            server.should_exit = True
            thread.join()
            database.close()
            pm.unregister(plugin)


def _plain_text() -> Any:
    """Return a Datasette plugin that shows each cell beginning with `http://` or `https://` as plain text.

    Without the plugin, Datasette would show such a cell as a link. The text may come from the API, so the link could
    lead to a hostile page.
    """
    from datasette import hookimpl

    class Inventory:
        @staticmethod
        @hookimpl  # type: ignore[untyped-decorator]
        def render_cell(value: Any) -> str | None:
            return value if isinstance(value, str) and value.strip().startswith(("http://", "https://")) else None

    return Inventory


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens on loopback. Raise UsageError if the port cannot be used."""
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"Port {port} cannot be used: {why}. --port 0 picks a free one.") from None
    with listener:
        yield listener


def _local_only(app: Callable[..., Any]) -> Callable[..., Any]:
    """Return an ASGI app that passes an HTTP request to `app` only if its Host header names `localhost` or HOST.

    A port in the header does not matter. Other HTTP requests are refused, also those without a Host header. So a web
    page of another site cannot read the database by DNS rebinding.
    """
    from datasette.utils.asgi import asgi_send

    async def guarded(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if host.partition(":")[0] not in {HOST, "localhost"}:
                await asgi_send(send, "Only for this machine.", 421, content_type="text/plain")
                return
        await app(scope, receive, send)

    return guarded
