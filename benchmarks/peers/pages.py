"""The walk that several scripts of this folder share: it gets every page of the list with httpx."""

from collections.abc import Iterator
from typing import Any

import httpx

COLUMNS = ("id", "instance_type", "region", "sector", "ip", "status", "creator_user_nickname")


def walk(url: str, page: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the instances of each page. Raise httpx.HTTPStatusError for an answer that is no success."""
    with httpx.Client(headers={"Authorization": "Key a:b"}, timeout=30) as client:
        cursor = None
        while True:
            query = {"limit": str(page)} | ({"cursor": cursor} if cursor else {})
            answer = client.get(f"{url}/compute/instances", params=query).raise_for_status().json()
            yield answer["instances"]
            if (cursor := answer["next_cursor"]) is None:
                return
