"""The cover of a bundle: one HTML page, to be printed or read, made from the files of the bundle alone."""

import csv
import io
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import islice
from string import Template

from inventory.evidence.check import Account, Checkpoint, micros
from inventory.read.render import printable
from inventory.wording import counted

_TIME = re.compile(r"\A(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{6}Z\Z")

MOST = 200
"""The largest number of rows in a table on the cover. The CSV files have all rows."""


def cover_page(bundle: Mapping[str, bytes], accounts: list[Account]) -> str:
    """Return the cover as HTML. `bundle` is a dict from the name of each file of the bundle to its content.

    The page's Content-Security-Policy allows the style in the page, and nothing else.
    """
    style = _file("cover.css")
    period = f"{_text(accounts[0].since)} to {_text(accounts[0].until)}"
    return Template(_file("cover.html")).substitute(
        policy=f"default-src 'none'; style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
        style=style,
        period=period,
        accounts="".join(_section(bundle, account) for account in accounts),
        sql=_text(bundle["queries.sql"].decode(), lines=True),
    )


@dataclass
class _List:
    """A list of the bundle: its header, its first rows, and the number of all its rows."""

    header: list[str]
    rows: list[list[str]]
    count: int

    @classmethod
    def read(cls, content: bytes, most: int | None = MOST) -> "_List":
        csv.field_size_limit(max(csv.field_size_limit(), len(content)))  # `extra` may be longer than csv allows
        lines = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=""))
        header = next(lines)
        rows = list(islice(lines, most))
        return cls(header, rows, len(rows) + sum(1 for _ in lines))


def _section(bundle: Mapping[str, bytes], account: Account) -> str:
    def read(name: str, most: int | None = MOST) -> _List:
        return _List.read(bundle[f"{account.folder}/{name}"], most)

    created, vanished, observed = read("creations.csv"), read("disappearances.csv"), read("observed.csv", None)
    creators, gaps = read("creators.csv"), read("gaps.csv", None)
    for row in creators.rows:
        row[0] = row[0] or "not known"
    gaps.rows.sort(key=lambda row: -float(row[2]))
    figures = {
        "instances at the start": read("population_start.csv").count,
        "created": created.count,
        "disappeared": vanished.count,
        "instances at the end": read("population_end.csv").count,
        "of the time was observed": _share(account, observed.rows),
    }
    shown = "".join(f"<div><dd>{_text(str(value))}</dd><dt>{name}</dt></div>" for name, value in figures.items())
    return "".join(
        [
            f"<section><h2>Account {_text(account.name)}</h2><dl>{shown}</dl>",
            _table("Creators", creators),
            _table("Creations", created),
            _table("Disappearances", vanished),
            _table("What operators did, and why", read("acts.csv")),
            _table("How much of each day was observed", observed),
            _table("The longest gaps", gaps),
            _checkpoint(account, Checkpoint.parse(bundle[f"{account.folder}/checkpoint"])),
        ]
    )


def _checkpoint(account: Account, checkpoint: Checkpoint) -> str:
    signed = "signed" if checkpoint.signatures else "unsigned"
    entries = counted(checkpoint.size, "entry", "entries")
    about = f"{checkpoint.origin}, {entries}, root {b64encode(checkpoint.root).decode()}, {signed}."
    where = f"The files of this account are in the folder {account.folder}."
    return f"<h3>Checkpoint</h3><p>{_text(about)} {_text(where)}</p></section>"


def _share(account: Account, days: list[list[str]]) -> str:
    """Return the observed share of the period as text, such as `99.3 %`, rounded down to a tenth of a per cent.

    `days` are the rows of observed.csv.
    """
    length = (micros(account.until) - micros(account.since)) / 1e6
    return f"{int(1000 * sum(float(row[1]) for row in days) / length) / 10} %"


def _table(title: str, found: _List) -> str:
    if not found.rows:
        return f"<h3>{title}</h3><p>None in this period.</p>"
    more = f"<p>The first {MOST} of {found.count:,}; the CSV file has all.</p>" if found.count > MOST else ""
    head = "".join(f"<th>{_text(name.replace('_', ' '))}</th>" for name in found.header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in found.rows[:MOST])
    return f"<h3>{title}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(text: str) -> str:
    """Return a cell of a table as HTML. A time is shown as `2026-03-06 22:00:00`, without its microseconds."""
    shown = _TIME.sub(r"\1 \2", text)
    return f"<td>{_text(shown)}</td>"


def _text(text: str, *, lines: bool = False) -> str:
    """Return a text escaped for HTML, with a visible escape for each unprintable character.

    With `lines`, the line breaks of the text are kept.
    """
    return escape("\n".join(map(printable, text.split("\n"))) if lines else printable(text))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
