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
            *(line for relation in RELATIONS for line in _section(relation)),
            "",
        )
    )


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
    """Return the text as a literal of SQL, with % doubled for psycopg."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
