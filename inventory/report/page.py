"""Render the page as one text: style, scripts, data, and a content security policy that forbids everything else."""

import json
import resource
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

from inventory import __version__
from inventory.errors import InventoryError
from inventory.report.chart_library import chart_library
from inventory.report.charts import COLOURS, charts

ADDRESS_SPACE = 100 << 30
"""The address space in bytes that the JavaScript engine V8 must be able to reserve.

V8 uses little of it, but fails if only 64 GiB are allowed.
"""


def page(data: dict[str, Any]) -> str:
    """Return the HTML page for the data that `gather` returns.

    The content security policy allows only the page's own scripts and style, by their hashes, and images in `data:`
    URLs. It allows no request. It allows no code made from strings either, so Vega interprets its expressions. Raise
    InventoryError if a limit of the process allows too little address space, or if `chart_library` fails.
    """
    if 0 <= resource.getrlimit(resource.RLIMIT_AS)[0] < ADDRESS_SPACE:  # with less, V8 kills its process
        raise InventoryError(
            f"The library of the charts reserves up to {ADDRESS_SPACE >> 30} GiB of address space, and `ulimit -v` "
            "allows less; nothing was written. Run this command without that limit."
        )
    style = _file("page.css")
    scripts = (chart_library(), _file("count.js") + _file("page.js"))
    for script in scripts:
        if "</script" in script.lower() or "<!--" in script:
            raise ValueError("a script that would end its own element")
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_file("page.html")).substitute(
        policy=policy,
        style=style,
        library=scripts[0],
        script=scripts[1],
        version=__version__,
        data=_json(data | {"charts": charts(), "colours": COLOURS}),
    )


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Return ASCII JSON with `<`, `>` and `&` as escapes, so that no text in it can end the HTML element around it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
