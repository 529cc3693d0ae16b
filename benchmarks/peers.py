"""Compare the cost and the correctness of `inventory` with those of tools that a user might take instead.

    python benchmarks/peers.py [--setups 1000x1000x0,10000x100x20,...] [--rounds 3] [--patience 5]
                               [--peers inventory,dlt scd2,...] [--backends sqlite,postgresql] [--postgresql URL]
                               [--json FILE] [--chart FILE.svg] [--tools FOLDER]

A setup has three numbers: the instances of the list, the instances on a page, and the milliseconds that the server
waits before each answer.

A tool that needs libraries of its own gets an environment with the exact versions that PEERS lists. `--tools` names a
folder that keeps these environments for the next time.

Whole processes are measured, against a server that has its pages ready. The time of a tool includes the interpreter and
the shell that start it: a few hundredths of a second. The memory is that of the largest process of a run. Before each
run of a tool, a bare walk of the list is measured. A ratio is the time of the run divided by the time of this bare
walk. The table shows medians over the rounds. If a run of a tool takes longer than `--patience` seconds, the tool makes
no more rounds in this setup. If a run takes longer than six times `--patience`, the tool is left out of later setups
with more instances. Both rules apply to each backend separately.

In each round, a tool makes four runs:

    first     into an empty database
    quiet     with nothing changed
    changed   with 2 % changed and 0.05 % gone
    replaced  with 1 % changed, 0.5 % gone and 0.5 % new

`inventory` asks for each gone instance by its id. If more than 200 are gone, it walks the list a second time instead.

After the fourth run, the rows of the tool are compared with the list. The counts are those of the worst round:

    ghosts   rows that count as live although they are not on the list
    missing  instances of the list without a live row
    wrong    live rows with another status than on the list

After the first round of the setup 10000x100x0, each tool makes two more runs, with faults:

    failed   live rows that the tool loses in a run in which every request for the middle page fails
    empty    live rows that the tool loses in a run in which the middle page comes once without its instances

The output is Markdown. The scripts of the other tools are in `benchmarks/peers/`.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psycopg
from sqlalchemy.engine import make_url

from arguments import positive, some_of
from fal import Server, serving
from walk import BACKENDS, BARE, databases, measure

HERE = Path(__file__).parent / "peers"
sys.path.insert(0, str(HERE))

from pages import walk  # noqa: E402

KINDS: dict[str, Callable[[int], dict[str, int]] | None] = {
    "first": None,
    "quiet": None,
    "changed": lambda size: {"changed": size // 50, "gone": size // 2000},
    "replaced": lambda size: {"changed": size // 100, "gone": size // 200, "new": size // 200},
}
"""The kinds of runs, in the order of a round. Each has a function, or None if the list is not edited before the run.

