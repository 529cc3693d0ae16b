"""The texts of docs/settings.md and of the JSON Schema for `inventory.toml`, made from the model of the settings."""

import json
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from inventory.config.alerts import AlertRule, AlertSettings
from inventory.config.keys import AccountSettings
from inventory.config.settings import Settings
from inventory.times import brief

VARIABLES = [
    ("FAL_KEY", "-", "The admin key of the account `default`. Never a flag, never logged."),
    ("FAL_KEY_ID, FAL_KEY_SECRET", "-", "The same in two parts, where `FAL_KEY` is not set."),
    ("INVENTORY_CONFIG", "`inventory.toml`", "The settings file."),
]
"""The environment variables that have no line in the settings file: (name, default, meaning)."""

TABLES = {"accounts", "alerts"}

EXAMPLE = """\
#:schema ./inventory.schema.json
database_url = "postgresql://inventory@db/inventory"
every = "5m"
ignore_changes = ["ip"]

[[accounts]]
name = "research"
api_key_env = "FAL_KEY_RESEARCH"

[[accounts]]
name = "production"
api_key_file = "/run/secrets/fal-production"

[alerts]
urls_file = "/run/secrets/alerts"
on = ["held", "stale", "key_refused", "recovery"]
stale_after = "30m"

[[alerts.rules]]
event = "appeared"
type = "gpu_8x_h100_sxm5"
"""


INTRODUCTION = """\
# Settings

Written from the program by `make pages`; a test compares them. `inventory config` shows what is in force, and where
each value came from.

Flags beat the environment, the environment beats the file `inventory.toml` in the working directory, and the file beats
the defaults. In the file the names are lower case and without `INVENTORY_`: `page_size = 50`.
"""

ABOUT_THE_FILE = """\
The key has to be an admin key, since it must see the whole workspace. A key file that others may read is refused. If
you own the key file, only you may read it (`chmod 600`). If another user owns it (`root:inventory`, mode 640), its
group may read it too. On a read-only mount (secrets of Docker and Kubernetes) whoever mounted it decides.

## The file

```toml
{example}```

[inventory.schema.json](inventory.schema.json) is a JSON Schema of this file. An editor that knows it (with Taplo, or
Even Better TOML in VS Code) completes names, shows what each means, and marks mistakes. Put the schema beside your
settings, and its name into the first line, as above. `inventory` itself names the line of a mistake.
"""


def settings_markdown() -> str:
    """Return the text of docs/settings.md."""
    lines = [INTRODUCTION, *_table(("variable", "default", "meaning"), [*VARIABLES, *SETTINGS])]
    lines += ["", ABOUT_THE_FILE.format(example=EXAMPLE).rstrip()]
    for title, text, model in (
        ("`[[accounts]]`", "One table for each account; its key is in one of the two places.", AccountSettings),
        ("`[alerts]`", "One of the first three says where to.", AlertSettings),
        ("`[[alerts.rules]]`", "Each has `event` or `older_than`.", AlertRule),
    ):
        rows = [
            (name, _default(field.get_default(call_default_factory=True)), field.description)
            for name, field in model.model_fields.items()
            if name != "rules"
        ]
        lines += ["", f"## {title}", "", text, "", *_table(("key", "default", "meaning"), rows)]
    return "\n".join([*lines, ""])


def settings_schema() -> str:
    """Return the text of docs/inventory.schema.json: what `inventory.toml` may hold."""
    schema = _tidy(Settings.model_json_schema())
    schema["properties"]["every"]["default"] = brief(Settings.model_fields["every"].default)
    about = {"$schema": "https://json-schema.org/draft-07/schema", "title": "inventory.toml"}
    return json.dumps(about | schema | {"description": "The settings of inventory."}, indent=2) + "\n"


def _tidy(schema: Any) -> Any:
    """Return a schema without null, which TOML cannot hold, and without some keys that pydantic adds."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _tidy(value) for key, value in schema.items() if key not in {"title", "gt", "format", "writeOnly"}}
    if "properties" in schema:
        kept["properties"] = {name: _tidy(value) for name, value in schema["properties"].items()}
    if kept.get("default", "") is None:
        del kept["default"]
    several = [each for each in kept.get("anyOf", []) if each != {"type": "null"}]
    if len(several) == 1:
        del kept["anyOf"]
        kept |= several[0]
    return kept


def _table(header: tuple[str, ...], rows: list[Any]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    return lines + [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows]


def _default(value: Any) -> str:
    """Return a default as a person writes it, marked as code; `-` if there is none."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{brief(value)}`"
    if isinstance(value, tuple) and value:
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value}`" if isinstance(value, int | float | str) else "-"


def _rows(model: type[BaseModel]) -> list[tuple[str, str, str]]:
    return [
        (f"INVENTORY_{name.upper()}", _default(field.default), field.description or "")
        for name, field in model.model_fields.items()
        if name not in TABLES
    ]


SETTINGS = _rows(Settings)
