"""The text of dbt/models/sources.yml, which tells dbt the tables, views, columns and meanings of the catalogue."""

import json

from inventory.store.catalogue import RELATIONS

KEYS = {"accounts": "account", "calendar": "day", "operator_actions": "action_id", "sync_runs": "run_id"}
"""A dict from a relation to its only key column. Relations with a key of several columns are left out."""


def dbt_sources() -> str:
    """Return the text of dbt/models/sources.yml. Meanings are written as JSON strings, which are valid in YAML."""
    lines = [
        "# Written from inventory/store/catalogue.py: `make pages`.",
        "version: 2",
        "",
        "sources:",
        "  - name: inventory",
        "    description: The history of fal compute instances, as `inventory` recorded it.",
        "    schema: \"{{ var('inventory_schema') }}\"",
        "    tables:",
    ]
    for relation in RELATIONS:
        lines += [f"      - name: {relation.name}", f"        description: {json.dumps(relation.meaning)}"]
        if relation.name == "sync_runs":
            lines += [
                "        loaded_at_field: started_at",
                "        freshness:",
                "          warn_after: {count: 25, period: hour}",
                "          error_after: {count: 49, period: hour}",
                "          filter: complete",
            ]
        lines.append("        columns:")
        for column in relation.columns:
            lines += [f"          - name: {column.name}", f"            description: {json.dumps(column.meaning)}"]
            if column.name == KEYS.get(relation.name):
                lines.append("            tests: [unique, not_null]")
    return "\n".join([*lines, ""])
