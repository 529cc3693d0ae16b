"""The page as one text: the template with its style, its scripts and its data, and the policy that forbids all else."""

import json
import resource
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

from inventory import __version__
from inventory.errors import InventoryError
from inventory.report.charts import COLOURS, charts

ADDRESS_SPACE = 100 << 30
"""Bytes that V8 may reserve, without using them: 64 GiB were too few."""


def page(data: dict[str, Any]) -> str:
    """The HTML page of what `gather` read.

    The policy allows its own scripts and style, by their hashes, and nothing else: no request of any kind, and no code
    made from strings (Vega interprets its expressions).
    """
    if 0 <= resource.getrlimit(resource.RLIMIT_AS)[0] < ADDRESS_SPACE:  # below, V8 kills the process
        raise InventoryError(
            f"The library of the charts reserves up to {ADDRESS_SPACE >> 30} GiB of address space, and `ulimit -v` "
            "allows less; nothing was written. Run it without that limit."
        )
    from vl_convert import javascript_bundle

    style = _file("page.css")
    bundle = javascript_bundle()  # type: ignore[call-arg]  # its types lack the default
    scripts = (bundle, _file("count.js") + _file("page.js"))
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
    """JSON in which nothing ends the element around it: ASCII, and `<`, `>`, `&` written as escapes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
