"""A hook of MkDocs: the build of the site also checks the links in the Markdown files of the checkout's root."""

import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)\"""")

log = logging.getLogger("mkdocs.hooks.links")  # below "mkdocs", so that --strict counts its warnings


def on_env(env: Any, *, config: Any, files: Any) -> None:  # noqa: ARG001 - MkDocs passes arguments by name
    """Warn of each dead link in the Markdown files of the checkout's root. Links to other sites are not checked."""
    for page in sorted(ROOT.glob("*.md")):
        for found in LINK.findall(page.read_text(encoding="utf-8")):
            target = found[0] or found[1]
            if not re.match(r"\w+:", target) and not _exists(target, files):
                log.warning("%s links to %s, which is not there", page.name, target)


def _exists(target: str, files: Any) -> bool:
    path, _, anchor = target.partition("#")
    if not path or not (ROOT / path).exists():
        return False
    if not anchor:
        return True
    file = files.get_file_from_path(path.removeprefix("docs/")) if path.startswith("docs/") else None
    return file is not None and anchor in (file.page.present_anchor_ids or ())
