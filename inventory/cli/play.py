"""The commands `simulate` and `demo`, which show the program without a key."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from inventory import log
from inventory.cli.look import FLEET_COLUMNS, HEADINGS
from inventory.cli.opening import opened
from inventory.cli.progress import bar
from inventory.cli.signals import stop_on_signal
from inventory.config.database_url import parse_url, render_masked, sqlite_path
from inventory.config.extras import installed, remedy
from inventory.errors import UsageError
from inventory.read import queries
from inventory.read.creators import list_creators
from inventory.read.render import show
from inventory.store import database
from inventory.whole_file import whole_file
from inventory.wording import counted

EVENT_COLUMNS = ("occurred_at", "event", "instance_id", "instance_type", "region", "status", "creator_user_nickname")
CREATOR_COLUMNS = (
    "creator_user_nickname", "instances_created", "created_before_watch", "live_now", "hours_low", "gpu_hours_low",
)  # fmt: skip

GENERATOR = b'<meta name="generator" content="inventory '


def simulate_command(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Where to listen; 0 picks a free one.")
    ] = 8123,
    instances: Annotated[int, typer.Option("--instances", metavar="N", min=0, help="How many live on average.")] = 60,
    churn: Annotated[
        float,
        typer.Option("--churn", metavar="FACTOR", min=0, max=1000, help="How fast the fleet changes; 1 is realistic."),
    ] = 1.0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed makes the same fleet to begin with.")
    ] = 0,
    speed: Annotated[
        float, typer.Option("--speed", metavar="FACTOR", min=0, max=1_000_000, help="Made-up seconds per second.")
    ] = 60.0,
) -> None:
    """Serve a made-up, lively fleet as fal's API does.

    It is served on this machine only, until Ctrl-C. Any key is accepted. Writes nothing.

    \b
    Examples:
      inventory simulate
      inventory simulate --port 9000 --instances 500 --churn 5
      FAL_KEY=any INVENTORY_API_URL=http://127.0.0.1:8123/v1 inventory sync
    """
    from inventory.simulator import LivelyFleet, Simulator

    began = datetime.now(UTC)
    fleet = LivelyFleet(seed=seed, start=began, instances=instances, churn=churn)
    with Simulator(fleet, port=port, max_page_size=1000) as simulator, stop_on_signal() as stop:
        pace = f"an hour passes in {3600 / speed:g} s" if speed else "time stands still"
        print(f"A made-up fleet of {counted(len(fleet), 'instance')} at {simulator.url} ({pace}).")
        print(f"Try: FAL_KEY=any INVENTORY_API_URL={simulator.url} inventory sync", flush=True)
        while not stop.wait(0.5):
            fleet.advance(began + (datetime.now(UTC) - began) * speed)
    log.say("Stopped.")


def demo_command(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=365, help="How many days of hourly runs.")
    ] = 30,
    url: Annotated[str, typer.Option("--database", metavar="URL", help="Where to keep it.")] = "sqlite:///demo.db",
) -> None:
    """Watch a made-up fleet for a month, in a minute.

    It runs the real sync over real HTTP, with a simulated clock. Needs no key. Replaces a database that a demo made;
    any other that is not empty is refused. Writes demo.db, or the database of `--database`. If the extra `report` is
    installed, also writes a page with charts (`inventory report`): demo.html, or for another SQLite file a page with
    its name beside it.

    \b
    Examples:
      inventory demo
      inventory demo --days 7 --database postgresql://inventory@db/demo
    """
    from inventory.demo import QUERIES, demo
    from inventory.report import gather, page

    log.configure(log.style(), "error")  # the demo causes outages on purpose: do not log them
    file = _page_of(url) if installed("report") else None
    with whole_file(file) if file else nullcontext() as opened_file:
        with bar(f"{counted(days, 'day')} of hourly runs") as advance:
            result = demo(url, days=days, progress=advance)
        with opened(url) as engine, database.reading(engine) as connection:
            fleet = list(queries.instances(connection))
            events = list(queries.events(connection, limit=5))
            creators = list_creators(connection)
            data = gather(connection, written_at=database.now(connection)) if opened_file else None
        if opened_file and data:
            opened_file.write(page(data))
    named = render_masked(parse_url(url))
    print(f"\nThe fleet now: {counted(len(fleet), 'instance')}. `inventory list --database {named}` lists all.")
    print("The last five to appear:\n")
    show(fleet[-5:], "instances", columns=[name for name in FLEET_COLUMNS if name != "account"], headings=HEADINGS)
    print("\nThe last changes\n")
    show(events, "changes", columns=EVENT_COLUMNS, headings=HEADINGS)
    print("\nWho created what\n")
    show(creators, "creators", columns=CREATOR_COLUMNS, headings=HEADINGS)
    print(
        f"\n{result.runs} runs in {result.seconds:.0f} s are in {result.database}. Three questions to try next, in SQL:"
    )
    for title, sql in QUERIES:
        print(f"\n-- {title}\n{sql};")
    if file:
        print(f"\nThe same as a page with charts: open {file} in a browser.")
    else:
        log.say(f"For a page with charts: {remedy('report')}, then `inventory report`.")


def _page_of(url: str) -> Path:
    """Return the path of the demo's HTML page: the SQLite file with the suffix `.html`; `demo.html` for PostgreSQL.

    Raise UsageError if this is the path of the database itself, or if a file at this path cannot be read or is no page
    of inventory.
    """
    file = sqlite_path(parse_url(url))
    page_file = Path("demo.html") if file is None else file.with_suffix(".html")
    if page_file == file:
        raise UsageError(
            f"{file} would be the database and the page with charts. Name the database otherwise, such as demo.db."
        )
    try:
        is_other = page_file.is_file() and GENERATOR not in page_file.read_bytes()[:10_000]
    except OSError as error:
        raise UsageError(f"{page_file} cannot be read: {error.strerror}. Nothing was done.") from None
    if is_other:
        raise UsageError(f"{page_file} is no page of inventory; a demo does not replace it. Nothing was done.")
    return page_file