The function takes the number of instances of the setup. It returns the arguments with which `Server.edit` is called.
"""


class Setup(NamedTuple):
    """The sizes of the list and of a page, and the delay of the server."""

    instances: int
    page: int
    """The number of instances on a page."""
    delay: float
    """Milliseconds that the server waits before each answer."""


def setups(text: str) -> list[Setup]:
    """Return the setups in a text such as `1000x100x20,10000x100x0`."""
    found = [re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x(\d+(?:\.\d+)?)", each) for each in text.split(",")]
    if None in found:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of setups such as 1000x100x20,10000x100x0")
    return [Setup(int(each[1]), int(each[2]), float(each[3])) for each in found if each]


SETUPS = "1000x1000x0,10000x1000x0,10000x100x0,10000x100x20,100000x1000x0,1000000x1000x0"
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
JUDGED = Setup(10_000, 100, 0)
"""The setup in which a page is made to fail or to come empty."""
CHARTED = 1_000, 0
"""The page size and the delay of the setups in the chart."""


@dataclass(frozen=True)
class Peer:
    """A tool that is compared with others: how to install it, how to run it, and how to read its rows.

    `versions` are the distributions that the tool needs, each with its exact version. `live` is an SQL query for the id
    and the status of each row that counts as live. `command` is the shell command of a run.

    In the command, `{python}` is the Python of the tool's environment, `{bin}` the folder of its programs, and `{here}`
    the folder of the scripts. `{url}` is the URL of the API, `{page}` the number of instances on a page, and
    `{database}` the path of a SQLite file or the URL of a PostgreSQL database. The function `setup` writes files for
    the command. Its arguments are the folder in which the command runs, and a dict with the values of `{url}`,
    `{page}` and `{database}`.
    """

    versions: tuple[str, ...]
    command: str
    live: str
    backends: tuple[str, ...] = ("sqlite", "postgresql")
    setup: Callable[[Path, dict[str, str]], None] | None = None


def _singer(folder: Path, values: dict[str, str]) -> None:
    """Write the configuration files of the tap and the target into the folder."""
    (folder / "tap.json").write_text(json.dumps({"url": values["url"], "page": values["page"]}))
    target: dict[str, Any] = {"sqlalchemy_url": values["database"].replace("postgresql:", "postgresql+psycopg2:", 1)}
    target |= {"activate_version": False, "default_target_schema": "public"}
    (folder / "target.json").write_text(json.dumps(target))


PLAIN = "SELECT id, status FROM fleet"
PEERS = {
    "inventory": Peer(
        (),
        "{python} -c 'from inventory.cli import main; main()' sync",
        "SELECT instance_id, status FROM instances WHERE presence = 'live'",
    ),
    "minimal script": Peer((), "{python} {here}/minimal.py {url} {page} {database}", PLAIN),
    "ORM merge": Peer((), "{python} {here}/orm_merge.py {url} {page} {database}", PLAIN),
    "sqlite-utils": Peer(
        ("sqlite-utils==4.2.1", "httpx==0.28.1"),
        "{python} {here}/with_sqlite_utils.py {url} {page} {database}",
        PLAIN,
        backends=("sqlite",),
    ),
    "dlt scd2": Peer(
        ("dlt[postgres,sqlalchemy]==1.31.0",),
        "{python} {here}/with_dlt.py {url} {page} {database} scd2",
        f"{PLAIN} WHERE _dlt_valid_to IS NULL",
    ),
    "dlt upsert": Peer(
        ("dlt[postgres,sqlalchemy]==1.31.0",),
        "{python} {here}/with_dlt.py {url} {page} {database} upsert",
        PLAIN,
        backends=("postgresql",),
    ),
    "Singer": Peer(
        ("singer-sdk==0.54.9", "meltanolabs-target-postgres==0.8.1"),
        "{python} {here}/tap.py --config tap.json | {bin}/target-postgres --config target.json",
        PLAIN,
        backends=("postgresql",),
        setup=_singer,
    ),
}


@dataclass
class Result:
    """The results of one tool on one backend in one setup.

    `seconds` and `ratios` have a list for each kind of run, with one number a round. `megabytes` is the peak memory of
    the largest process of all runs, in MiB. The docstring of this file explains the counts. `failed` and `empty` are
    None where no page was made to fail.
    """

    peer: str
    backend: str
    instances: int
    page: int
    delay: float
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    ratios: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    megabytes: float = 0
    ghosts: int = 0
    missing: int = 0
    wrong: int = 0
    failed: int | None = None
    empty: int | None = None

    def slowest(self) -> float:
        """Return the seconds of the slowest run."""
        return max(map(max, self.seconds.values()))


def python_of(peer: Peer, tools: Path) -> Path:
    """Return the path of the tool's Python. Make the tool's environment if it is not in the folder `tools`.

    A tool without `versions` has the Python of this process.
    """
    if not peer.versions:
        return Path(sys.executable)
    folder = tools / re.sub(r"[^\w.]+", "-", " ".join(peer.versions))
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *peer.versions], check=True)
        (folder / "ready").touch()
    return folder / "bin" / "python"


@contextlib.contextmanager
def postgresql(given: str | None) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server on which databases may be created.

    It is `given`, or the value of TEST_DATABASE_URL, or the URL of a new server. The URL of a new server names a TCP
    port and a password, because all tools accept such a URL.
    """
    if found := given or os.environ.get("TEST_DATABASE_URL"):
        yield found
        return
    from support.postgres import server

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    os.environ["PGPORT"] = port  # libpq finds the socket of the server by its port
    with server(shared_buffers="128MB", listen_addresses="127.0.0.1", port=port) as started:
        url = make_url(started.url_of("postgres")).set(host="127.0.0.1", port=int(port), password="any", query={})
        yield url.set(drivername="postgresql").render_as_string(hide_password=False)


