"""Print the life of one instance: a summary, a table of its episodes, and a table of its events."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from inventory.cli.look import HEADINGS
from inventory.read.relations import Row
from inventory.read.render import cell, facts, show
from inventory.record import PAYLOAD

if TYPE_CHECKING:
    from datetime import datetime

EPISODE_COLUMNS = (
    "episode", "creator_user_nickname", "appeared_after", "appeared_at", "last_seen_at", "vanished_at", "hours_low",
    "hours_high",
)  # fmt: skip


def print_biography(row: Row) -> None:
    """Print the summary of an instance, the table of its episodes, and the table of its events.

    `row` is one item of the list that `queries.biographies` returns.
    """
    episodes = row["episodes"]
    facts(
        [
            ("instance", row["instance_id"]),
            ("account", row["account"]),
            ("presence", _presence(row)),
            ("created by", f"{shown_value(episodes[0]['creator_user_nickname'])}, {_created(episodes[0])}"),
            ("first seen", row["first_seen_at"]),
            ("last seen", row["last_seen_at"]),
            ("hours", _bounds(episodes, "hours")),
            ("GPU hours", _bounds(episodes, "gpu_hours")),
            *((HEADINGS.get(name, name), row[name]) for name in PAYLOAD if row[name] is not None),
        ]
    )
    print("\nEpisodes\n")
    show(episodes, "episodes", columns=EPISODE_COLUMNS, headings=HEADINGS)
    print("\nHistory\n")
    show(list(_history(row)), "history", columns=("at", "event", "field", "before", "after"))


def _presence(row: Row) -> str:
    if row["presence"] == "vanished":
        return f"vanished between {cell(row['last_seen_at'])} and {cell(row['vanished_at'])}"
    if row["presence"] == "missing":
        held = "; held until `inventory missing --accept` or until it is seen" if row["held"] else ""
        return f"missing since {cell(row['missing_since'])}{held}"
    return "live"


def _created(episode: Row) -> str:
    if episode["appeared_after"] is None:
        return f"before the account's first complete run; seen at {cell(episode['appeared_at'])}"
    return f"between {cell(episode['appeared_after'])} and {cell(episode['appeared_at'])}"


def _bounds(episodes: Sequence[Row], what: str) -> str:
    """Return the lower and the upper bound of the hours of all episodes together, as text.

    `what` is `hours` or `gpu_hours`. The text is `unknown` if a lower bound is null. If only an upper bound is null,
    the text has the lower bound, and says why there is no upper one.
    """
    low, high = ([row[f"{what}_{bound}"] for row in episodes] for bound in ("low", "high"))
    if None in low:
        return "unknown"
    if None not in high:
        return f"{cell(sum(low))} to {cell(sum(high))}"
    going_on = episodes[-1]["vanished_at"] is None
    return f"{cell(sum(low))} at least; " + ("it goes on" if going_on else "when it was created is not known")


def _history(row: Row) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of events, the oldest event first.

    A `changed` event has a row for each field that changed. A `vanished` event has one row without a field. Any other
    event has a row for each field that is not null, or one row without a field if all are null. Only the first row of
    an event holds `at` and `event`.
    """
    changed: dict[datetime, list[Row]] = {}
    for change in row["field_changes"]:
        changed.setdefault(change["changed_at"], []).append(change)
    for event in row["events"]:
        at = {"at": event["occurred_at"], "event": event["event"]}
        if event["event"] == "changed":
            parts = [
                {
                    "field": part["field"],
                    "before": shown_value(part["old_value"]),
                    "after": shown_value(part["new_value"]),
                }
                for part in changed.get(event["occurred_at"], [])
            ]
        elif event["event"] == "vanished":
            parts = []
        else:
            parts = [{"field": name, "after": event[name]} for name in PAYLOAD if event[name] is not None]
        yield at | (parts[0] if parts else {})
        yield from parts[1:]


def shown_value(value: str | None) -> str:
    """Return the value, or `(none)` for None."""
    return "(none)" if value is None else value
