"""Draw the pictures in README.md, which show the report of a demo: `python tools/picture.py`. It needs a Chromium.

The demo ends at a fixed time, so that the same program draws the same fleet.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from inventory import log
from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.report import gather, page
from inventory.store import database
from inventory.whole_file import whole_file

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import chromium  # noqa: E402 - found in the folder of the tests

ASSETS = ROOT / "docs" / "assets"
ENDS = datetime(2026, 3, 9, 12, tzinfo=UTC)
SIZE = {"width": 1180, "height": 660}
MOST_BYTES = 300_000


def main() -> None:
    """Write docs/assets/report-light.png and report-dark.png. Exit with an error if they exceed MOST_BYTES together."""
    with TemporaryDirectory() as folder:
        html = Path(folder) / "demo.html"
        _write_report(f"sqlite:///{folder}/demo.db", html)
        pictures = [_draw(html, theme) for theme in ("light", "dark")]
    if (size := sum(picture.stat().st_size for picture in pictures)) > MOST_BYTES:
        sys.exit(f"The pictures have {size:,} bytes; {MOST_BYTES:,} is the most. Make SIZE smaller.")


def _write_report(url: str, html: Path) -> None:
    log.configure("text", "error")  # do not log the outages that the demo plans
    demo(url, days=30, now=ENDS)
    engine = database.connect(parse_url(url))
    with whole_file(html) as file, database.reading(engine) as connection:
        file.write(page(gather(connection, written_at=ENDS)))
    engine.dispose()


def _draw(html: Path, theme: str) -> Path:
    """Write a picture of the top of the page, as a browser in the theme `light` or `dark` shows it. Return its path."""
    picture = ASSETS / f"report-{theme}.png"
    with chromium() as browser:
        opened = browser.new_page(viewport=SIZE, color_scheme=theme, device_scale_factor=1.5)
        opened.goto(html.as_uri())
        opened.wait_for_function(
            "[...document.querySelectorAll('.chart')].every((each) => each.dataset.ready === 'yes')"
        )
        opened.screenshot(path=picture)
    print(f"{picture}: {picture.stat().st_size:,} bytes")
    return picture


if __name__ == "__main__":
    main()