class Contestant:
    """A tool on one backend. It runs several times on a database of its own."""

    def __init__(self, peer: Peer, python: Path, folder: Path, values: dict[str, str]) -> None:
        if peer.setup is not None:
            peer.setup(folder, values)
        self._peer = peer
        self._folder = folder
        self._values = values
        words = {name: shlex.quote(str(value)) for name, value in values.items()}
        self._command = peer.command.format(
            python=shlex.quote(str(python)), here=shlex.quote(str(HERE)), bin=shlex.quote(str(python.parent)), **words
        )

    def run(self) -> tuple[float, float]:
        """Run the tool once; return its seconds and its peak memory in MiB. A failure ends the benchmark."""
        words = ["bash", "-eo", "pipefail", "-c", self._command]
        code = f"import os; os.chdir({str(self._folder)!r}); os.execvp('bash', {words!r})"
        seconds, _, megabytes = measure(code, **self._environment())
        return seconds, megabytes

    def run_whatever_happens(self) -> None:
        """Run the tool once; ignore its exit code."""
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", self._command],
            cwd=self._folder, env=os.environ | self._environment(), capture_output=True, check=False,
        )  # fmt: skip

    def live(self) -> dict[str, str]:
        """Return the tool's rows that count as live, as a dict from id to status.

        An id with several such rows gets the status `two rows`. The API has no such status, so the id counts as wrong.
        """
        place = self._values["database"]
        if place.startswith("postgresql"):
            with psycopg.connect(place) as connection:
                rows = connection.execute(self._peer.live).fetchall()  # type: ignore[call-overload]
        else:
            with contextlib.closing(sqlite3.connect(place)) as connection:
                rows = connection.execute(self._peer.live).fetchall()
        found: dict[str, str] = {}
        for id_, status in rows:
            found[id_] = "two rows" if id_ in found else status
        return found

    def _environment(self) -> dict[str, str]:
        place = self._values["database"]
        return {
            "FAL_KEY": "a:b",
            "INVENTORY_API_URL": self._values["url"],
            "INVENTORY_PAGE_SIZE": self._values["page"],
            "INVENTORY_RETRY_MAX_WAIT": "1",  # shortens the retries for the page that fails
            "INVENTORY_DATABASE_URL": place if place.startswith("postgresql") else f"sqlite:///{place}",
        }


def listed(url: str, page: int) -> dict[str, str]:
    """Return the list as a dict from the id of each instance to its status."""
    return {item["id"]: item["status"] for items in walk(url, page) for item in items}


Results = dict[tuple[str, str], Result]
"""A dict from a tool and a backend to their result."""


def compete(postgres: str, options: argparse.Namespace, setup: Setup, left_out: set[tuple[str, str]]) -> Results:
    """Run each tool on each backend in this setup, and return the results.

    `left_out` has the pairs (tool, backend) that are not run.
    """
    names = [name for name in PEERS if name in options.peers]
    keys = [(name, backend) for name in names for backend in PEERS[name].backends if backend in options.backends]
    results = {key: Result(*key, setup.instances, setup.page, setup.delay) for key in keys if key not in left_out}
    with serving(setup.delay / 1000) as server:
        for number in range(options.rounds):
            again = {key: each for key, each in results.items() if number == 0 or each.slowest() <= options.patience}
            with contestants_for(server, postgres, options.tools, setup, list(again)) as contestants:
                play_round(server, setup, contestants, again)
                if number == 0 and setup == JUDGED:
                    judge(server, setup, contestants, again)
    return results


@contextlib.contextmanager
def contestants_for(
    server: Server, postgres: str, tools: Path, setup: Setup, keys: list[tuple[str, str]]
) -> Iterator[dict[tuple[str, str], Contestant]]:
    """Yield a dict from each pair (tool, backend) in `keys` to a Contestant with its own folder and database."""
    with tempfile.TemporaryDirectory() as folder, databases(postgres) as fresh:
        contestants = {}
        for name, backend in keys:
            place = Path(folder) / f"{name}-{backend}".replace(" ", "-")
            place.mkdir()
            database = fresh[backend]() if backend == "postgresql" else str(place / "fleet.db")
            values = {"url": server.url, "page": str(setup.page), "database": database}
            contestants[name, backend] = Contestant(PEERS[name], python_of(PEERS[name], tools), place, values)
        yield contestants


def play_round(server: Server, setup: Setup, contestants: dict[tuple[str, str], Contestant], results: Results) -> None:
    """Make the runs of one round, each after a bare walk; then compare the rows of each tool with the list.

    Add the numbers to `results`.
    """
    server.fleet(setup.instances, setup.page)
    for kind, edit in KINDS.items():
        if edit is not None:
            server.edit(**edit(setup.instances))
        for key, contestant in contestants.items():
            bare, *_ = measure(BARE, server.url, str(setup.page))
            seconds, megabytes = contestant.run()
            result = results[key]
            result.seconds[kind].append(seconds)
            result.ratios[kind].append(seconds / bare)
            result.megabytes = max(result.megabytes, megabytes)
            say(f"{setup}, {kind}: {' on '.join(key)} {seconds:.2f} s")
    truth = listed(server.url, setup.page)
    for key, contestant in contestants.items():
        rows, result = contestant.live(), results[key]
        result.ghosts = max(result.ghosts, len(rows.keys() - truth.keys()))
        result.missing = max(result.missing, len(truth.keys() - rows.keys()))
        wrong = sum(rows[id_] != truth[id_] for id_ in rows.keys() & truth.keys())
        result.wrong = max(result.wrong, wrong)


