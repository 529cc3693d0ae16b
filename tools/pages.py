"""Write the pages that are made from the program: `python tools/pages.py`.

A test fails if a page is not up to date.
"""

from collections.abc import Callable
from pathlib import Path

from command_pages import commands_markdown, man_page
from dbt_sources import dbt_sources
from inventory.store.schema_docs import schema_markdown
from setting_pages import settings_markdown, settings_schema

ROOT = Path(__file__).parents[1]

PAGES: dict[str, Callable[[], str]] = {
    "docs/commands.md": commands_markdown,
    "docs/settings.md": settings_markdown,
    "docs/inventory.schema.json": settings_schema,
    "docs/schema.md": schema_markdown,
    "docs/inventory.1": man_page,
    "dbt/models/sources.yml": dbt_sources,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
