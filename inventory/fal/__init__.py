"""The HTTP half of the program: client, pages, walk and confirmation. No other package imports httpx or httpcore."""

import sys

# `import httpx` also tries to import httpx's command line, and with it rich, click and pygments. These would take half
# of the time of the import, and 8 MB of memory. The entry None makes the import of the command line fail, and httpx
# works without its command line.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
