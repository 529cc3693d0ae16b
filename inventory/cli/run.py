"""The command `run`: sync on schedule until a signal."""

import os
from typing import Annotated

import typer

from inventory.cli.opening import loaded, opened_for_runs
from inventory.cli.options import DatabaseOption
from inventory.cli.signals import stop_on_signal
from inventory.service.observers import observing


def run_command(
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="5m", help="How often each account is synced [INVENTORY_EVERY; 5m]."),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(
            "--cron", metavar="EXPRESSION", help="Instead of --every: a cron expression, in UTC [INVENTORY_CRON]."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="HOST:PORT", help="Serve /metrics and /healthz there, like 127.0.0.1:9464."),
    ] = None,
    url: DatabaseOption = None,
) -> None:
    """Sync every account on schedule, until a signal.

    At the start an account is synced at once if it is due. SIGTERM, SIGINT and SIGHUP end a run under way
    within seconds. Any number of processes may share one PostgreSQL database: each run is made by only one of them. If
    a process dies or freezes, another one takes over within INVENTORY_LEASE_SECONDS. Writes what `inventory sync`
    writes and, where the settings ask for them, the report and the export once a day.

    \b
    Examples:
      inventory run
      inventory run --every 90s
      inventory run --metrics 127.0.0.1:9464
      inventory run --cron "*/15 8-18 * * mon-fri"
      inventory run --database postgresql://inventory@db/inventory
    """
    settings = loaded(database_url=url, every=every, cron=cron)
    with stop_on_signal() as stop:
        # not imported earlier: the import takes half a second, and `stop` notices a signal that comes meanwhile
        from inventory.service.schedule import sync_on_schedule

        with opened_for_runs(settings) as engine:
            with observing(engine, settings, metrics=metrics, stop=stop) as observers:
                ended = sync_on_schedule(engine, settings, stop=stop, observers=observers)
            if not ended:
                os._exit(0)  # no cleanup: a thread that still waits for a server would log after the log is closed