def judge(server: Server, setup: Setup, contestants: dict[tuple[str, str], Contestant], results: Results) -> None:
    """Make two more runs of each tool: one in which the middle page fails, and one in which it comes empty.

    For each of these runs, store in `results` how many live rows of listed instances the tool loses. A tool that does
    not ask for the middle page ends the benchmark.
    """
    truth = listed(server.url, setup.page)
    middle = setup.instances // setup.page // 2
    for key, contestant in contestants.items():
        for name, fault in (("failed", {"failing": middle}), ("empty", {"empty_once": middle})):
            rows = contestant.live()
            server.break_page(**fault)
            contestant.run_whatever_happens()
            if not server.break_page():
                sys.exit(f"{' on '.join(key)} did not ask for the middle page, which was to be {name}")
            lost = len((truth.keys() & rows.keys()) - contestant.live().keys())
            setattr(results[key], name, lost)
            say(f"{setup}, a page is {name}: {' on '.join(key)} lost {lost}")


def say(text: str) -> None:
    """Print progress on stderr, in place of the last text."""
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def table(results: list[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        f"| instances | a page | ms | tool | {' | '.join(KINDS)} | MiB | ghosts | missing | wrong | failed | empty |",
        "|--:|--:|--:|---|" + "--:|" * (len(KINDS) + 6),
    ]
    for each in results:
        times = [f"{median(each.seconds[kind]):.2f} s, {median(each.ratios[kind]):.1f}" for kind in KINDS]
        counts = [each.ghosts, each.missing, each.wrong, each.failed, each.empty]
        row = [f"{each.instances:,}", f"{each.page:,}", f"{each.delay:g}", f"{each.peer}, {NAMES[each.backend]}"]
        row += [*times, f"{each.megabytes:.0f}", *("" if count is None else f"{count:,}" for count in counts)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def chart(results: list[Result]) -> str:
    """Return the chart as SVG: seconds by number of instances, with a line for each tool.

    There is a panel for each kind of run on each backend. Only results with the page size and the delay of CHARTED are
    drawn.
    """
    import vl_convert

    rows = [
        {"instances": each.instances, "tool": each.peer, "backend": NAMES[each.backend], "run": kind, "took": took}
        for each in results
        for kind, took in ((kind, median(each.seconds[kind])) for kind in KINDS)
        if (each.page, each.delay) == CHARTED
    ]
    specification: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "mark": {"type": "line", "point": True},
        "width": 220,
        "height": 220,
        "encoding": {
            "x": {
                "field": "instances",
                "type": "quantitative",
                "scale": {"type": "log"},
                "axis": {"format": "~s", "values": [1_000, 10_000, 100_000, 1_000_000]},
            },
            "y": {"field": "took", "title": "seconds", "type": "quantitative", "scale": {"type": "log"}},
            "color": {"field": "tool", "type": "nominal", "sort": list(PEERS)},
            "column": {"field": "run", "type": "nominal", "sort": list(KINDS), "title": None},
            "row": {"field": "backend", "type": "nominal", "title": None},
        },
        "background": "white",
    }
    return vl_convert.vegalite_to_svg(specification)


def main() -> None:
    """Measure all setups, print the table, and write the files that the options name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setups", type=setups, default=SETUPS)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--patience", type=float, default=5, metavar="SECONDS")
    parser.add_argument("--peers", type=some_of(PEERS), default=list(PEERS), metavar="TOOL,...")
    parser.add_argument("--backends", type=some_of(BACKENDS), default=BACKENDS)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which databases may be created")
    parser.add_argument("--tools", type=Path, metavar="FOLDER", help="where the tools' environments are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write an SVG there")
    options = parser.parse_args()
    results: list[Result] = []
    with contextlib.ExitStack() as stack:
        options.tools = options.tools or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(postgresql(options.postgresql))
        for setup in options.setups:
            left_out = {
                (each.peer, each.backend)
                for each in results
                if each.instances < setup.instances and each.slowest() > 6 * options.patience
            }
            results += compete(postgres, options, setup, left_out).values()
            if options.json:
                options.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    say("")
    print(f"Medians of {options.rounds} rounds; of fewer where a run took more than {options.patience:g} s.\n")
    print(table(results))
    if options.chart:
        options.chart.write_text(chart(results))


if __name__ == "__main__":
    main()
