"""The cover of a bundle: one HTML page, to be printed or read, made from the lists of the bundle alone."""

import csv
import io
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from inventory.evidence.check import Account, lists
from inventory.read.render import printable

MOST = 200
"""The rows of a table on the cover. The CSV files have all."""


def cover_page(accounts: list[Account], sql: str) -> str:
    """Return the cover. Its policy allows its own style, and nothing else."""
    style = _file("cover.css")
    period = f"{_text(accounts[0].since)} to {_text(accounts[0].until)}"
    return Template(_file("cover.html")).substitute(
        policy=f"default-src 'none'; style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
        style=style,
        period=period,
        accounts="".join(_section(account) for account in accounts),
        sql=_text(sql, lines=True),
    )


def _section(account: Account) -> str:
    tables = {name: list(csv.reader(io.StringIO(text))) for name, text in lists(account).items()}
    count = {name: len(rows) - 1 for name, rows in tables.items()}
    gaps = sorted(tables["gaps.csv"][1:], key=lambda row: -float(row[2]))
    figures = {
        "instances at the start": count["population_start.csv"],
        "created": count["creations.csv"],
        "disappeared": count["disappearances.csv"],
        "instances at the end": count["population_end.csv"],
        "of the time was observed": _share(tables["observed.csv"][1:]),
    }
    shown = "".join(f"<div><dd>{_text(str(value))}</dd><dt>{name}</dt></div>" for name, value in figures.items())
    creators = [[row[0] or "not known", *row[1:]] for row in tables["creators.csv"][1:]]
    return "".join(
        [
            f"<section><h2>Account {_text(account.name)}</h2><dl>{shown}</dl>",
            _table("Creators", tables["creators.csv"][0], creators),
            _table("Disappearances", tables["disappearances.csv"][0], tables["disappearances.csv"][1:]),
            _table("What operators did, and why", tables["acts.csv"][0], tables["acts.csv"][1:]),
            _table("How much of each day was observed", tables["observed.csv"][0], tables["observed.csv"][1:]),
            _table("The longest gaps", tables["gaps.csv"][0], gaps[:10]),
            f"<p>The files of this account are in the folder {_text(account.folder)}.</p></section>",
        ]
    )


def _share(days: list[list[str]]) -> str:
    """Return the observed share of the period, rounded down to a tenth of a per cent."""
    known = sum(float(row[1]) for row in days)
    length = sum(float(row[1]) / float(row[2]) if float(row[2]) else 86_400 for row in days)
    return f"{int(1000 * known / length) / 10 if length else 0} %"


def _table(title: str, header: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return f"<h3>{title}</h3><p>None in this period.</p>"
    more = f"<p>The first {MOST} of {len(rows):,}; the CSV file has all.</p>" if len(rows) > MOST else ""
    head = "".join(f"<th>{_text(name.replace('_', ' '))}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows[:MOST])
    return f"<h3>{title}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _text(text: str, *, lines: bool = False) -> str:
    """Return a text as HTML that no browser reads as markup, without control characters."""
    return escape("\n".join(map(printable, text.split("\n"))) if lines else printable(text))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
