"""The HTTP half: client, pages, walk and confirmation. The only package that imports httpx and httpcore."""

import sys

# httpx imports its own command line where it can, with rich, click and pygments: half of its time, and 8 MB.
# It does without if that import fails.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
