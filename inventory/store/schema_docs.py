"""The catalogue as text: comments for PostgreSQL, and the page docs/schema.md."""

from collections.abc import Iterator

from inventory.store.catalogue import RELATIONS
from inventory.store.columns import Relation


def comments() -> Iterator[str]:
    """Yield the COMMENT statements for PostgreSQL, to be run by `exec_driver_sql` without parameters."""
    for relation in RELATIONS:
        yield f"COMMENT ON {relation.kind.upper()} {relation.name} IS {_literal(relation.meaning)}"
        for column in relation.columns:
            yield f"COMMENT ON COLUMN {relation.name}.{column.name} IS {_literal(column.meaning)}"


def schema_markdown() -> str:
    """Return the text of docs/schema.md: every relation with its columns."""
    return "\n".join(
        (
            "# Tables and views",
            "",
            "Written from `inventory/store/catalogue.py`; a test compares them. Columns marked *internal* may change.",
            "All times are UTC: `timestamptz` on PostgreSQL, text `YYYY-MM-DD HH:MM:SS.ffffff` on SQLite.",
            "Days are UTC too: `date` on PostgreSQL, text `YYYY-MM-DD` on SQLite.",
            "",
            "How they join: an arrow leads from a row to the one that it belongs to, and names the columns.",
            "Rounded boxes are views. Every relation but `calendar` has `account`.",
            "",
            "```mermaid",
            *diagram(),
            "```",
            *(line for relation in RELATIONS for line in _section(relation)),
            "",
        )
    )


_KEYS = (
    ("instance_episodes", ("account", "instance_id", "episode")),
    ("instances", ("account", "instance_id")),
    ("accounts", ("account",)),
)
"""Relations that others refer to, each with its key: the columns that identify one of its rows.

Any other relation that has all columns of a key refers to the relation with that key. If it has the columns of several
keys, `diagram` draws an arrow only for the first of these keys in the list.
"""

_RUN_IDS = ("run_id", "opened_by_run_id", "closed_by_run_id")


def diagram() -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart of all relations.

    An arrow leads from a relation to the one that its rows belong to, with the names of the columns that join the two.
    """
    yield "flowchart LR"
    for relation in RELATIONS:
        left, right = ("([", "])") if relation.kind == "view" else ("[", "]")
        yield f"    {relation.name}{left}{relation.name}{right}"
    for relation in RELATIONS:
        columns = [column.name for column in relation.columns]
        keys = [(name, key) for name, key in _KEYS if {*columns} >= {*key} and name != relation.name]
        if keys:
            name, key = keys[0]
            yield f"    {relation.name} -- {', '.join(key)} --> {name}"
        runs = [name for name in _RUN_IDS if name in columns]
        if runs and relation.name != "sync_runs":
            yield f"    {relation.name} -- {', '.join(runs)} --> sync_runs"
        if "day" in columns and relation.name != "calendar":
            yield f"    {relation.name} -- day --> calendar"


def _section(relation: Relation) -> Iterator[str]:
    yield from (
        "",
        f"## `{relation.name}` ({relation.kind})",
        "",
        relation.meaning,
        "",
        "| column | meaning |",
        "|---|---|",
    )
    for column in relation.columns:
        meaning = column.meaning.replace("Internal:", "*Internal:*").replace("<", "&lt;").replace("|", "\\|")
        yield f"| `{column.name}` | {meaning} |"


def _literal(text: str) -> str:
    """Return the text as an SQL literal, with each % doubled, because psycopg takes a single % for a placeholder."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
